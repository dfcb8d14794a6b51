"""From nodes to the values that the API server sees: tags, keys, merges, aliases."""

from __future__ import annotations

import base64
import binascii
import math

import yaml

from meshgate.errors import BuildError
from meshgate.model import JSON, JSONObject
from meshgate.yamldoc import scalars
from meshgate.yamldoc.nodes import MERGE, Node, Plain, place, tag_of

CORE = "tag:yaml.org,2002:"
COLLECTION_TAGS = frozenset({CORE + "map", CORE + "seq"})
# Scalars with these tags, or none, are text.
AS_WRITTEN = frozenset({"", "!", "str", "timestamp"})


def value_of(node: Node, name: str, line: int = 0, *, aliases: bool) -> tuple[JSON, bool]:
    """The value of a document, and whether something in it is odd enough for a second look.

    `aliases`: whether the text may hold anchors, so that expansion must be counted.
    Raises BuildError for a tag that is not YAML's own, and for an alias bomb.
    """
    build = (_CountingBuilder if aliases else _Builder)(name, line)
    return build.build(node), build.odd


class _Builder:
    """Values from nodes that no alias joins."""

    def __init__(self, name: str, line: int) -> None:
        self.name = name
        self.line = line
        self.odd = False

    def build(self, node: JSON) -> JSON:
        kind = type(node)
        if kind is yaml.ScalarNode:
            return node.value if node.tag is None else self.scalar(node)
        if node.tag is not None:
            self.odd = True
            if node.tag not in COLLECTION_TAGS:
                raise self.refused_tag(node)
        build = self.build
        if kind is yaml.SequenceNode:
            return [build(item) for item in node.value]
        pairs = node.value
        value: JSONObject = {}
        for key_node, value_node in pairs:
            # The common case first: a key that is text, and no merge.
            if key_node.tag is None and type(key_node) is yaml.ScalarNode:
                key = key_node.value
                if key == MERGE and not key_node.style:
                    self.merge(value, value_node)
                    continue
            else:
                key = self.key(key_node)
            value[key] = build(value_node)
        if len(value) != len(pairs):
            self.odd = True
        return value

    def scalar(self, node: yaml.ScalarNode) -> JSON:
        """The value of an unquoted scalar that is not text, or of one with a tag."""
        tag = tag_of(node)
        if isinstance(tag, Plain):
            if tag.ambiguous:
                self.odd = True
                if isinstance(tag.value, float) and not math.isfinite(tag.value):
                    raise self.not_finite(node)
            return tag.value
        self.odd = self.odd or tag is not None
        kind = (tag or "").removeprefix(CORE)
        if kind in AS_WRITTEN:
            return node.value
        if kind == "binary":
            return self.binary(node)
        if kind not in TYPES:
            raise self.refused_tag(node)
        value = scalars.plain(node.value)
        if isinstance(value, float) and not math.isfinite(value):
            raise self.not_finite(node)
        if not isinstance(value, TYPES[kind]) or (kind != "bool" and isinstance(value, bool)):
            raise BuildError(f"{self.place(node)}: {node.value!r} is not of the type !!{kind}")
        return value

    def binary(self, node: yaml.ScalarNode) -> str:
        try:
            content = base64.b64decode("".join(node.value.split()), validate=True)
        except (binascii.Error, ValueError) as error:
            raise BuildError(f"{self.place(node)}: !!binary without valid base64") from error
        return content.decode("utf-8", "replace")

    def key(self, node: Node) -> str:
        """A key as the API server has it in JSON, where every key is text."""
        if isinstance(node, yaml.ScalarNode):
            key = self.scalar(node)
            if isinstance(key, str):
                return key
            self.odd = True
            if isinstance(key, bool):
                return "true" if key else "false"
            if isinstance(key, int):
                return str(key)
        raise BuildError(
            f"{self.place(node)}: a key that is not text",
            why="JSON, which the API server turns this into, has no such key.",
            hint="quote the key",
        )

    def merge(self, value: JSONObject, node: Node) -> None:
        """`<<`: as Go's yaml.v2 does it, where the later of two equal keys wins."""
        parts = node.value[::-1] if isinstance(node, yaml.SequenceNode) else [node]
        for part in parts:
            if not isinstance(part, yaml.MappingNode):
                raise BuildError(f"{self.place(part)}: `<<` takes a mapping, or a list of mappings")
            value.update(self.build(part))
        self.odd = True

    def not_finite(self, node: Node) -> BuildError:
        return BuildError(
            f"{self.place(node)}: {node.value} is not a number that JSON has",
            why="The API server turns YAML into JSON, and refuses it there.",
            hint="quote it if text is meant",
        )

    def refused_tag(self, node: Node) -> BuildError:
        return BuildError(
            f"{self.place(node)}: the tag {node.tag} is refused",
            why="Manifests are plain values; a tag could ask a reader to make any object.",
            hint="remove the tag",
        )

    def place(self, node: Node) -> str:
        return place(self.name, node.start_mark, self.line)


TYPES: dict[str, type | tuple[type, ...]] = {
    "int": int,
    "float": (int, float),
    "bool": bool,
    "null": type(None),
}


class _CountingBuilder(_Builder):
    """The same for a document with aliases: bounded as Go's yaml.v2 bounds it (decode.go).

    A node that was met before stands for an alias; all that is built below it counts as expansion.
    """

    FEW_ALIASES, FEW_NODES = 100, 1000
    LOW, HIGH = 400_000, 4_000_000

    def __init__(self, name: str, line: int) -> None:
        super().__init__(name, line)
        self.nodes = 0
        self.expanded = 0
        self.alias_depth = 0
        self.seen: set[int] = set()
        self.open: set[int] = set()

    def build(self, node: Node) -> JSON:
        identity = id(node)
        if identity in self.open:
            raise BuildError(f"{self.place(node)}: an anchor's value contains itself")
        again = identity in self.seen
        self.seen.add(identity)
        self.open.add(identity)
        self.alias_depth += again
        self.nodes += 1
        self.expanded += self.alias_depth > 0
        if (
            self.expanded > self.FEW_ALIASES
            and self.nodes > self.FEW_NODES
            and self.expanded / self.nodes > self.allowed_ratio()
        ):
            raise BuildError(
                f"{self.place(node)}: the document's aliases expand to too many values",
                why="A few lines of aliases of aliases can fill any memory.",
                hint="write the values out",
            )
        value = super().build(node)
        self.alias_depth -= again
        self.open.discard(identity)
        return value

    def allowed_ratio(self) -> float:
        """Which part of all values may come from aliases: 99 % of few, 10 % of many."""
        if self.nodes <= self.LOW:
            return 0.99
        if self.nodes >= self.HIGH:
            return 0.10
        return 0.99 - 0.89 * (self.nodes - self.LOW) / (self.HIGH - self.LOW)
