"""The shortest cover of a set of requests for people to read."""

from __future__ import annotations

from collections.abc import Sequence

from meshgate.mesh.authorization.access import AccessSet
from meshgate.mesh.authorization.boxes import Box, TooComplexError, difference, uncovered
from meshgate.mesh.authorization.descriptions import describe

# Sets of more parts than this are told by the rules they come from, not by a shortest cover.
MAX_PARTS = 200
# So many requests are listed.
MAX_REQUESTS = 20
ALL = "all"


def permitted_requests(access: AccessSet) -> tuple[str, ...]:
    """What policies let in, in as few words as possible; `all` alone where nothing is denied."""
    if access.first_permitted() is None:
        return ()
    if access.first_denied() is None:
        return (ALL,)
    try:
        permitted = difference(access.allow, access.deny, MAX_PARTS)
        denied = difference(access.universe, permitted, MAX_PARTS)
    except TooComplexError:
        return _by_rules(access)
    full = access.space.full
    positive = _phrases(access, cover(full, permitted, denied))
    negative = _phrases(access, cover(full, denied, permitted))
    if len(negative) < len(positive) and not any(" but " in phrase for phrase in negative):
        return (f"{ALL} but {'; '.join(negative)}",)
    return _limited(positive)


def described(access: AccessSet, boxes: Sequence[Box]) -> tuple[str, ...]:
    """Boxes of one set in words, each once."""
    return _limited(_phrases(access, boxes))


def cover(full: Box, boxes: Sequence[Box], outside: Sequence[Box]) -> list[Box]:
    """The fewest and largest boxes that cover a set and touch nothing of what is outside.

    `full` is the box of all requests.
    """
    large = list(dict.fromkeys(_expanded(box, outside, full) for box in boxes))
    large.sort(key=lambda box: _width(box, full), reverse=True)
    needed: list[Box] = []
    for box in large:
        if uncovered(box, needed) is not None:
            needed.append(box)
    for box in reversed(needed.copy()):
        others = [other for other in needed if other is not box]
        if uncovered(box, others) is None:
            needed = others
    return needed


def _expanded(box: Box, outside: Sequence[Box], full: Box) -> Box:
    """A box with every dimension as wide as it can be, those first that can be left out."""
    masks = list(box)
    for only_whole in (True, False):
        for place, everything in enumerate(full):
            blocked = 0
            for other in outside:
                if all(
                    mask & cut
                    for at, (mask, cut) in enumerate(zip(masks, other, strict=True))
                    if at != place
                ):
                    blocked |= other[place]
            if not blocked or not only_whole:
                masks[place] = everything & ~blocked
    return tuple(masks)


def _width(box: Box, full: Box) -> tuple[int, int]:
    """How many dimensions a box leaves free, then how many classes it has."""
    free = sum(mask == everything for mask, everything in zip(box, full, strict=True))
    return free, sum(mask.bit_count() for mask in box)


def _phrases(access: AccessSet, boxes: Sequence[Box]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(describe(access.space, box) for box in boxes))


def _by_rules(access: AccessSet) -> tuple[str, ...]:
    """What the ALLOW rules say, and what DENY rules take of it."""
    allowed = _limited(_phrases(access, access.allow))
    denied = _limited(_phrases(access, access.deny))
    return (*allowed, *(f"but not {phrase}" for phrase in denied))


def _limited(phrases: tuple[str, ...]) -> tuple[str, ...]:
    if len(phrases) <= MAX_REQUESTS:
        return phrases
    return (*phrases[:MAX_REQUESTS], f"… ({len(phrases) - MAX_REQUESTS} more)")
