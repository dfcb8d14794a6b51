"""Read manifests as the API server reads them.

`read` takes the bytes of one file: any number of documents, `kind: List`, JSON. What two readers
would take differently is kept as a defect beside the resources, for rules to judge.
"""

from __future__ import annotations

import dataclasses
import gc
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from meshgate.errors import BuildError
from meshgate.model import CLUSTER_WIDE_KINDS, Origin, Resource
from meshgate.source import jsontext, plainlines
from meshgate.source import text as texts
from meshgate.source.defects import defects_of
from meshgate.source.nodes import Reader, compose, value_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from meshgate.model import JSON, Defect, JSONObject

Parts: TypeAlias = tuple[str | int, ...]

SUFFIXES = frozenset({".yaml", ".yml", ".json"})
CLUSTER_WIDE = CLUSTER_WIDE_KINDS

# These say how to build manifests, and never reach a cluster.
BUILD_GROUP = "kustomize.config.k8s.io/"


class Loaded(NamedTuple):
    """What one file, or several, hold."""

    resources: list[Resource]
    defects: list[Defect]


def read(data: bytes, file: str) -> Loaded:
    """The Kubernetes objects in a file's bytes, in their order, and the file's defects.

    Documents that are no Kubernetes object (no apiVersion and no kind, or kustomize's own) are
    passed over. Origins count every document. Raises BuildError.
    """
    loaded = Loaded([], [])
    text = texts.decoded(data, file)
    with _no_collection():
        for index, (value, defects) in enumerate(documents(text, file)):
            origin = Origin(file, index)
            loaded.defects.extend(defect._replace(origin=origin) for defect in defects)
            loaded.resources.extend(objects(value, origin))
    return loaded


def documents(
    text: str, file: str, reader: Reader = Reader.API_SERVER
) -> Iterator[tuple[JSON, list[Defect]]]:
    """The value and the defects of each document of a text, empty ones included."""
    if text.startswith("{") and (values := jsontext.values(text)) is not None:
        for value in values:
            yield value, []
        return
    for piece in texts.pieces(text):
        if (plain := plainlines.value(piece.text)) is not None:
            yield plain, []
            continue
        aliases = "&" in piece.text
        for node in compose(piece.text, file, piece.line, reader):
            value, odd = value_of(node, file, piece.line, aliases=aliases)
            yield value, list(defects_of(node, Origin(file), piece.line)) if odd else []


def objects(value: JSON, origin: Origin) -> Iterator[Resource]:
    """The Kubernetes objects a document describes; the items of a list each."""
    for _, manifest in manifests(value):
        if not str(manifest.get("apiVersion")).startswith(BUILD_GROUP):
            yield Resource.of(manifest, origin)


def manifests(value: JSON, at: Parts = ()) -> Iterator[tuple[Parts, JSONObject]]:
    """The mappings in a document that have a kind or an apiVersion, each with its path."""
    if not isinstance(value, dict) or not ("kind" in value or "apiVersion" in value):
        return
    kind, items = value.get("kind"), value.get("items")
    if isinstance(kind, str) and kind.endswith("List") and isinstance(items, list):
        for index, item in enumerate(items):
            yield from manifests(_typed(item, value), (*at, "items", index))
    else:
        yield at, value


def _typed(item: JSON, parent: JSONObject) -> JSON:
    """An item of a typed list, which the API server writes without kind."""
    kind = str(parent["kind"]).removesuffix("List")
    if not kind or not isinstance(item, dict) or "kind" in item:
        return item
    return {"apiVersion": parent.get("apiVersion"), "kind": kind, **item}


@contextmanager
def _no_collection() -> Iterator[None]:
    """Values are trees: looking for cycles while millions of them are made finds nothing."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def read_path(root: Path, path: Path) -> Loaded:
    """The same for a file, absolute or relative to `root`; origins are relative to `root`."""
    path = root / path
    name = relative(root, path)
    return read(texts.bounded(path, name), name)


def read_folder(root: Path, folder: str) -> list[Resource]:
    """Every object of the manifests below a folder, as foreign ones; none where it is missing.

    Raises BuildError for a document that is no Kubernetes object, and for a repeated key.
    """
    found: list[Resource] = []
    for path in sorted((root / folder).rglob("*")):
        if path.suffix in SUFFIXES and path.is_file():
            loaded = read_path(root, path.relative_to(root))
            for defect in loaded.defects:
                if defect.kind == "duplicate-key":
                    raise BuildError(
                        f"{defect.position.file}:{defect.position.line}: "
                        f"{defect.path} stands here a second time",
                        hint="keep one of them",
                    )
            found += map(as_foreign, loaded.resources)
    return found


def as_foreign(resource: Resource) -> Resource:
    """The resource as one that decides with the rest, but is not managed here."""
    return dataclasses.replace(resource, foreign=True)


def relative(root: Path, path: Path) -> str:
    """A path as findings show it: relative to `root`, with `/`; unchanged where it is elsewhere."""
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return os.path.relpath(path, root).replace(os.sep, "/")
