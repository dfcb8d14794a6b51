"""The shortest cover of a set of requests for people to read."""

from __future__ import annotations

from collections.abc import Sequence

from meshgate.mesh.authorization.access import AccessSet
from meshgate.mesh.authorization.boxes import Box, TooComplexError, difference, uncovered
from meshgate.mesh.authorization.descriptions import describe

# Sets of more parts than this are named by the rules they come from, not by a shortest cover.
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
        positive = _shortest(access, permitted, denied)
        negative = _shortest(access, denied, permitted)
    except TooComplexError:
        return _by_rules(access)
    exception = f"{ALL} but {'; '.join(negative)}"
    if " but " not in "".join(negative) and len(exception) < len(" ".join(positive)):
        return (exception,)
    return _limited(positive, len(positive))


def described(access: AccessSet, boxes: Sequence[Box]) -> tuple[str, ...]:
    """Boxes of one set in words, each once."""
    phrases = dict.fromkeys(describe(access.space, box) for box in boxes[:MAX_REQUESTS])
    return _limited(tuple(phrases), len(boxes) - min(len(boxes), MAX_REQUESTS) + len(phrases))


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


def _shortest(access: AccessSet, boxes: Sequence[Box], outside: Sequence[Box]) -> tuple[str, ...]:
    """A cover in words; where boxes overlap, each as wide or as narrow as makes it shorter."""
    space = access.space
    needed = cover(space.full, boxes, outside)
    phrases = []
    for place, box in enumerate(needed):
        wide = describe(space, box)
        reduced = _reduced(box, [*needed[:place], *needed[place + 1 :]])
        narrow = describe(space, reduced)
        if len(narrow) < len(wide):
            needed[place] = reduced
        phrases.append(min(wide, narrow, key=len))
    return tuple(dict.fromkeys(phrases))


def _reduced(box: Box, others: Sequence[Box]) -> Box:
    """A box without the classes that others cover anyway."""
    masks = list(box)
    for place, mask in enumerate(box):
        for number in range(mask.bit_length()):
            atom = 1 << number
            part = (*masks[:place], atom, *masks[place + 1 :])
            if mask & atom and masks[place] != atom and uncovered(part, others) is None:
                masks[place] &= ~atom
    return tuple(masks)


def _by_rules(access: AccessSet) -> tuple[str, ...]:
    """What the ALLOW rules say, and what DENY rules take of it."""
    denied = (f"but not {phrase}" for phrase in described(access, access.deny))
    return (*described(access, access.allow), *denied)


def _limited(phrases: tuple[str, ...], count: int) -> tuple[str, ...]:
    """The first phrases, and how many of `count` are left out."""
    shown = phrases[:MAX_REQUESTS]
    return shown if count <= len(shown) else (*shown, f"… ({count - len(shown)} more)")
