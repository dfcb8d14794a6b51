"""The whole target render passes every rule, not only what changes."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Severity
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.environment_state import RENDERING, Event
from meshgate.promotion.guards.guard import Guard, Objection, known
from meshgate.promotion.guards.questions import MOST_SHOWN
from meshgate.wording import plural

# What the cluster would not take at all is never passed over.
UNSERVABLE = ("SH001", "SH002", "SH003", "SH004", "SH007", "SH009")


def check(candidate: Candidate) -> Iterator[Objection]:
    """Ask the findings of the render.

    A rollback restores what a rule of today may forbid: with a reason and a ticket it may pass over
    all but what the cluster would refuse.
    """
    findings = known(candidate.findings, "the findings of the render")
    unwaived = [finding for finding in findings if finding.waiver is None]
    if candidate.event is Event.ROLLBACK and any(
        bypass.gate == GUARD.id and bypass.reason and bypass.ticket
        for bypass in candidate.record.bypasses
    ):
        unwaived = [finding for finding in unwaived if finding.rule in UNSERVABLE]
    errors = [finding for finding in unwaived if finding.severity is Severity.ERROR]
    undecided = [f for f in unwaived if not f.decided and f.severity is not Severity.ERROR]
    for matching, noun, which in (
        (errors, "error", ""),
        (undecided, "finding", " that cannot be decided"),
    ):
        if matching:
            yield Objection(
                f"the render of {candidate.name} has {plural(len(matching), noun)}{which}",
                details=tuple(
                    f"{f.rule} {f.resource or ''}: {f.message}" for f in matching[:MOST_SHOWN]
                ),
            )
    for sentence in candidate.undecided:
        # As `validate` has it: a rollback restores what may have been so before.
        if candidate.event is not Event.ROLLBACK:
            yield Objection(f"{candidate.name} refuses what cannot be decided: {sentence}")


GUARD = Guard(
    id="PR12",
    name="findings",
    summary="the whole target render has an error, or something that cannot be decided",
    why="Policies decide together: a change that is right alone can be wrong beside the rest.",
    hint="`meshgate validate ENV` tells each finding and its repair",
    status="effects",
    check=check,
    events=RENDERING,
)
