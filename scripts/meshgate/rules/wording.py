"""How several things are named in one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# A message names this many objects; the related objects of a finding name all.
SHOWN = 4


def listed(names: Sequence[str]) -> str:
    """`a, b and c`; of many the first few, and how many more there are."""
    if len(names) > SHOWN:
        return f"{', '.join(names[:SHOWN])} and {len(names) - SHOWN} more"
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)
