"""Names that lead to names: whether any of them leads back to itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter


def circle(edges: Mapping[str, Iterable[str]]) -> list[str]:
    """A circle of names, each followed by one that it leads to; empty where there is none.

    It begins and ends with that of its names that comes first in `edges`.
    """
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        # In it each name comes before those that lead to it.
        *found, _ = reversed(error.args[1])
        first = min(found, key=list(edges).index)
        at = found.index(first)
        return [*found[at:], *found[:at], first]
    return []
