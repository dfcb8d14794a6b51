"""A release has stayed long enough in the environments before this one."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.promotion.candidate import Candidate
from meshgate.promotion.gates import GATED
from meshgate.promotion.guards.guard import Guard, Objection
from meshgate.promotion.guards.questions import closed_gates


def check(candidate: Candidate) -> Iterator[Objection]:
    """Ask the gates of type soak."""
    yield from closed_gates(candidate, GUARD.status)


GUARD = Guard(
    id="PR08",
    name="not-soaked",
    summary="the release has not stayed long enough in the environments before this one",
    why="What breaks by the hour, the day or the batch of the night shows only in time.",
    hint="wait; `meshgate status` shows when it is done",
    status="soak",
    check=check,
    events=GATED,
    by_files=False,
    shown_as_gate=True,
)
