"""The state follows the one that the base branch has now."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.promotion.candidate import Candidate
from meshgate.promotion.environment_state import Event, Previous
from meshgate.promotion.guards.guard import Guard, Objection, known


def check(candidate: Candidate) -> Iterator[Objection]:
    """Compare the state with that of the base: one event later, made from exactly that one."""
    for problem in (*candidate.base.problems, *candidate.head.problems):
        yield Objection(problem, "run `meshgate audit` to see what is broken")
    before = candidate.base.state
    after = known(candidate.head.state, f"the state of {candidate.name}")
    if before is None:
        if candidate.event is not Event.ADOPT:
            yield Objection(
                f"{candidate.name} has no state yet", f"run `meshgate adopt {candidate.name}`"
            )
        if after.previous is not None or after.sequence != 1:
            yield Objection("the first state of an environment follows no other")
        return
    if after.sequence != before.sequence + 1:
        yield Objection(
            f"it is event {after.sequence} of {candidate.name}, and the base is at "
            f"{before.sequence}",
        )
    if after.previous != Previous(before.sequence, before.release, before.record_sha256):
        yield Objection(
            f"it was made from another state of {candidate.name} than the base has now",
        )


GUARD = Guard(
    id="PR04",
    name="stale-state",
    summary="the state does not follow the state that the base branch has now",
    why="Two promotions made from one state would undo each other; the second must be made anew.",
    hint="run `meshgate promote` again: it starts from the base as it is now",
    status="scope",
    check=check,
    follows_rules=False,
)
