"""Read manifests as the API server reads them.

`read` takes the bytes of one file: any number of documents, `kind: List`, JSON. What two readers
would take differently is kept as a defect beside the resources, for rules to judge.
"""

from __future__ import annotations

import functools
import gc
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct, structs

from meshgate.errors import BuildError
from meshgate.model import CLUSTER_WIDE_KINDS, JSON, Defect, JSONObject, Origin, Resource
from meshgate.source.defects import defects_of
from meshgate.yamldoc import reading
from meshgate.yamldoc.files import Root, leads_out, read_file
from meshgate.yamldoc.nodes import Reader
from meshgate.yamldoc.text import decoded

Parts: TypeAlias = tuple[str | int, ...]

SUFFIXES = frozenset({".yaml", ".yml", ".json"})
CLUSTER_WIDE = CLUSTER_WIDE_KINDS

# These say how to build manifests, and never reach a cluster.
BUILD_GROUP = "kustomize.config.k8s.io/"


# Beside manifests, a folder of them may hold what people read.
NOTES = ".md"


class Loaded(Struct, frozen=True):
    """What one file, or several, hold."""

    resources: list[Resource]
    defects: list[Defect]
    # Documents that are, or list, something else than Kubernetes objects.
    others: list[Origin]


def read(data: bytes, file: str) -> Loaded:
    """The Kubernetes objects in a file's bytes, in their order, and the file's defects.

    Documents that are no Kubernetes object (no apiVersion and no kind, or kustomize's own) are
    passed over. Origins count every document. Raises BuildError.
    """
    loaded = Loaded([], [], [])
    text = decoded(data, file)
    with _no_collection():
        for index, (value, defects) in enumerate(documents(text, file)):
            origin = Origin(file, index)
            # What nobody loads as objects, such as values of a chart, may say a key twice.
            if any(True for _ in manifests(value)):
                loaded.defects.extend(structs.replace(defect, origin=origin) for defect in defects)
            loaded.resources.extend(objects(value, origin))
            if is_other(value):
                loaded.others.append(origin)
    return loaded


def documents(
    text: str, file: str, reader: Reader = Reader.API_SERVER
) -> Iterator[tuple[JSON, list[Defect]]]:
    """The value and the defects of each document of a text, empty ones included."""
    for value, odd, line, _ in reading.documents(text, file, reader):
        yield value, [] if odd is None else list(defects_of(odd, Origin(file), line))


class SourceDocument(Struct, frozen=True):
    """One document: what it says, and what two readers take differently in it."""

    value: JSON
    defects: tuple[Defect, ...]


@functools.lru_cache(maxsize=4096)
def parsed(
    content: bytes, name: str, reader: Reader = Reader.KUSTOMIZE
) -> tuple[SourceDocument, ...]:
    """The documents of a file, empty ones included. Values are shared: never change them.

    Raises BuildError.
    """
    text = decoded(content, name)
    return tuple(
        SourceDocument(value, tuple(defects)) for value, defects in documents(text, name, reader)
    )


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


def is_other(value: JSON) -> bool:
    """Whether a document, or an item of its list, is something and yet no Kubernetes object."""
    if not isinstance(value, dict) or not ("kind" in value or "apiVersion" in value):
        return value is not None
    kind, items = value.get("kind"), value.get("items")
    if not (isinstance(kind, str) and kind.endswith("List") and isinstance(items, list)):
        return False
    return any(item is None or is_other(_typed(item, value)) for item in items)


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


def read_path(root: Path, path: Path, *, within: Path | None = None) -> Loaded:
    """The same for a file, absolute or relative to `root`; origins are relative to `root`.

    `within`: a folder, relative to `root` too, that holds it and that no link may lead out of.
    """
    return read(read_bytes(root, str(path), within), relative(root, root / path))


def read_bytes(root: Path, name: str, within: Path | None = None) -> bytes:
    """The bytes of one such file. Raises BuildError."""
    shown = relative(root, root / name)
    if within and Root(root / within).inside(Path(name).relative_to(within).as_posix()) is None:
        raise leads_out(shown, str(within))
    return read_file(root / name, shown)


def document(data: bytes, origin: Origin) -> JSON:
    """The value of one document of a file's bytes. Raises BuildError."""
    values = (value for value, _ in documents(decoded(data, origin.file), origin.file))
    return next(itertools.islice(values, origin.document, None), None)


def read_folder(root: Path, folder: str) -> list[Resource]:
    """Every object of the manifests below a folder, as foreign ones; none where it is missing.

    Raises BuildError for what would be lost or read twice: a link, a file of another kind, a
    document that is no Kubernetes object, a repeated key.
    """
    resources: list[Resource] = []
    for name in files_of_folder(root, folder):
        loaded = read_path(root, Path(name), within=Path(folder))
        for defect in loaded.defects:
            if defect.kind == "duplicate-key":
                raise BuildError(
                    f"{defect.position.file}:{defect.position.line}: "
                    f"{defect.path} stands here a second time",
                    hint="keep one of them",
                )
        for origin in loaded.others:
            raise BuildError(
                f"{name}: document {origin.document + 1} is, or lists, no Kubernetes object",
                why="What stands there would decide nothing.",
                hint="give it an apiVersion and a kind, or take it out",
            )
        resources += map(as_foreign, loaded.resources)
    return resources


def files_of_folder(root: Path, folder: str) -> Iterator[str]:
    """The files of a folder and of those in it, relative to `root`, sorted. Raises BuildError."""
    if (root / folder).is_symlink():
        raise _link(folder)
    try:
        names = sorted(os.listdir(root / folder))  # noqa: PTH208 - paths are text here
    except FileNotFoundError:
        return
    except OSError as error:
        raise BuildError(f"cannot read {folder}: {error.strerror}") from error
    for entry in names:
        name = f"{folder}/{entry}"
        path = root / name
        suffix = path.suffix.lower()
        if path.is_symlink():
            raise _link(name)
        if path.is_dir():
            yield from files_of_folder(root, name)
        elif suffix in SUFFIXES:
            yield name
        elif not entry.startswith(".") and suffix != NOTES:
            raise BuildError(
                f"{name} is no manifest by its name, and would be passed over",
                hint="call it .yaml, .yml or .json, or move it elsewhere",
            )


def _link(name: str) -> BuildError:
    return BuildError(
        f"{name} is a link",
        why="What it leads to could change without this folder showing it.",
        hint="put the file or folder itself there",
    )


def as_foreign(resource: Resource) -> Resource:
    """The resource as one that decides with the rest, but is not managed here."""
    return structs.replace(resource, foreign=True)


def relative(root: Path, path: Path) -> str:
    """A path as findings show it: relative to `root`, with `/`; unchanged where it is elsewhere."""
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return os.path.relpath(path, root).replace(os.sep, "/")
