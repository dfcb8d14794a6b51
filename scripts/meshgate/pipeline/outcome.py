"""What a run over environments ends with, made of verdicts alone: its report and its exit code.

`validate` and `merge-reports` share it, so that shards which are put together again give what one
run over all of them gives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from meshgate.errors import MeshgateError, SourcesError, gravest
from meshgate.model import Finding, Report
from meshgate.pipeline.reports import (
    NEVER,
    UNDECIDED,
    Excerpts,
    baseline_note,
    exit_code,
    notes_on_blind,
    report_of,
    undecided_sentences,
)
from meshgate.pipeline.selected_rules import narrow
from meshgate.pipeline.verdict import EnvironmentVerdict


class RunOutcome(Struct, frozen=True):
    """The verdicts of a run.

    verdicts    on each environment that was judged, in the order of the run
    wanted      the environments that were asked for, in their order
    of_nobody   what is found in files that no environment reaches
    refused     the environments that could not be adopted, and why
    fail_on     the level that fails the run
    note        the one note of a run that has nothing to judge
    """

    verdicts: Mapping[str, EnvironmentVerdict]
    wanted: Sequence[str]
    fail_on: str
    of_nobody: Sequence[Finding] = ()
    refused: Mapping[str, MeshgateError] = {}
    note: str = ""


class Ending(Struct, frozen=True):
    """What a run says: on standard output, on standard error, and by its exit code.

    `undecided`: the notes of the report that fail the run beside its findings.
    """

    report: Report
    failures: Mapping[str, MeshgateError]
    code: int
    undecided: Sequence[str] = ()


def ending(
    outcome: RunOutcome, excerpts: Excerpts, select: Sequence[str] = (), ignore: Sequence[str] = ()
) -> Ending:
    """The end of a run; `select` and `ignore` as `narrow` takes them. Raises UsageError."""
    asked = [outcome.verdicts[name] for name in outcome.wanted]
    built = [each for each in asked if each.refused is None]
    failures = {
        name: each.refused.error()
        for name, each in outcome.verdicts.items()
        if each.refused is not None
    }
    names = frozenset(outcome.wanted)
    shown = {
        name: failure
        for name, failure in failures.items()
        if name not in names or not isinstance(failure, SourcesError)
    }
    findings = [*(finding for each in asked for finding in each.findings), *outcome.of_nobody]
    findings, left_out = narrow(findings, select, ignore)
    refused = outcome.refused if outcome.fail_on != NEVER else {}
    undecided = _undecided(built) if outcome.fail_on == UNDECIDED else []
    notes = [
        *baseline_note(findings),
        *notes_on_verdicts(built),
        *undecided,
        *(error.what for error in refused.values()),
        *left_out,
    ]
    report = report_of(
        findings,
        [each.tally for each in built],
        excerpts,
        [outcome.note] * bool(outcome.note) or notes,
        shown,
    )
    code = exit_code(findings, [*failures.values(), *refused.values()], outcome.fail_on)
    return Ending(report, shown, gravest([code, int(bool(undecided))]), undecided)


def notes_on_verdicts(built: Sequence[EnvironmentVerdict]) -> list[str]:
    """What the reader must know of how these were judged; as `notes_on` has it."""
    return notes_on_blind(
        [each.environment for each in built if not each.has_mesh],
        {each.environment: each.missing for each in built},
    )


def _undecided(built: Sequence[EnvironmentVerdict]) -> list[str]:
    counted = [each.undecided or (0, 0) for each in built]
    return undecided_sentences(sum(c for c, _ in counted), sum(p for _, p in counted))
