"""Which paths a set of path templates tells apart, together with prefixes and suffixes.

A walk over all paths at once, character by character. Its state is what decides everything to
come: the place in the tree of prefixes and whole values, or the prefix that was longest when it was
left; the longest end that may grow into a suffix; the places in the templates that still fit. Paths
that no template fits any more are not followed.
"""

from __future__ import annotations

import string
from collections.abc import Collection, Iterator, Sequence

from msgspec import Struct

from meshgate.mesh.authorization.attributes import Normalization
from meshgate.mesh.authorization.boxes import TooComplexError
from meshgate.mesh.authorization.matchers import TemplateMatcher
from meshgate.mesh.authorization.paths import ANY_REST, ESCAPED, ONE_SEGMENT, is_unescaped

MAX_STATES = 60_000
# Characters that an operator matches, the nicest first.
_CHARACTERS = string.ascii_lowercase + string.digits + string.ascii_uppercase + "-._~%!$&'()+,;:@=*"
_OPERATOR = frozenset(_CHARACTERS)
_ESCAPES = frozenset({"%2f", "%5c"})
_ESCAPE_LENGTH = 3


class _PathState(Struct, frozen=True):
    """Where a path stands after some characters.

    head       the path so far while a prefix or whole value may still be it; else the longest
               prefix, with `left` set
    tail       the longest end of the path that a suffix begins with
    places     template and place in it, for each that still fits
    segment    what normalization must know of the last segment
    """

    head: str
    left: bool
    tail: str
    places: frozenset[tuple[int, int]]
    segment: str


class TemplateWalk:
    """All classes of paths that at least one of some templates fits."""

    def __init__(
        self,
        templates: Sequence[TemplateMatcher],
        prefixes: Collection[str],
        suffixes: Collection[str],
        exact: Collection[str],
        normalization: Normalization | None,
    ) -> None:
        self._templates = templates
        self._tokens = [_tokens(template.template) for template in templates]
        self._prefixes = frozenset(prefixes)
        self._exact = frozenset(exact)
        self._heads = _heads({*prefixes, *exact})
        self._tails = _heads(suffixes)
        self._normalization = normalization
        used = set("".join([*prefixes, *exact, *suffixes]))
        used.update(token for tokens in self._tokens for token in tokens if len(token) == 1)
        # Characters that no pattern names are all alike: one of them is enough.
        other = next((char for char in _CHARACTERS if char not in used), "")
        self._characters = [*other, *sorted(used & _OPERATOR), "/"]

    def texts(self) -> Iterator[tuple[str, list[TemplateMatcher]]]:
        """One path for each class, with the templates that fit it. Raises TooComplexError."""
        start = _PathState("", False, "", frozenset(self._start()), "")
        seen = {start}
        layer = [(start, "")]
        while layer:
            following: list[tuple[_PathState, str]] = []
            for state, text in layer:
                templates = self._fitting(state)
                if templates and text not in self._exact and self._may_end(state):
                    yield text, templates
                for char in self._characters:
                    next_state = self._step(state, char)
                    if next_state is not None and next_state not in seen:
                        seen.add(next_state)
                        following.append((next_state, text + char))
            if len(seen) > MAX_STATES:
                raise TooComplexError(f"path templates make more than {MAX_STATES} states")
            layer = following

    def _start(self) -> Iterator[tuple[int, int]]:
        for number in range(len(self._tokens)):
            yield from self._closure(number, 0)

    def _closure(self, number: int, place: int) -> Iterator[tuple[int, int]]:
        yield number, place
        tokens = self._tokens[number]
        while place < len(tokens) and tokens[place] == ANY_REST:
            place += 1
            yield number, place

    def _step(self, state: _PathState, char: str) -> _PathState | None:
        places = frozenset(
            place for number, at in state.places for place in self._moved(number, at, char)
        )
        segment = self._segment(state.segment, char)
        if not places or segment is None:
            return None
        head, left = state.head, state.left
        if not left:
            if head + char in self._heads:
                head += char
            else:
                head, left = self._longest_prefix(head), True
        tail = state.tail + char
        while tail and tail not in self._tails:
            tail = tail[1:]
        return _PathState(head, left, tail, places, segment)

    def _moved(self, number: int, at: int, char: str) -> Iterator[tuple[int, int]]:
        tokens = self._tokens[number]
        if at >= len(tokens):
            return
        token = tokens[at]
        if token == ANY_REST:
            if char in _OPERATOR or char == "/":
                yield from self._closure(number, at)
        elif token == ONE_SEGMENT:
            if char in _OPERATOR:
                yield number, at
                yield from self._closure(number, at + 1)
        elif token == char:
            yield from self._closure(number, at + 1)

    def _longest_prefix(self, text: str) -> str:
        for length in range(len(text), 0, -1):
            if text[:length] in self._prefixes:
                return text[:length]
        return ""

    def _fitting(self, state: _PathState) -> list[TemplateMatcher]:
        return [
            self._templates[number]
            for number, at in sorted(state.places)
            if at == len(self._tokens[number])
        ]

    def _segment(self, segment: str, char: str) -> str | None:
        """What of the last segment counts, one character on; None: it would be normalized away.

        That is: nothing, dots alone, or the beginning of an escape.
        """
        normalization = self._normalization
        if normalization in {None, Normalization.NONE}:
            return ""
        if char == "/":
            merges = normalization is not Normalization.BASE
            return None if segment in {".", ".."} or (merges and segment == "/") else "/"
        if segment in {"/", "."} and char == ".":
            return "." if segment == "/" else ".."
        if char in ESCAPED or (char == ";" and segment in {".", ".."}):
            return None
        return char if char == "%" else self._escape(segment, char)

    def _escape(self, segment: str, char: str) -> str | None:
        """What counts of an escape that may have begun."""
        if not segment.startswith("%") or char not in string.hexdigits:
            return "-"
        begun = segment + char
        if len(begun) < _ESCAPE_LENGTH:
            return begun.lower()
        is_decoded = self._normalization is Normalization.DECODE_AND_MERGE_SLASHES
        if is_unescaped(begun) or (is_decoded and begun.lower() in _ESCAPES):
            return None
        return "-"

    def _may_end(self, state: _PathState) -> bool:
        return state.segment not in {".", ".."}


def _tokens(template: str) -> tuple[str, ...]:
    """A template as operators and single characters."""
    tokens: list[str] = []
    for place, segment in enumerate(template.split("/")):
        if place:
            tokens.append("/")
        tokens += [segment] if segment in {ONE_SEGMENT, ANY_REST} else segment
    return tuple(tokens)


def _heads(texts: Collection[str]) -> frozenset[str]:
    """Everything that texts begin with, the empty text and themselves too."""
    return frozenset(text[:length] for text in texts for length in range(len(text) + 1)) | {""}
