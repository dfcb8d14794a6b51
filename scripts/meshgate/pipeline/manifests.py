"""Any manifests, from files or standard input, as one environment without a name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from meshgate import source
from meshgate.errors import NothingToCheckError
from meshgate.model import BuildRecord, Resource
from meshgate.pipeline.targets import STDIN, existing
from meshgate.source import Build, Loaded, Locator

SUFFIXES = (".yaml", ".yml", ".json")
NAMED = 3


class Manifests(NamedTuple):
    """What was given, where it is written, and what of it is no Kubernetes object."""

    build: Build
    locate: Locator
    notes: list[str]


def read_manifests(
    root: Path, paths: Sequence[str], stdin: bytes = b"", *, namespace: str | None = None
) -> Manifests:
    """Everything the paths hold; `stdin` is what `-` stands for.

    `namespace`: of objects that name none. Raises UsageError for a path that is not there, and
    NothingToCheckError where nothing is an object.
    """
    given = {STDIN: stdin} if STDIN in paths else {}
    loaded = list(read_all(root, paths, given))
    resources = [resource for part in loaded for resource in part.resources]
    if namespace:
        resources = [in_namespace(resource, namespace) for resource in resources]
    if not resources:
        raise NothingToCheckError(
            "there is no Kubernetes object in " + ", ".join(paths),
            hint="give files or folders with manifests; an empty check is not a pass",
        )
    record = BuildRecord(defects=tuple(defect for part in loaded for defect in part.defects))
    return Manifests(Build(resources, record), Locator(root, given), passed_over(loaded))


def read_all(root: Path, paths: Sequence[str], given: Mapping[str, bytes]) -> Iterator[Loaded]:
    """Everything the paths hold, in their order. Raises UsageError for a path that is not there."""
    for text in paths:
        if text in given:
            yield source.read(given[text], text)
            continue
        path = existing(root, text)
        if path.is_dir():
            for file in sorted(
                p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and not p.is_dir()
            ):
                yield source.read_path(root, text / file.relative_to(path), within=Path(text))
        else:
            yield source.read_path(root, Path(text))


def passed_over(loaded: Iterable[Loaded]) -> list[str]:
    """What the reader must know of documents that are not judged."""
    others = [origin for part in loaded for origin in part.others]
    if not others:
        return []
    named = ", ".join(f"{origin.file} ({origin.document + 1})" for origin in others[:NAMED])
    more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
    return [f"passed over, since they are or list no Kubernetes object: documents {named}{more}"]


def in_namespace(resource: Resource, namespace: str) -> Resource:
    """The resource as it lands with `kubectl apply -n`."""
    if resource.namespace is not None or resource.kind in source.CLUSTER_WIDE:
        return resource
    value = {**resource.value, "metadata": {**resource.metadata, "namespace": namespace}}
    return Resource.of(value, resource.origin, foreign=resource.foreign)
