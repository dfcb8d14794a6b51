"""Waivers and declared differences of the environment are in date."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.promotion.candidate import Candidate
from meshgate.promotion.environment_state import FORWARD
from meshgate.promotion.guards.guard import Guard, Objection


def check(candidate: Candidate) -> Iterator[Objection]:
    """Compare each end with today."""
    environment, file = candidate.environment, f"waivers/{candidate.name}.yaml"
    for waiver in environment.waivers:
        if waiver.expires < candidate.today:
            yield Objection(
                f"{file}: the waiver of {waiver.rule} for {waiver.place} ended on {waiver.expires}"
            )
    for difference in environment.differences:
        if difference.expires < candidate.today:
            yield Objection(
                f"{file}: the difference of {difference.workload} ended on {difference.expires}"
            )


GUARD = Guard(
    id="PR21",
    name="expired-exceptions",
    summary="a waiver or a declared difference of this environment has expired",
    why="An exception is a promise with a date. After that day nobody has agreed to it.",
    hint="renew it with its owner, or mend what it excused",
    status="effects",
    check=check,
    # Its exceptions may be gone since.
    follows_rules=False,
    events=FORWARD,
)
