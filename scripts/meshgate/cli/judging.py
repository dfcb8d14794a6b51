"""From a repository, or from loose manifests, to a report."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Mapping, Sequence

from meshgate.errors import MeshgateError, NothingToCheckError
from meshgate.judging import context_of, with_others
from meshgate.model import (
    BuildRecord,
    Defect,
    Environment,
    Failure,
    Finding,
    Report,
    ResourceIndex,
    Severity,
    Tally,
)
from meshgate.rules import RULES
from meshgate.rules.context import Context
from meshgate.rules.judge import judge, order
from meshgate.source import Locator

# What promotion uses, too, offered where the commands look for it.
__all__ = ["context_of", "with_others"]

# Rules that judge sources, before anything is built.
SOURCE_RULES = frozenset({"SH001", "SH005", "SH006", "RE003", "RE006"})

# Which failure a run over several environments ends with: the first that applies.
GRAVEST_FIRST = (70, 4, 2, 7, 3, 6, 5)

NAMED_AT_MOST = 3
CALLS_NOT_JUDGED = "calls are not judged: there is no Service and no workload among the objects"


def judge_sources(
    environment: Environment,
    defects: Sequence[Defect],
    today: datetime.date,
    locate: Locator,
) -> list[Finding]:
    """What the sources alone already show."""
    context = Context(
        environment=environment,
        resources=ResourceIndex(()),
        today=today,
        record=BuildRecord(defects=tuple(defects)),
    )
    rules = [rule for rule in RULES if rule.id in SOURCE_RULES]
    return judge(context, rules, locate)


def judge_context(context: Context, locate: Locator) -> list[Finding]:
    """All findings of one environment."""
    return judge(context, RULES, locate)


def blocks_build(finding: Finding) -> bool:
    """Whether a finding on the sources keeps an environment from being built."""
    return finding.severity is Severity.ERROR and finding.waiver is None


def notes_on(contexts: Iterable[Context]) -> list[str]:
    """What the reader must know of how these were judged."""
    blind = [context.environment.name for context in contexts if context.mesh is None]
    if not blind:
        return []
    named = ", ".join(filter(None, blind[:NAMED_AT_MOST]))
    if len(blind) > NAMED_AT_MOST:
        named += f" and {len(blind) - NAMED_AT_MOST} more"
    return [": ".join(filter(None, (named, CALLS_NOT_JUDGED)))]


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


def exit_code(report: Report, failures: Collection[MeshgateError], fail_on: str) -> int:
    """The code of a run that judged all it could."""
    codes = {failure.exit_code for failure in failures}
    for code in GRAVEST_FIRST:
        if code in codes:
            return code
    return int(fails(report, fail_on))


def fails(report: Report, fail_on: str) -> bool:
    """Whether the findings reach the level that fails a run."""
    if fail_on == "never":
        return False
    if fail_on == "undecided":
        return bool(report.undecided or report.count(Severity.ERROR))
    level = Severity(fail_on)
    return any(finding.severity.rank <= level.rank for finding in report.open)


def tally(context: Context) -> Tally:
    """How much of this environment was judged."""
    return Tally(
        environment=context.environment.name or None,
        policies=len(context.rendered),
        inventory=sum(resource.foreign for resource in context.resources.all),
    )


def nothing_rendered(environment: Environment) -> NothingToCheckError:
    """The error of an overlay that renders to nothing, which is never a pass."""
    return NothingToCheckError(
        f"{environment.name}: {environment.overlay} renders to nothing",
        why="An empty result would delete every policy of the environment.",
        hint="add resources to its kustomization.yaml, or remove it from environments.yaml",
    )
