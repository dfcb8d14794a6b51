"""What a run over environments has to say, and the exit code it ends with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from meshgate.errors import MeshgateError, SourcesError, gravest
from meshgate.model import Failure, Finding, Report, Severity, Tally
from meshgate.pipeline.judged import Judged
from meshgate.rules.judge import order
from meshgate.source import Locator

# The level of `--fail-on` at which findings never end a run with 1.
NEVER = "never"
UNDECIDED = "undecided"
LEVELS = ("error", "warning", UNDECIDED, NEVER)

NAMED_AT_MOST = 3
CALLS_NOT_JUDGED = "calls are not judged: there is no Service and no workload among the objects"


def failures_of(judged: Mapping[str, Judged]) -> dict[str, MeshgateError]:
    """Why environments could not be judged, by name."""
    return {name: each.failure for name, each in judged.items() if each.failure is not None}


def untold(
    failures: Mapping[str, MeshgateError], reported: Iterable[str]
) -> dict[str, MeshgateError]:
    """The failures that the findings of the environments `reported` do not tell already."""
    names = set(reported)
    return {
        name: failure
        for name, failure in failures.items()
        if name not in names or not isinstance(failure, SourcesError)
    }


def report_of(
    findings: Iterable[Finding],
    tallies: Sequence[Tally],
    locate: Locator,
    notes: Sequence[str] = (),
    failures: Mapping[str, MeshgateError] | None = None,
) -> Report:
    """A report with its excerpts; `failures` by the environment that could not be judged."""
    ordered = tuple(sorted(findings, key=order))
    shown = {finding.source for finding in ordered if finding.source}
    shown |= {other.source for finding in ordered for other in finding.related if other.source}
    return Report(
        findings=ordered,
        tallies=tuple(tallies),
        excerpts={position: locate.excerpt(position) for position in shown},
        notes=tuple(notes),
        failures=tuple(Failure(name, str(error)) for name, error in (failures or {}).items()),
    )


def tally(judged: Judged) -> Tally:
    """How much of this environment was judged. Raises its failure."""
    context = judged.held()
    return Tally(
        environment=judged.name or None,
        policies=len(context.rendered),
        inventory=sum(resource.foreign for resource in context.resources.all),
    )


def notes_on(judged: Iterable[Judged]) -> list[str]:
    """What the reader must know of how these were judged."""
    blind = [each.name for each in judged if each.context is not None and each.context.mesh is None]
    if not blind:
        return []
    named = ", ".join(filter(None, blind[:NAMED_AT_MOST]))
    if len(blind) > NAMED_AT_MOST:
        named += f" and {len(blind) - NAMED_AT_MOST} more"
    return [": ".join(filter(None, (named, CALLS_NOT_JUDGED)))]


def exit_code(findings: Iterable[Finding], failures: Iterable[MeshgateError], fail_on: str) -> int:
    """The code of a run that judged all it could; `fail_on` is one of LEVELS.

    An environment that could not be judged counts whatever `fail_on` says.
    """
    codes = [failure.exit_code for failure in failures]
    return gravest([*codes, int(fails(findings, fail_on))])


def fails(findings: Iterable[Finding], fail_on: str) -> bool:
    """Whether findings reach the level that fails a run."""
    return bool(failing(findings, fail_on))


def failing(findings: Iterable[Finding], fail_on: str) -> list[Finding]:
    """The findings that fail a run, in the order in which a report has them."""
    if fail_on == NEVER:
        return []
    level = Severity.ERROR if fail_on == UNDECIDED else Severity(fail_on)
    return sorted(
        (
            finding
            for finding in findings
            if finding.waiver is None
            and (
                finding.severity.rank <= level.rank
                or (fail_on == UNDECIDED and not finding.decided)
            )
        ),
        key=order,
    )
