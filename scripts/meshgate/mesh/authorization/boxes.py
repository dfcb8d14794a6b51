"""Sets of requests as unions of boxes: one bit mask of classes for each dimension.

Every class of a dimension stands for values that no rule tells apart, so that a box is an exact
set. The boxes of a union may overlap.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

# One mask of classes for each dimension; none of them is 0.
Box: TypeAlias = tuple[int, ...]

# What one question may cost. A union of this many boxes takes some seconds.
MAX_BOXES = 20_000
MAX_STEPS = 200_000


class TooComplexError(Exception):
    """A set that is beyond what is computed; the answer is then unknown. `str()` says why."""


def intersection(first: Box, second: Box) -> Box | None:
    """What two boxes share; None: nothing."""
    shared = []
    for left, right in zip(first, second, strict=True):
        mask = left & right
        if not mask:
            return None
        shared.append(mask)
    return tuple(shared)


def intersections(first: Iterable[Box], second: Sequence[Box]) -> list[Box]:
    """What two unions share."""
    shared = {
        box: None
        for left in first
        for right in second
        if (box := intersection(left, right)) is not None
    }
    if len(shared) > MAX_BOXES:
        raise TooComplexError(f"more than {MAX_BOXES} combinations of sources and operations")
    return list(shared)


def pieces(box: Box, hole: Box) -> Iterator[Box]:
    """A box without another that it shares something with, in disjoint boxes."""
    rest = list(box)
    for place, (mask, cut) in enumerate(zip(box, hole, strict=True)):
        outside = mask & ~cut
        if outside:
            yield (*rest[:place], outside, *rest[place + 1 :])
            rest[place] = mask & cut


def difference(boxes: Iterable[Box], holes: Sequence[Box], limit: int = MAX_BOXES) -> list[Box]:
    """A union without another. Raises TooComplexError where it has more boxes than `limit`."""
    result: list[Box] = []
    for box in boxes:
        remaining = [box]
        for hole in holes:
            if intersection(box, hole) is None:
                continue
            remaining = [
                piece
                for part in remaining
                for piece in ((part,) if intersection(part, hole) is None else pieces(part, hole))
            ]
            if not remaining:
                break
            if len(remaining) + len(result) > limit:
                break
        result += remaining
        if len(result) > limit:
            raise TooComplexError(f"the set has more than {limit} parts")
    return result


def uncovered(box: Box, cover: Iterable[Box]) -> Box | None:
    """A part of a box that no box of a union covers; None: all of it is covered.

    Stops at the first such part, which costs much less than the whole difference. Raises
    TooComplexError.
    """
    stack = [(box, [other for other in cover if intersection(box, other) is not None])]
    steps = 0
    while stack:
        part, others = stack.pop()
        if not others:
            return part
        steps += len(others)
        if steps > MAX_STEPS:
            raise TooComplexError(f"comparing the sets takes more than {MAX_STEPS} steps")
        # The largest share leaves the smallest rest.
        hole = max(others, key=lambda other: _share(part, other))
        for piece in pieces(part, hole):
            rest = [
                other
                for other in others
                if other is not hole and intersection(piece, other) is not None
            ]
            stack.append((piece, rest))
    return None


def disjoint(boxes: Iterable[Box]) -> list[Box]:
    """The same union in boxes that do not overlap. Raises TooComplexError."""
    result: list[Box] = []
    for box in boxes:
        result += difference([box], result)
    return result


def size(boxes: Iterable[Box]) -> int:
    """How many combinations of classes a union of disjoint boxes has."""
    total = 0
    for box in boxes:
        count = 1
        for mask in box:
            count *= mask.bit_count()
        total += count
    return total


def _share(box: Box, other: Box) -> float:
    share = 1.0
    for mask, cut in zip(box, other, strict=True):
        if mask & ~cut:
            share *= (mask & cut).bit_count() / mask.bit_count()
    return share
