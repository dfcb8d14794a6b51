"""The patches of a kustomization, from files and from its own text, each with its place."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct, structs

from meshgate.errors import BuildError
from meshgate.model import JSON, JSONObject, Origin, Position
from meshgate.source.kustomization import Kustomization, is_inline
from meshgate.source.load import parsed
from meshgate.source.tree import Tree
from meshgate.yamldoc.nodes import Reader
from meshgate.yamldoc.positions import SourceFiles
from meshgate.yamldoc.text import starts

Parts = tuple[str | int, ...]


class Patch(Struct, frozen=True):
    """One document of a patch: an object to merge, or a list of JSON operations."""

    origin: Origin
    position: Position
    value: JSON
    # Where the patch is written in its file, and which of the documents there it is.
    written: Parts | None
    document: int
    target: JSONObject | None
    # Where the kustomization states the target.
    stated: Position | None = None


def patches_of(
    kustomization: Kustomization, field: str, tree: Tree, files: SourceFiles
) -> Iterator[Patch]:
    """The patches under one field of a kustomization, in their order; unreadable ones left out."""
    for index, item in enumerate(kustomization.list(field)):
        path, text, target = _patch_entry(item)
        written: Parts = (field, index)
        found: Iterator[Patch] = iter(())
        if text is not None:
            at = (*written, "patch") if path else written
            found = _inline(Origin(kustomization.file), at, text, target, files)
        elif path and (name := tree.resolved(kustomization, path)):
            found = _in_file(name, target, tree)
        stated = target and files.position(Origin(kustomization.file), (*written, "target"))
        yield from (structs.replace(patch, stated=stated or None) for patch in found)


def _inline(
    origin: Origin, written: Parts, text: str, target: JSONObject | None, files: SourceFiles
) -> Iterator[Patch]:
    for index, value, (line, column) in _documents(text.encode(), origin.file):
        inner = Position(origin.file, line, column)
        position = files.inside(origin.file, written, inner)
        yield Patch(origin, position, value, written, index, target)


def _in_file(name: str, target: JSONObject | None, tree: Tree) -> Iterator[Patch]:
    try:
        content = tree.content(name)
    except BuildError:
        return
    for index, value, (line, column) in _documents(content, name):
        yield Patch(Origin(name, index), Position(name, line, column), value, None, index, target)


def _documents(content: bytes, name: str) -> Iterator[tuple[int, JSON, tuple[int, int]]]:
    """Index, value, and the line and column of each document of a patch that is not empty."""
    try:
        documents = parsed(content, name)
        if any(isinstance(document.value, list) for document in documents):
            # kustomize reads JSON patches as the API server reads YAML.
            documents = parsed(content, name, Reader.API_SERVER)
    except BuildError:
        return
    places = starts(content.decode("utf-8-sig"))
    for index, (document, place) in enumerate(zip(documents, places, strict=False)):
        if document.value is not None:
            yield index, document.value, place


def _patch_entry(item: JSON) -> tuple[str, str | None, JSONObject | None]:
    """The path, the text and the target of an entry of a field with patches."""
    if isinstance(item, str):
        return ("", item, None) if is_inline(item) else (item, None, None)
    if not isinstance(item, dict):
        return "", None, None
    target = item.get("target")
    text = item.get("patch")
    return (
        str(item.get("path") or "patch"),
        text if isinstance(text, str) else None,
        target if isinstance(target, dict) else None,
    )
