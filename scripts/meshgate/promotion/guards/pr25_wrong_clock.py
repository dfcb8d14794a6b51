"""This machine's clock is not contradicted by the forge's, nor by the newest commit of the base."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from meshgate.promotion.candidate import Candidate
from meshgate.promotion.environment_state import FORWARD
from meshgate.promotion.guards.guard import Guard, Objection
from meshgate.promotion.status import SKEW
from meshgate.promotion.times import format_duration, format_utc

AHEAD_OF_MAIN = (
    "set this machine's clock; if it is right, the commit's is not: wait until then, or merge "
    "another commit to the base"
)


def check(candidate: Candidate) -> Iterator[Objection]:
    """Compare with the forge's clock and, for what goes forward, with the base.

    A commit of the base may have been made by a wrong clock, too. It keeps out no rollback, which
    may be the way out of an incident.
    """
    forge, base = candidate.clocks.forge, candidate.clocks.base
    if forge is not None and abs(forge) > SKEW:
        side = "behind" if forge > datetime.timedelta() else "ahead of"
        yield Objection(
            f"this machine's clock is {format_duration(abs(forge))} {side} the forge's", waits=True
        )
    if candidate.event in FORWARD and base is not None and base > candidate.now + SKEW:
        yield Objection(
            f"this machine's clock says {format_utc(candidate.now)}, and the newest commit of the "
            f"base is of {format_utc(base)}",
            AHEAD_OF_MAIN,
            waits=True,
        )


GUARD = Guard(
    id="PR25",
    name="wrong-clock",
    summary="this machine's clock is five minutes or more from the forge's, or before the newest "
    "commit of the base",
    why="Soaks, windows, holds, evidence and end dates are judged by it: a wrong one opens early.",
    hint="set this machine's clock, or run the command on another one",
    status="order",
    check=check,
    by_files=False,
    holds_back=True,
    awaits="this machine's clock",
)
