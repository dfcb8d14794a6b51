"""Compose YAML with libyaml into nodes, scalars resolved as Go resolves them.

PyYAML's constructor is the slow half of a load, and resolves scalars differently from Go; only
its C parser is used. The subclass hooks are C functions, since they run once for every node.
"""

from __future__ import annotations

import enum
import functools
import operator
import re
from collections.abc import Callable, Iterator
from typing import TypeAlias, cast

import yaml
from msgspec import Struct
from yaml._yaml import CParser

from meshgate.errors import BuildError
from meshgate.model import JSON
from meshgate.yamldoc import scalars

Node: TypeAlias = yaml.nodes.Node
MappingNode: TypeAlias = yaml.MappingNode
ScalarNode: TypeAlias = yaml.ScalarNode
SequenceNode: TypeAlias = yaml.SequenceNode
MERGE = "<<"
# Deeper than any manifest; well below what the recursions here and in later layers can take.
DEEPEST = 100
# A document with fewer of these than the limit cannot nest deeper than it.
FLOW_START = re.compile(r"[\[{]")
# A colon right before `,`, `]` or `}` is text to Go's YAML reader, an error to libyaml. Each one
# that is quoted costs another parse of the text, so both are bounded; beyond, the error stands.
REFUSED_COLON = "found unexpected ':'"
MOST_QUOTED, LONGEST_QUOTED = 10, 1 << 20
# Far above any file that people write; nodes of this many take about 0.5 GiB.
MOST_NODES = 1_000_000
DEEP_LINE = re.compile(rf"^[ \t\-?:]{{{DEEPEST}}}", re.MULTILINE)


class Plain(Struct, frozen=True):
    """Stands for the tag of an unquoted scalar that is not text, or not text to every reader."""

    value: JSON
    ambiguous: bool


class Reader(enum.Enum):
    """Whose reading of unquoted scalars is wanted."""

    API_SERVER = enum.auto()
    KUSTOMIZE = enum.auto()
    # This project's own files: the core of YAML 1.2, where nothing is guessed.
    CONFIGURATION = enum.auto()


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
    """Scalars as kustomize reads them; nesting and nodes are counted: people write these files."""

    resolve = staticmethod(_resolver(scalars.kustomize_plain))

    def __init__(self, text: bytes) -> None:
        super().__init__(text)
        self._nodes = 0

    def descend_resolver(self, parent: Node | None, index: object) -> None:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise TooManyError(parent)
        super().descend_resolver(parent, index)


class ConfigurationComposer(KustomizeComposer):
    """The same, with the scalars of this project's own files."""

    resolve = staticmethod(_resolver(scalars.core_plain))


class TooDeepError(Exception):
    """A document nests deeper than DEEPEST."""

    def __init__(self, node: Node | None) -> None:
        super().__init__()
        self.mark = node.start_mark if node else None


class TooManyError(TooDeepError):
    """A document has more nodes than MOST_NODES."""


def compose(
    text: str, name: str, line: int = 0, reader: Reader = Reader.API_SERVER
) -> Iterator[Node]:
    """The document nodes of a piece of text that starts after `line` lines. Raises BuildError."""
    kind = _composer(text, reader)
    done = 0
    for tries_left in reversed(range(MOST_QUOTED + 1)):
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
        except TooManyError as error:
            raise BuildError(
                f"{name}: more than {MOST_NODES:,} values", hint="no file here needs this"
            ) from error
        except TooDeepError as error:
            raise too_deep(place(name, error.mark, line)) from error
        except yaml.MarkedYAMLError as error:
            mended = _with_colon_quoted(text, error)
            if mended is None or not tries_left:
                templated = any(mark in text for mark in TEMPLATE_MARKS)
                raise invalid(error, name, line, templated=templated) from error
            text = mended
        except yaml.YAMLError as error:
            raise BuildError(f"{name}: not valid YAML: {error}") from error
        else:
            return
        finally:
            parser.dispose()


def _with_colon_quoted(text: str, error: yaml.MarkedYAMLError) -> str | None:
    """The text with the scalar that libyaml refused in quotes; None for any other error.

    go-yaml ends an unquoted scalar between brackets at a colon only before a blank (scannerc.go,
    yaml_parser_scan_plain_scalar), so the IPv6 network in `[10.0.0.0, fd00::]` is text to it.
    """
    start, colon = error.context_mark, error.problem_mark
    if (
        error.problem != REFUSED_COLON
        or start is None
        or colon is None
        or len(text) > LONGEST_QUOTED
    ):
        return None
    end = colon.index + 1
    if text[end : end + 1] not in {",", "]", "}"}:
        return None
    scalar = text[start.index : end].replace("'", "''")
    return f"{text[: start.index]}'{scalar}'{text[end:]}"


def _composer(text: str, reader: Reader) -> type[CParser]:
    if reader is not Reader.API_SERVER:
        return COMPOSERS[reader]
    if len(FLOW_START.findall(text)) < DEEPEST and not DEEP_LINE.search(text):
        return Composer
    return DepthLimitedComposer


# What Helm and envsubst replace.
TEMPLATE_MARKS = ("{{", "${")
COMPOSERS = {
    Reader.KUSTOMIZE: KustomizeComposer,
    Reader.CONFIGURATION: ConfigurationComposer,
}


def too_deep(where: str) -> BuildError:
    """The refusal of a document that could fill the stack."""
    return BuildError(
        f"{where}: nested deeper than {DEEPEST} levels", hint="no manifest needs this"
    )


def invalid(error: yaml.MarkedYAMLError, name: str, line: int, *, templated: bool) -> BuildError:
    """The refusal of a text that is no YAML; `templated`: it has marks of a template."""
    mark = error.problem_mark or error.context_mark
    return BuildError(
        f"{place(name, mark, line)}: not valid YAML: {error.problem or error.context}",
        why=error.context or "",
        hint="a template (Helm, envsubst) must be rendered first" if templated else "",
    )


def place(name: str, mark: yaml.Mark | None, line: int) -> str:
    """`file:line:column` of a mark in a piece that starts after `line` lines."""
    return f"{name}:{line + mark.line + 1}:{mark.column + 1}" if mark else name


def key_text(node: Node) -> str:
    """A key as JSON has it."""
    tag = tag_of(node)
    if isinstance(tag, Plain) and isinstance(node, yaml.ScalarNode):
        return str(tag.value).lower() if isinstance(tag.value, bool) else str(tag.value)
    return str(node.value)


def tag_of(node: Node) -> Plain | str | None:
    """What a composer of this module gave a node for its tag: None for text and collections."""
    return cast("Plain | str | None", node.tag)
