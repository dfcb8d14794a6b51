"""A promotion never goes back to an older source; only a rollback does."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.promotion.candidate import Candidate
from meshgate.promotion.environment_state import Event
from meshgate.promotion.guards.guard import Guard, Objection, known


def check(candidate: Candidate) -> Iterator[Objection]:
    """Compare the source commit with the base branch and with what the environment has had."""
    ancestry = known(candidate.ancestry, "where the source commit lies")
    source = candidate.record.source.commit[:12]
    if not ancestry.on_main:
        yield Objection(f"its source {source} is not on the base branch", "merge it first")
    if ancestry.newest is not None and not ancestry.is_newer:
        yield Objection(
            f"its source {source} does not hold {ancestry.newest[:12]}, which "
            f"{candidate.name} has had",
            f"promote a newer release, or `meshgate rollback {candidate.name} --to SEQ`",
        )


GUARD = Guard(
    id="PR07",
    name="backwards",
    summary="the source is older than one that this environment has had, or not on main",
    why="A late merge must not undo what came after it; only a rollback goes back, and says so.",
    hint="promote a newer release; a rollback is a command of its own",
    status="order",
    check=check,
    events=frozenset({Event.PROMOTE}),
)
