"""What two readers of one source file take differently, with its line and column.

A slow second look at a document that the loader found odd. Which scalars are meant as text is
decided by the key they stand under, the same for every kind.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Defect, Origin, Position, join_path
from meshgate.yamldoc.nodes import (
    MERGE,
    MappingNode,
    Node,
    Plain,
    ScalarNode,
    SequenceNode,
    key_text,
    tag_of,
)

Path = tuple[str | int, ...]

INTEGER_KEYS_MATTER_IN = "portLevelMtls"

# A scalar under one of these keys is text, and so is each item of a list there.
TEXT = frozenset(
    {
        "addresses",
        "apiVersion",
        "app",
        "appProtocol",
        "caCertificates",
        "cidr",
        "clientCertificate",
        "clusterIP",
        "credentialName",
        "distribution",
        "exportTo",
        "externalName",
        "gateways",
        "generateName",
        "header",
        "host",
        "hosts",
        "ipBlocks",
        "issuer",
        "jwksUri",
        "kind",
        "methods",
        "mode",
        "name",
        "namePrefix",
        "nameSuffix",
        "namespace",
        "namespaces",
        "network",
        "notHosts",
        "notIpBlocks",
        "notMethods",
        "notNamespaces",
        "notPaths",
        "notPorts",
        "notPrincipals",
        "notRequestPrincipals",
        "notServiceAccounts",
        "notValues",
        "paths",
        "principals",
        "privateKey",
        "protocol",
        "remoteIpBlocks",
        "requestPrincipals",
        "revision",
        "serviceAccountName",
        "serviceAccounts",
        "sni",
        "sniHosts",
        "sourceNamespace",
        "subjectAltNames",
        "subset",
        "targetHost",
        "trustDomain",
        "uid",
        "values",
        "version",
    }
)
# Every scalar of a mapping under one of these keys is text.
TEXT_MAPPINGS = frozenset(
    {
        "annotations",
        "binaryData",
        "commonAnnotations",
        "commonLabels",
        "data",
        "labels",
        "matchLabels",
        "nodeSelector",
        "pairs",
        "selector",
        "sourceLabels",
        "stringData",
        "withoutHeaders",
    }
)


def defects_of(node: Node, origin: Origin, line: int) -> Iterator[Defect]:
    """Every defect of one document whose text starts after `line` lines."""
    yield from _Look(origin, line).at(node, ())


class _Look:
    """A walk through one document, for what two readers take differently."""

    def __init__(self, origin: Origin, line: int) -> None:
        self.origin = origin
        self.line = line
        self.seen: set[int] = set()

    def at(self, node: Node, path: Path) -> Iterator[Defect]:
        if isinstance(node, ScalarNode):
            tag = tag_of(node)
            if isinstance(tag, Plain) and tag.ambiguous and is_text(path):
                yield self.defect("ambiguous-scalar", node, path, node.value)
            return
        if id(node) in self.seen:  # an alias: reported where it is anchored
            return
        self.seen.add(id(node))
        if isinstance(node, SequenceNode):
            for index, item in enumerate(node.value):
                yield from self.at(item, (*path, index))
        elif isinstance(node, MappingNode):
            yield from self.in_mapping(node, path)

    def in_mapping(self, node: MappingNode, path: Path) -> Iterator[Defect]:
        first: dict[str, Node] = {}
        for key_node, value_node in node.value:
            if is_merge(key_node):
                yield from self.in_merge(key_node, value_node, first, path)
                continue
            key = key_text(key_node)
            inside = (*path, key)
            if key in first:
                yield self.defect("duplicate-key", key_node, inside, key, first[key])
            first.setdefault(key, key_node)
            if path and path[-1] == INTEGER_KEYS_MATTER_IN and is_integer(key_node):
                yield self.defect("integer-key", key_node, inside, key_node.value)
            yield from self.at(value_node, inside)

    def in_merge(
        self, key_node: Node, merged: Node, first: dict[str, Node], path: Path
    ) -> Iterator[Defect]:
        """A merge after a key that it holds: Go's v2 lets the merge win, others the key."""
        parts = merged.value if isinstance(merged, SequenceNode) else [merged]
        for part in parts:
            if not isinstance(part, MappingNode):
                continue
            for other, _ in part.value:
                key = key_text(other)
                if key in first:
                    yield self.defect("duplicate-key", key_node, (*path, key), key, first[key])
            yield from self.at(part, path)

    def defect(
        self, kind: str, node: Node, path: Path, detail: str, first: Node | None = None
    ) -> Defect:
        return Defect(
            kind=kind,
            position=self.position(node),
            path=join_path(*path),
            detail=detail,
            origin=self.origin,
            first=self.position(first) if first else None,
        )

    def position(self, node: Node) -> Position:
        mark = node.start_mark
        return Position(self.origin.file, self.line + mark.line + 1, mark.column + 1)


def is_text(path: Path) -> bool:
    """Whether a scalar at this path is meant as text."""
    keys = [part for part in path if isinstance(part, str)]
    if not keys:
        return False
    if keys[-1] in TEXT:
        return True
    return len(keys) > 1 and keys[-2] in TEXT_MAPPINGS and isinstance(path[-1], str)


def is_merge(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.value == MERGE and not node.style


def is_integer(node: Node) -> bool:
    tag = tag_of(node)
    return isinstance(tag, Plain) and isinstance(tag.value, int) and not isinstance(tag.value, bool)
