"""A window is open for this event now."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.promotion.candidate import Candidate
from meshgate.promotion.gates import GATED
from meshgate.promotion.guards.guard import Guard, Objection
from meshgate.promotion.guards.questions import closed_gates


def check(candidate: Candidate) -> Iterator[Objection]:
    """Ask the gates of type window."""
    yield from closed_gates(candidate, GUARD.status)


GUARD = Guard(
    id="PR10",
    name="window-closed",
    summary="no window is open for this event now",
    why="A green check from yesterday must not merge into today's freeze.",
    hint="wait until it opens; a rollback is exempt where the window does not name it",
    status="window",
    check=check,
    events=GATED,
    by_files=False,
    shown_as_gate=True,
)
