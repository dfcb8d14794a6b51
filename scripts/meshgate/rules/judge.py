"""Ask every rule, and turn what it yields into findings."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from msgspec import structs

from meshgate.errors import MeshgateError, RuleError
from meshgate.model import (
    Baselined,
    Finding,
    Position,
    Related,
    Resource,
    Severity,
    Waiver,
    baselined,
    fingerprint,
)
from meshgate.rules.causes import JudgedViolation, one_for_each_cause
from meshgate.rules.context import Context
from meshgate.rules.rule import Phase, Rule, Violation

Locate = Callable[[Resource, str], Position | None]


def judge(context: Context, rules: Sequence[Rule], locate: Locate) -> list[Finding]:
    """The findings of one environment, sorted, waived ones included.

    Raises RuleError when a rule raises: silence would be a pass.
    """
    waivable = frozenset(rule.id for rule in rules if rule.waivable)
    judged: list[JudgedViolation] = []
    for rule in rules:
        if rule.phase is not Phase.WAIVER:
            judged += _findings(context, rule, locate)
    judged = [each._replace(finding=_waived(each.finding, waivable, context)) for each in judged]
    root = context.environment.mesh.root_namespace
    findings = list(one_for_each_cause(judged, context.violations, root))
    used = frozenset(finding.waiver for finding in findings if finding.waiver)
    findings = _without_baseline(findings, waivable, context)
    known = frozenset(f.fingerprint for f in findings if isinstance(f.waiver, Baselined))
    context = structs.replace(context, used_waivers=used, used_baseline=known)
    for rule in rules:
        if rule.phase is Phase.WAIVER:
            findings += [each.finding for each in _findings(context, rule, locate)]
    return sorted(findings, key=order)


def order(finding: Finding) -> tuple[object, ...]:
    """The order findings are reported in: environment, place, rule."""
    return (
        finding.environment or "",
        finding.source or ("~",),
        finding.rule,
        str(finding.resource or ""),
        finding.path,
        finding.message,
    )


def _findings(context: Context, rule: Rule, locate: Locate) -> Iterator[JudgedViolation]:
    name = context.environment.name
    seen: dict[tuple[str, str, str], int] = {}
    for violation in _violations(context, rule):
        resource = violation.resource
        print_key = (
            str(resource.ref if resource else violation.source),
            violation.path,
            violation.key,
        )
        repeat = seen[print_key] = seen.get(print_key, 0) + 1
        finding = Finding(
            rule=rule.id,
            name=rule.name,
            severity=_severity(context, rule, violation),
            message=violation.message,
            fix=violation.fix or rule.fix,
            decided=violation.decided,
            environment=name or None,
            resource=resource.ref if resource else None,
            path=violation.path,
            source=violation.source or (locate(resource, violation.path) if resource else None),
            related=tuple(
                Related(other.resource.ref, other.message, locate(other.resource, other.path))
                for other in violation.related
            ),
            fingerprint=_fingerprint(rule, name, violation, repeat),
        )
        yield JudgedViolation(finding, violation)


def _violations(context: Context, rule: Rule) -> Iterable[Violation]:
    try:
        yield from rule.check(context)
    except MeshgateError:
        raise
    except Exception as error:
        raise RuleError(
            f"rule {rule.id} ({rule.name}) failed on environment "
            f"{context.environment.name or 'given on the command line'}: {error!r}",
            why="A rule that cannot answer must not pass for a rule that is silent.",
            hint="this is a fault of meshgate: please report it with the manifest that shows it",
        ) from error


def _severity(context: Context, rule: Rule, violation: Violation) -> Severity:
    severity = violation.severity or rule.severity
    raised = context.environment.severities.get(rule.id, severity)
    severity = min(severity, raised, key=lambda each: each.rank)
    # What is not managed here, or cannot be decided, can only be warned of.
    foreign = violation.resource is not None and violation.resource.foreign
    if (foreign or not violation.decided) and severity is Severity.ERROR:
        return Severity.WARNING
    return severity


def _fingerprint(rule: Rule, environment: str, violation: Violation, repeat: int) -> str:
    resource = violation.resource
    place = str(resource.ref) if resource else (violation.source.file if violation.source else "")
    return fingerprint(rule.id, environment, place, violation.path, violation.key, str(repeat))


def _waived(finding: Finding, waivable: Collection[str], context: Context) -> Finding:
    waiver = _waiver_for(finding, context) if finding.rule in waivable else None
    return finding if waiver is None else structs.replace(finding, waiver=waiver)


def _without_baseline(
    findings: list[Finding], waivable: Collection[str], context: Context
) -> list[Finding]:
    """The findings, those accepted that are in the baseline and may be waived at all."""
    if not context.environment.baseline:
        return findings
    entries = {(each.fingerprint, each.rule): each for each in context.environment.baseline}
    return [
        structs.replace(finding, waiver=baselined(entry))
        if finding.waiver is None
        and finding.rule in waivable
        and (entry := entries.get((finding.fingerprint, finding.rule)))
        else finding
        for finding in findings
    ]


def _waiver_for(finding: Finding, context: Context) -> Waiver | None:
    for waiver in context.environment.waivers:
        if waiver.expires >= context.today and waiver.covers(
            finding.rule,
            finding.resource,
            finding.path,
            finding.source.file if finding.source else None,
        ):
            return waiver
    return None
