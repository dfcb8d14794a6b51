"""No call stops to work, but for exactly the set that somebody accepted."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.effect import describe
from meshgate.promotion.acceptance import acknowledged
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.environment_state import RENDERING
from meshgate.promotion.guards.guard import Guard, Objection
from meshgate.promotion.guards.questions import (
    MOST_SHOWN,
    closed_gates,
    effect_of,
    how_to_acknowledge,
)
from meshgate.wording import plural


def check(candidate: Candidate) -> Iterator[Objection]:
    """Ask the effect, and the gates that limit an effect."""
    yield from closed_gates(candidate, GUARD.status)
    effect = effect_of(candidate)
    if effect is None:
        return
    if effect.breaks and not acknowledged(candidate, effect.breaks_digest):
        yield Objection(
            describe.counted_calls(effect.breaks),
            how_to_acknowledge(candidate, effect.breaks_digest),
            details=tuple(line for change in effect.breaks for line in change.lines())[:MOST_SHOWN],
        )
    if effect.undecided:
        yield Objection(
            f"{plural(len(effect.undecided), 'change')} cannot be decided",
            "add what is missing to inventory/; `meshgate diff` tells what that is",
        )


GUARD = Guard(
    id="PR13",
    name="breaks-calls",
    summary="a call that works would fail, and nobody accepted exactly this set",
    why="An accepted break is a decision; an unknown one is an outage.",
    hint="take the safe steps that `meshgate steps` proposes",
    status="effects",
    check=check,
    events=RENDERING,
)
