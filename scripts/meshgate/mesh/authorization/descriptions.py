"""Boxes in the words of the policies: `GET /orders/*`, `all but DELETE`."""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Iterable, Sequence

from msgspec import Struct

from meshgate.mesh.authorization.attributes import Address, Kind
from meshgate.mesh.authorization.boxes import Box
from meshgate.mesh.authorization.matchers import (
    BlockMatcher,
    Form,
    Matcher,
    TemplateMatcher,
    TextMatcher,
)
from meshgate.mesh.authorization.space import ISSUER, SUBJECT, Dimension, Space
from meshgate.mesh.authorization.text_classes import Classes

# So many alternatives of one attribute are written out.
MAX_WORDS = 6
# With more words than this, no two of them are combined.
_MAX_PAIRED = 40
_ABSENT = "absent"
# What stands before the values of an attribute; methods and paths speak for themselves.
_PREPOSITIONS = {
    Kind.HOST: "host",
    Kind.AUTHORITY: "host",
    Kind.PATH_AND_QUERY: "path and query",
    Kind.SOURCE_IP: "from",
    Kind.REMOTE_IP: "client address",
    Kind.DESTINATION_IP: "to",
}


class _Word(Struct, frozen=True):
    """How policies write some values of a dimension, and the mask of these."""

    text: str
    mask: int


class _Choice(Struct, frozen=True):
    """Values of one attribute: any of `values` (none: all), and none of `excluded`."""

    values: tuple[str, ...]
    excluded: tuple[str, ...]


def describe(space: Space, box: Box) -> str:
    """A box in words; the box of all requests is `all`."""
    parts: list[str] = []
    exceptions: list[str] = []
    for dimension, mask, full in zip(space.dimensions, box, space.full, strict=True):
        if mask == full:
            continue
        if dimension.element is not None:
            words = f"claim {dimension.attribute.words}: {_element(space, dimension)}"
            (parts if mask == 2 else exceptions).append(words)  # noqa: PLR2004 - class 1: it is there
            continue
        choice = _choice(dimension, mask, full)
        if choice.values:
            parts.append(_named(dimension, choice.values))
        exceptions += [_named(dimension, [text]) for text in choice.excluded]
    text = " ".join(parts) or "all"
    return f"{text} but {_listed(exceptions)}" if exceptions else text


def _element(space: Space, dimension: Dimension) -> str:
    """An element of a claim in the words of the narrowest matcher that covers it."""
    classes = space.element_classes(dimension.attribute)
    place = 1 << classes.witnesses.index(dimension.element)
    covering = (word for word in _matcher_words(classes) if word.mask & place)
    return min(covering, key=lambda word: word.mask.bit_count()).text


def _named(dimension: Dimension, values: Sequence[str]) -> str:
    attribute = dimension.attribute
    if list(values) == [_ABSENT]:
        return "no token" if attribute == ISSUER else f"without {_name(dimension)}"
    text = "|".join(values[:MAX_WORDS])
    if len(values) > MAX_WORDS:
        text += f"|… ({len(values) - MAX_WORDS} more)"
    if attribute.kind in {Kind.METHOD, Kind.PATH}:
        return text
    if attribute.kind is Kind.HEADER:
        return f"with {attribute.name}: {text}"
    return f"{_name(dimension)} {text}"


def _name(dimension: Dimension) -> str:
    attribute = dimension.attribute
    if attribute in {ISSUER, SUBJECT}:
        return "token issuer" if attribute == ISSUER else "token subject"
    return _PREPOSITIONS.get(attribute.kind, attribute.name)


def _listed(texts: Sequence[str]) -> str:
    if len(texts) > MAX_WORDS:
        return f"{', '.join(texts[:MAX_WORDS])} and {len(texts) - MAX_WORDS} more"
    return ", ".join(texts)


def _choice(dimension: Dimension, mask: int, full: int) -> _Choice:
    """The fewest words whose union, less what is excluded, is exactly a mask."""
    words = _words(dimension)
    outside = [word for word in words if not word.mask & mask]
    excludable = _union(outside)
    usable = [word for word in (*words, _Word("", full)) if not word.mask & ~mask & ~excludable]
    covered = _union(usable)
    if mask & ~covered and len(words) <= _MAX_PAIRED:
        pairs = (
            _Word(f"{first.text} and {second.text}", first.mask & second.mask)
            for first, second in itertools.combinations(words, 2)
        )
        usable += [word for word in pairs if word.mask and not word.mask & ~mask & ~excludable]
    chosen = _cover(mask, usable, mask)
    values = [word.text for word in chosen]
    missing = mask & ~_union(chosen)
    if missing:
        witness = dimension.classes.witnesses[(missing & -missing).bit_length() - 1]
        values.append(f"such as {_text(witness)}")
    excess = _union(chosen) & ~mask
    excluded = tuple(word.text for word in _cover(excess, outside, excess))
    return _Choice((), excluded) if "" in values else _Choice(tuple(values), excluded)


def _cover(target: int, words: Iterable[_Word], wanted: int) -> list[_Word]:
    """Words that cover a mask together, the most useful first; what none covers is left."""
    words = list(words)
    chosen: list[_Word] = []
    while target:
        best = max(
            words,
            key=lambda word: (
                (word.mask & target).bit_count(),
                -(word.mask & ~wanted).bit_count(),
            ),
            default=None,
        )
        if best is None or not best.mask & target:
            break
        chosen.append(best)
        target &= ~best.mask
    return chosen


def _words(dimension: Dimension) -> list[_Word]:
    classes = dimension.classes
    words = _matcher_words(classes)
    words += [
        _Word(_ABSENT if witness is None else _text(witness), 1 << place)
        for place, witness in enumerate(classes.witnesses)
        if witness is None or dimension.attribute == ISSUER
    ]
    return list({word.text: word for word in words}.values())


def _matcher_words(classes: Classes) -> list[_Word]:
    return [_Word(_spelled(matcher), mask) for matcher, mask in classes.masks.items()]


def _spelled(matcher: Matcher) -> str:
    """A matcher as a policy writes it."""
    match matcher:
        case TextMatcher(Form.PREFIX, text):
            return f"{text}*"
        case TextMatcher(Form.SUFFIX, text):
            return f"*{text}"
        case TextMatcher(Form.NONEMPTY | Form.PRESENT, _):
            return "*"
        case TextMatcher(_, text) | TemplateMatcher(text):
            return text
        case BlockMatcher(version, first, last):
            size = 32 if version == 4 else 128  # noqa: PLR2004 - IP versions
            bits = size - (last - first).bit_length()
            return str(ipaddress.ip_network((first, bits))) if version == 4 else _v6(first, bits)  # noqa: PLR2004 - IPv4
        case _:
            return str(matcher)


def _v6(first: int, bits: int) -> str:
    return f"{ipaddress.IPv6Address(first)}/{bits}"


def _text(witness: object) -> str:
    return str(witness) if isinstance(witness, Address) or witness else '""'


def _union(words: Iterable[_Word]) -> int:
    union = 0
    for word in words:
        union |= word.mask
    return union
