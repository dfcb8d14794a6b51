"""Hosts found by how they end, so that a wildcard costs what it catches."""

from __future__ import annotations

import bisect
from collections.abc import Iterable

# Sorts behind every host.
_LAST = "\U0010ffff"


class SuffixIndex:
    """Distinct hosts, those with one ending side by side."""

    __slots__ = ("_reversed",)

    def __init__(self, hosts: Iterable[str]) -> None:
        self._reversed = sorted({host[::-1] for host in hosts})

    def count(self, wildcard: str) -> int:
        """How many hosts a wildcard catches."""
        start, end = self._range(wildcard)
        return end - start

    def under(self, wildcard: str, most: int | None = None) -> list[str]:
        """The hosts that a wildcard catches, sorted; or only so many of them."""
        start, end = self._range(wildcard)
        if most is not None:
            end = min(end, start + most)
        return sorted(host[::-1] for host in self._reversed[start:end])

    def _range(self, wildcard: str) -> tuple[int, int]:
        ending = wildcard[:0:-1]
        return (
            bisect.bisect_left(self._reversed, ending),
            bisect.bisect_right(self._reversed, ending + _LAST),
        )
