"""How several things are named in one sentence."""

from __future__ import annotations

from collections.abc import Iterable

from meshgate.wording import joined

# A message names this many objects; the related objects of a finding name all.
SHOWN = 4


def listed(names: Iterable[str], total: int = 0) -> str:
    """`a, b and c`; of many the first few, and how many more there are.

    `total` says how many there are, where not all of them are given.
    """
    shown = list(names)
    more = max(total, len(shown)) - SHOWN
    if more > 0:
        shown = [*shown[:SHOWN], f"{more} more"]
    return joined(shown)
