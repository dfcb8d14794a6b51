"""Compose YAML with libyaml into nodes, and nodes into the values the API server sees.

PyYAML's constructor is the slow half of a load, and resolves scalars differently from Go; only
its C parser is used. The subclass hooks are C functions, since they run once for every node.
"""

from __future__ import annotations

import base64
import binascii
import enum
import functools
import math
import operator
import re
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, cast

import yaml
from yaml._yaml import CParser

from meshgate.errors import BuildError
from meshgate.source import colons, scalars

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from meshgate.model import JSON, JSONObject

Node: TypeAlias = yaml.nodes.Node
MERGE = "<<"
# Deeper than any manifest; well below what the recursions here and in later layers can take.
DEEPEST = 100
# A document with fewer of these than the limit cannot nest deeper than it.
FLOW_START = re.compile(r"[\[{]")
DEEP_LINE = re.compile(rf"^[ \t\-?:]{{{DEEPEST}}}", re.MULTILINE)

CORE = "tag:yaml.org,2002:"
COLLECTION_TAGS = frozenset({CORE + "map", CORE + "seq"})
# Scalars with these tags, or none, are text.
AS_WRITTEN = frozenset({"", "!", "str", "timestamp"})


class Plain(NamedTuple):
    """Stands for the tag of an unquoted scalar that is not text, or not text to every reader."""

    value: JSON
    ambiguous: bool


class Reader(enum.Enum):
    """Whose reading of unquoted scalars is wanted."""

    API_SERVER = enum.auto()
    KUSTOMIZE = enum.auto()


def _resolver(plain: Callable[[str], JSON]) -> Callable[..., Plain | None]:
    """What takes the place of a node's tag: None for text, collections included."""

    @functools.lru_cache(maxsize=1 << 16)
    def resolved(kind: type[Node], text: str, implicit: tuple[bool, bool]) -> Plain | None:
        if kind is not yaml.ScalarNode or not implicit[0]:
            return None
        value = plain(text)
        ambiguous = scalars.AMBIGUOUS.fullmatch(text) is not None
        return None if value == text and not ambiguous else Plain(value, ambiguous)

    return resolved


class Composer(CParser):
    """libyaml's parser; tags are resolved as Go does, nesting is not limited."""

    resolve = staticmethod(_resolver(scalars.plain))
    # Called for every node: two arguments, none; the cheapest C functions that take them.
    descend_resolver = staticmethod(operator.is_)
    ascend_resolver = staticmethod(bool)


class DepthLimitedComposer(CParser):
    """The same, where the nesting is counted: libyaml's composer recurses in C."""

    resolve = staticmethod(Composer.resolve)

    def __init__(self, text: bytes) -> None:
        super().__init__(text)
        self._depth = 0

    def descend_resolver(self, parent: Node | None, index: object) -> None:
        del index
        self._depth += 1
        if self._depth > DEEPEST:
            raise TooDeepError(parent)

    def ascend_resolver(self) -> None:
        self._depth -= 1


class KustomizeComposer(DepthLimitedComposer):
    """The same, with scalars as kustomize reads them."""

    resolve = staticmethod(_resolver(scalars.kustomize_plain))


class TooDeepError(Exception):
    """A document nests deeper than DEEPEST."""

    def __init__(self, node: Node | None) -> None:
        super().__init__()
        self.mark = node.start_mark if node else None


def compose(
    text: str, name: str, line: int = 0, reader: Reader = Reader.API_SERVER
) -> Iterator[Node]:
    """The document nodes of a piece of text that starts after `line` lines. Raises BuildError."""
    kind = _composer(text, reader)
    done = 0
    for tries_left in reversed(range(colons.MOST + 1)):
        parser = kind(text.encode())
        try:
            met = 0
            while parser.check_node():
                node = parser.get_node()
                assert node is not None
                met += 1
                if met > done:
                    done = met
                    yield node
        except TooDeepError as error:
            raise too_deep(place(name, error.mark, line)) from error
        except yaml.MarkedYAMLError as error:
            mended = colons.quoted(text, error)
            if mended is None or not tries_left:
                raise invalid(error, name, line) from error
            text = mended
        except yaml.YAMLError as error:
            raise BuildError(f"{name}: not valid YAML: {error}") from error
        else:
            return
        finally:
            parser.dispose()


def _composer(text: str, reader: Reader) -> type[CParser]:
    if reader is Reader.KUSTOMIZE:
        return KustomizeComposer
    if len(FLOW_START.findall(text)) < DEEPEST and not DEEP_LINE.search(text):
        return Composer
    return DepthLimitedComposer


def too_deep(where: str) -> BuildError:
    """The refusal of a document that could fill the stack."""
    return BuildError(
        f"{where}: nested deeper than {DEEPEST} levels", hint="no manifest needs this"
    )


def invalid(error: yaml.MarkedYAMLError, name: str, line: int) -> BuildError:
    """The refusal of a text that is no YAML."""
    mark = error.problem_mark or error.context_mark
    return BuildError(
        f"{place(name, mark, line)}: not valid YAML: {error.problem or error.context}",
        why=error.context or "",
        hint="a template (Helm, envsubst) must be rendered first",
    )


def place(name: str, mark: yaml.Mark | None, line: int) -> str:
    """`file:line:column` of a mark in a piece that starts after `line` lines."""
    return f"{name}:{line + mark.line + 1}:{mark.column + 1}" if mark else name


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
        if node.tag is not None and node.tag not in COLLECTION_TAGS:
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


def key_text(node: Node) -> str:
    """A key as JSON has it."""
    tag = tag_of(node)
    if isinstance(tag, Plain) and isinstance(node, yaml.ScalarNode):
        return str(tag.value).lower() if isinstance(tag.value, bool) else str(tag.value)
    return str(node.value)


def tag_of(node: Node) -> Plain | str | None:
    """What a composer of this module gave a node for its tag: None for text and collections."""
    return cast("Plain | str | None", node.tag)


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
