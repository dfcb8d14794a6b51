"""What a record says of an effect is counted in the words that every report has for it."""

from __future__ import annotations

from typing import Any

from meshgate.effect import Change, Strength
from meshgate.effect.describe import PORT_VERBS, VERBS
from meshgate.promotion.recorded_effects import counted_effects
from meshgate.promotion.records import Effects, InventoryUsed

UNKNOWN = InventoryUsed()
# A port that is counted is not looked at.
SOME: Any = {}


def calls(change: Change, count: int) -> Any:
    """A group of calls as a record keeps it."""
    return {"count": count, "change": change.value}


def test_what_changes_is_counted_and_what_does_not_is_left_out() -> None:
    effects = Effects(
        digest="",
        inventory=UNKNOWN,
        tightened=(SOME, SOME),
        loosened=(SOME,),
        unchanged=4,
        breaks=(calls(Change.LED_AWAY, 2), calls(Change.BREAKS, 1199), calls(Change.BREAKS, 1)),
        opened=(calls(Change.OPENED, 1),),
        closed=(calls(Change.CLOSED, 3),),
    )

    assert list(counted_effects(effects)) == [
        "1 port loosens",
        "2 ports tighten",
        "1,200 calls break",
        "2 calls are led away",
        "3 calls are narrowed",
        "1 call is let in",
    ]
    assert list(counted_effects(Effects(digest="", inventory=UNKNOWN, unchanged=4))) == []


def test_every_change_has_its_words() -> None:
    assert set(PORT_VERBS) == set(Strength)
    assert set(VERBS) == set(Change)
