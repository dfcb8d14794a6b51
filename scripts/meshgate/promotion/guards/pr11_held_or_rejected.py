"""Nothing enters an environment that is held, while all is paused, or after a rejection."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.promotion.candidate import Candidate
from meshgate.promotion.environment_state import FORWARD, Event, Hold
from meshgate.promotion.guards.guard import Guard, Objection, known
from meshgate.promotion.times import format_moment

SETS_HOLD = frozenset({Event.HOLD, Event.ROLLBACK})


def check(candidate: Candidate) -> Iterator[Objection]:
    """Ask for a pause, a hold and rejections; then whether those that are there stay."""
    name, event = candidate.name, candidate.event
    if candidate.paused is not None and event in FORWARD:
        by = f"{candidate.paused.by}: {candidate.paused.reason}"
        yield Objection(f"promotion is paused by {by}", "wait until `paused` is removed", True)
    state = candidate.base.state
    hold = state.hold if state is not None else None
    if hold is not None and event in hold.blocks and (not hold.until or candidate.now < hold.until):
        until = f" until {format_moment(hold.until)}" if hold.until else ""
        yield Objection(
            f"{name} is held{until} by {hold.by}: {hold.reason}",
            f"`meshgate resume {name}`, when the reason is gone",
            waits=True,
        )
    if event in FORWARD:
        rejecting = {name: state.rejected if state else (), **candidate.rejecting}
        for where, releases in rejecting.items():
            if candidate.release in releases:
                yield Objection(
                    f"{candidate.release} was rejected in {where}",
                    "promote a release that mends it",
                )
    yield from _keeps_state(candidate)


def _keeps_state(candidate: Candidate) -> Iterator[Objection]:
    """Only its own event starts or ends a hold, and no rejection is forgotten."""
    after = known(candidate.head.state, f"the state of {candidate.name}")
    before = candidate.base.state
    held = before.hold if before else None
    if held is not None and held.until is not None and held.until <= candidate.now:
        held = None
    if after.hold != (before.hold if before else None):
        if after.hold is not None and candidate.event not in SETS_HOLD:
            yield Objection(f"a {candidate.event} changes the hold of {candidate.name}")
        if (
            held is not None
            and candidate.event is not Event.RESUME
            and not covers(after.hold, held)
        ):
            yield Objection(
                f"a {candidate.event} puts a weaker hold in place of that of {held.by}",
                f"`meshgate resume {candidate.name}` ends a hold, and is approved as such",
            )
    if candidate.event is Event.ROLLBACK and before is not None:
        if after.hold is None:
            yield Objection("a rollback without a hold is undone by the next promotion")
        if before.release not in {*after.rejected, after.release}:
            yield Objection(f"a rollback from {before.release} does not reject it")
    gone = set(before.rejected if before else ()) - set(after.rejected)
    if gone:
        yield Objection(f"a {candidate.event} forgets that {', '.join(sorted(gone))} was rejected")


def covers(hold: Hold | None, other: Hold) -> bool:
    """Whether a hold keeps out all that another one does, for as long."""
    if hold is None or not set(other.blocks) <= set(hold.blocks):
        return False
    return hold.until is None or (other.until is not None and other.until <= hold.until)


GUARD = Guard(
    id="PR11",
    name="held-or-rejected",
    summary="the environment is held, promotion is paused, or the release was rejected",
    why="A rollback without a hold is undone by the next promotion, within minutes.",
    hint="`meshgate status` tells who holds what, and why",
    status="order",
    holds_back=True,
    awaits="the end of a hold",
    check=check,
)
