"""A file of this project's own, read strictly: one document, no key twice, no tag, no merge."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

from meshgate.errors import BuildError
from meshgate.model import JSON, Position
from meshgate.yamldoc.nodes import (
    MERGE,
    MappingNode,
    Node,
    Reader,
    ScalarNode,
    SequenceNode,
    compose,
    key_text,
    tag_of,
)
from meshgate.yamldoc.reading import documents
from meshgate.yamldoc.text import decoded

Part = str | int


class Document:
    """One file: its value, and on demand where each key and each list item stands in it.

    file   as people are shown it
    text   what was read; empty for a value that no file holds, whose places are all line 1
    """

    def __init__(self, file: str, value: JSON, text: str = "") -> None:
        self.file = file
        self.value = value
        self.text = text
        # The node that the value was read from, and the lines before it; None: composed on demand.
        self.node: tuple[Node, int] | None = None

    def at(self, path: Sequence[Part]) -> Position:
        """Where the value at a path stands; of the nearest one above where it is missing."""
        position, value = Position(self.file, 1, 1), self.value
        for key in path:
            place = self._places.get((id(value), key))
            if place is None:
                break
            position, value = place, value[key]
        return position

    def place(self, container: JSON, key: Part) -> Position:
        """Where a key of a mapping, or an item of a list, of this very value stands."""
        return self._places.get((id(container), key), Position(self.file, 1, 1))

    @functools.cached_property
    def _places(self) -> dict[tuple[int, Part], Position]:
        places: dict[tuple[int, Part], Position] = {}
        if (root := self.node or self._composed()) is None:
            return places
        node, line = root
        waiting: list[tuple[JSON, Node]] = [(self.value, node)]
        while waiting:
            container, node = waiting.pop()
            # Both have the same entries in the same order.
            entries: Iterator[tuple[Part, Node, Node]] = iter(())
            if isinstance(node, MappingNode) and isinstance(container, dict):
                entries = ((key, *nodes) for key, nodes in zip(container, node.value, strict=True))
            elif isinstance(node, SequenceNode) and isinstance(container, list):
                entries = ((index, item, item) for index, item in enumerate(node.value))
            for key, place, child in entries:
                mark = place.start_mark
                where = Position(self.file, line + mark.line + 1, mark.column + 1)
                places[id(container), key] = where
                if not isinstance(child, ScalarNode):
                    waiting.append((container[key], child))
        return places

    def _composed(self) -> tuple[Node, int] | None:
        try:
            nodes = compose(self.text, self.file, reader=Reader.CONFIGURATION)
            return next(((node, 0) for node in nodes), None)
        except BuildError:  # JSON, whose escapes libyaml does not take
            return None


def location(position: Position) -> str:
    """A position as compilers write it."""
    return f"{position.file}:{position.line}:{position.column}"


def parse(content: str | bytes, file: str) -> Document:
    """The only document that a text holds; null where it is empty.

    Raises BuildError, with the place, for what is no YAML, has a key twice, several documents, a
    tag, a merge (`<<`) or more values than any configuration.
    """
    text = content if isinstance(content, str) else decoded(content, file)
    first = Document(file, None, text)
    for number, document in enumerate(documents(text, file, Reader.CONFIGURATION, keep_nodes=True)):
        if number:
            raise BuildError(
                f"{location(Position(file, document.line + 1, 1))}: a second document",
                hint="configuration is one document: remove `---`",
            )
        if document.odd is not None:
            _refuse(document.odd, file, document.line)
        first.value = document.value
        first.node = (document.node, document.line) if document.node is not None else None
    return first


def _refuse(node: Node, file: str, line: int) -> None:
    """Raise for what a reader could take otherwise than its writer meant."""
    waiting = [node]
    seen: set[int] = set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(tag := tag_of(node), str):
            raise BuildError(
                f"{_at(node, file, line)}: the tag {tag!r}", hint="write a plain value"
            )
        if isinstance(node, SequenceNode):
            waiting += reversed(node.value)
        elif isinstance(node, MappingNode):
            _refuse_keys(node, file, line)
            waiting += (value for _, value in reversed(node.value))


def _refuse_keys(node: MappingNode, file: str, line: int) -> None:
    first: dict[str, Node] = {}
    for key_node, _ in node.value:
        where = _at(key_node, file, line)
        key = key_text(key_node)
        if isinstance(tag := tag_of(key_node), str):
            raise BuildError(f"{where}: the tag {tag!r}", hint="write a plain key")
        if key == MERGE and not key_node.style:
            raise BuildError(f"{where}: `<<` merges nothing here", hint="write the keys out")
        if key in first:
            stands = line + first[key].start_mark.line + 1
            raise BuildError(
                f"{where}: the key {key!r} is here twice",
                why=f"It stands in line {stands} already; which one holds is a guess.",
                hint="remove one of them",
            )
        first[key] = key_node


def _at(node: Node, file: str, line: int) -> str:
    mark = node.start_mark
    return location(Position(file, line + mark.line + 1, mark.column + 1))
