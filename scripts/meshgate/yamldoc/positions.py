"""Line and column of a value in a file, composed on demand: only the one document is parsed."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from pathlib import Path

import yaml
from msgspec import Struct

from meshgate.errors import BuildError
from meshgate.model import JSON, Origin, Position
from meshgate.yamldoc import text as texts
from meshgate.yamldoc.files import read_file
from meshgate.yamldoc.nodes import Node, compose, key_text

Part = str | int
EXCERPT_LENGTH = 160
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class PathEnd(Struct, frozen=True):
    """Where a path led to in a document."""

    # The key of a mapping's entry, else the item itself: what a person looks for.
    shown: Node
    value: Node
    depth: int  # how many parts of the path were there


def follow(node: Node, path: Sequence[Part]) -> PathEnd:
    """The end of a path in a document, or its nearest parent that is there."""
    shown = node
    for depth, part in enumerate(path):
        entry = _entry(node, part)
        if entry is None:
            return PathEnd(shown, node, depth)
        shown, node = entry
    return PathEnd(shown, node, len(path))


def _entry(node: Node, part: Part) -> tuple[Node, Node] | None:
    """The key and the value, or twice the item, that one part of a path leads to."""
    if isinstance(node, yaml.SequenceNode):
        if isinstance(part, int) and part < len(node.value):
            return node.value[part], node.value[part]
    elif isinstance(node, yaml.MappingNode):
        merged = []
        # The last of two equal keys is the one that holds.
        for key_node, value_node in reversed(node.value):
            key = key_text(key_node)
            if key == part:
                return key_node, value_node
            if key == "<<" and not key_node.style:
                merged.append(value_node)
        for value_node in merged:
            parts = value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
            for other in parts:
                if entry := _entry(other, part):
                    return entry
    return None


class SourceFile:
    """One file, cut into documents; each is composed when it is asked for."""

    def __init__(self, name: str, content: bytes) -> None:
        self.name = name
        self.text = texts.decoded(content, name)
        self._pieces = texts.pieces(self.text)
        self._document = functools.lru_cache(maxsize=8)(self._compose)

    def document(self, index: int) -> tuple[Node, int] | None:
        """The node of a document and the lines before it; None where there is no such document."""
        return self._document(index)

    def _compose(self, index: int) -> tuple[Node, int] | None:
        # Only a file that cannot be cut has several documents in a piece.
        whole = len(self._pieces) == 1
        if not whole and index >= len(self._pieces):
            return None
        piece = self._pieces[0 if whole else index]
        for at, node in enumerate(compose(piece.text, self.name, piece.line)):
            if at == index or not whole:
                return node, piece.line
        return None

    def position(self, document: int, path: Sequence[Part]) -> Position:
        """The place of a path, or of its nearest parent; line 1 where the document is not there."""
        document_node = self.document(document)
        if document_node is None:
            return Position(self.name, 1, 1)
        node, line = document_node
        return self.at(follow(node, path).shown, line)

    def at(self, node: Node, line: int) -> Position:
        """The place of a node of a document that starts after `line` lines."""
        mark = node.start_mark
        return Position(self.name, line + mark.line + 1, mark.column + 1)

    def inside(self, path: Sequence[Part], position: Position) -> Position:
        """The place in this file of a position in the text that a path of document 0 leads to.

        Exact in a literal block (`|`); any other scalar is shown where it starts.
        """
        document_node = self.document(0)
        if document_node is None:
            return Position(self.name, 1, 1)
        node, line = document_node
        scalar = follow(node, path).value
        start = self.at(scalar, line)
        if not isinstance(scalar, yaml.ScalarNode) or scalar.style != "|":
            return start
        number = start.line + position.line
        lines = scalar.value.split("\n")
        written = self._lines[number - 1] if number <= len(self._lines) else ""
        indent = written.find(lines[position.line - 1]) if position.line <= len(lines) else 0
        return Position(self.name, number, max(indent, 0) + position.column)

    @functools.cached_property
    def _lines(self) -> list[str]:
        return self.text.split("\n")

    def excerpt(self, line: int) -> str:
        """One line, counted from 1, fit for any output: bounded, control characters escaped."""
        if not 0 < line <= len(self._lines):
            return ""
        line_text = self._lines[line - 1].rstrip().replace("\t", "    ")
        if len(line_text) > EXCERPT_LENGTH:
            line_text = line_text[: EXCERPT_LENGTH - 1] + "…"
        return CONTROL.sub(lambda match: ascii(match[0])[1:-1], line_text)


class SourceFiles:
    """The files below a root, each read once."""

    def __init__(self, root: Path, given: dict[str, bytes] | None = None) -> None:
        self.root = root
        self._given = given or {}
        self._read = functools.lru_cache(maxsize=256)(self._open)

    def get(self, name: str) -> SourceFile | None:
        """The file of this name relative to the root; None where it cannot be read."""
        return self._read(name)

    def _open(self, name: str) -> SourceFile | None:
        try:
            content = self._given.get(name)
            if content is None:
                content = read_file(self.root / name, name)
            return SourceFile(name, content)
        except BuildError:
            return None

    def position(self, origin: Origin, path: Sequence[Part]) -> Position | None:
        """The place of a path in a document; None where the file cannot be read."""
        file = self.get(origin.file)
        if file is None:
            return None
        try:
            return file.position(origin.document, path)
        except BuildError:
            return Position(origin.file, 1, 1)

    def inside(self, name: str, path: Sequence[Part], position: Position) -> Position:
        """The place in a file of a position in a text that is written in it."""
        file = self.get(name)
        return file.inside(path, position) if file else Position(name, 1, 1)

    def within(
        self, name: str, at: Sequence[Part], document: int, path: Sequence[Part]
    ) -> Position:
        """The place of a path in a document of a text that is written at a path of a file."""
        file = self.get(name)
        document_node = file.document(0) if file else None
        if file is None or document_node is None:
            return Position(name, 1, 1)
        text = follow(document_node[0], at).value.value
        if not isinstance(text, str):
            return file.position(0, at)
        inner = SourceFile(name, text.encode()).position(document, path)
        return file.inside(at, inner)


def exists(value: JSON, path: Sequence[Part]) -> bool:
    """Whether a path leads to something in a value, null included."""
    for part in path:
        if isinstance(value, dict):
            if part not in value:
                return False
            value = value[part]
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return False
    return True
