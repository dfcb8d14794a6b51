"""Configuration files, read strictly: one document, no key twice, every key's place known."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import yaml

from meshgate.errors import UsageError
from meshgate.model import JSON, Position

# Both far above any real file: 1,000 environments take 1.1 MB and 30,000 values.
SIZE_LIMIT = 16 * 1024 * 1024
VALUE_LIMIT = 1_000_000
DEPTH_LIMIT = 50

# The core of YAML 1.2, which is JSON's: `yes`, `010` and dates stay text, so nothing is guessed.
WORDS: dict[str, JSON] = {"": None, "~": None, "null": None, "true": True, "false": False}
INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\Z")
FLOAT = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+(?:[eE][-+]?[0-9]+)?\Z")


class Place(NamedTuple):
    """A line and a column, both from 1."""

    line: int
    column: int


START = Place(1, 1)


@dataclass
class Document:
    """One file: its value, and where each key and each list item stands in it."""

    file: str  # as people are shown it
    value: JSON
    places: dict[tuple[int, str | int], Place] = field(default_factory=dict, repr=False)

    def place(self, container: JSON, key: str | int) -> Position:
        """Where a key of a mapping, or an item of a list, stands."""
        return Position(self.file, *self.places.get((id(container), key), START))

    def at(self, path: Sequence[str | int]) -> Position:
        """Where the value at a path stands; of the nearest one above where it is missing."""
        found, value = START, self.value
        for key in path:
            place = self.places.get((id(value), key))
            if place is None:
                break
            found, value = place, value[key]
        return Position(self.file, *found)


def shown(position: Position) -> str:
    """A position as compilers write it."""
    return f"{position.file}:{position.line}:{position.column}"


def read(path: Path, file: str) -> Document:
    """The document in a file; `file` is how it is called in messages.

    Raises UsageError for what cannot be read, is no YAML, has a key twice, several documents, a
    tag, or is larger than any configuration.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from error
    if len(content) > SIZE_LIMIT:
        raise UsageError(f"{file}: is larger than {SIZE_LIMIT // 2**20} MiB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: is not UTF-8 text", hint="save it as UTF-8") from error
    return parse(text, file)


def parse(text: str, file: str) -> Document:
    """The document a text holds. Raises UsageError, as `read` does."""
    try:
        return _Reader(text, file).document()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = Place(mark.line + 1, mark.column + 1) if mark else START
        why = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        raise UsageError(
            f"{shown(Position(file, *place))}: this is not YAML", why=str(why)
        ) from error


class _Open(NamedTuple):
    """A mapping or a list that is being read."""

    value: dict[str, JSON] | list[JSON]
    anchor: str | None
    before: int  # how many values were read when it began


class _Reader:
    """Builds values from the parser's events.

    Events, not libyaml's composer: that one recurses in C and a deep file ends the process.
    """

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.events = yaml.parse(text, Loader=yaml.CSafeLoader)
        self.places: dict[tuple[int, str | int], Place] = {}
        self.anchored: dict[str, tuple[JSON, int]] = {}
        self.values = 0

    def document(self) -> Document:
        """The only document; an empty file holds null."""
        root: list[JSON] = []
        stack = [_Open(root, None, 0)]
        key: str | None = None
        event: JSON
        for event in self.events:
            kind = type(event)
            if kind is yaml.ScalarEvent:
                if type(stack[-1].value) is dict and key is None:
                    key = self._key(stack[-1].value, event)
                    continue
                value = self._scalar(event)
                self._remember(event.anchor, value, 1)
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                self._refuse_key(stack[-1], key, event)
                self._check_tag(event)
                value = {} if kind is yaml.MappingStartEvent else []
                self._add(stack[-1].value, key, value, event)
                stack.append(_Open(value, event.anchor, self.values))
                key = None
                if len(stack) > DEPTH_LIMIT:
                    raise self._error(event, f"more than {DEPTH_LIMIT} levels deep")
                continue
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                done = stack.pop()
                self._remember(done.anchor, done.value, self.values - done.before + 1)
                continue
            elif kind is yaml.AliasEvent:
                self._refuse_key(stack[-1], key, event)
                value = self._alias(event)
            elif kind is yaml.DocumentStartEvent and root:
                raise self._error(
                    event, "a second document", hint="configuration is one document: remove `---`"
                )
            else:
                continue
            self._add(stack[-1].value, key, value, event)
            key = None
        return Document(self.file, root[0] if root else None, self.places)

    def _add(
        self, container: dict[str, JSON] | list[JSON], key: str | None, value: JSON, event: JSON
    ) -> None:
        self.values += 1
        if self.values > VALUE_LIMIT:
            raise self._error(event, f"more than {VALUE_LIMIT:,} values")
        if isinstance(container, list):
            mark = event.start_mark
            self.places[id(container), len(container)] = Place(mark.line + 1, mark.column + 1)
            container.append(value)
        else:
            assert key is not None
            container[key] = value

    def _key(self, mapping: dict[str, JSON], event: JSON) -> str:
        key: str = event.value
        mark = event.start_mark
        first = self.places.get((id(mapping), key))
        if first is not None:
            raise self._error(
                event,
                f"the key {key!r} is here twice",
                why=f"It stands in line {first.line} already; which one holds is a guess.",
                hint="remove one of them",
            )
        self._check_tag(event)
        self.places[id(mapping), key] = Place(mark.line + 1, mark.column + 1)
        return key

    def _refuse_key(self, parent: _Open, key: str | None, event: JSON) -> None:
        if isinstance(parent.value, dict) and key is None:
            raise self._error(event, "a key that is not text")

    def _remember(self, anchor: str | None, value: JSON, size: int) -> None:
        if anchor is not None:
            self.anchored[anchor] = (value, size)

    def _alias(self, event: JSON) -> JSON:
        try:
            value, size = self.anchored[event.anchor]
        except KeyError:
            raise self._error(event, f"no value has the anchor &{event.anchor}") from None
        # The value is shared, but whoever walks it later walks all of it.
        self.values += size - 1
        return value

    def _scalar(self, event: JSON) -> JSON:
        text: str = event.value
        self._check_tag(event)
        if not event.implicit[0]:  # quoted
            return text
        if text in WORDS:
            return WORDS[text]
        if INTEGER.match(text):
            return int(text)
        if FLOAT.match(text):
            return float(text)
        return text

    def _check_tag(self, event: JSON) -> None:
        if event.tag is not None:
            raise self._error(event, f"the tag {event.tag!r}", hint="write a plain value")

    def _error(self, event: JSON, what: str, *, why: str = "", hint: str = "") -> UsageError:
        mark = event.start_mark
        position = Position(self.file, mark.line + 1, mark.column + 1)
        return UsageError(f"{shown(position)}: {what}", why=why, hint=hint)
