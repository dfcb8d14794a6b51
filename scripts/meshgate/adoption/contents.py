"""What lies in a repository: kustomizations, charts, objects, and what could not be read."""

from __future__ import annotations

import functools
import posixpath
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from meshgate import source
from meshgate.errors import BuildError
from meshgate.model import JSONObject, Resource
from meshgate.source import recognition
from meshgate.source.recognition import OWN, OWN_FILES
from meshgate.source.tree import Tree
from meshgate.yamldoc.files import Root, read_inside

COMPONENT = "Component"
# Objects of these groups say what a cluster syncs, and are no sources of policies themselves.
SYNC_GROUPS = ("argoproj.io", "toolkit.fluxcd.io")


class Contents(Struct, frozen=True, dict=True):
    """What was read.

    files    YAML and JSON, relative to the root, sorted
    trees    by folder, what each kustomization reaches
    charts   folders of charts that lie in no other chart
    objects  what stands in files that are no templates and no values, with their places
    unread   why files could not be read
    """

    root: Path
    files: tuple[str, ...]
    trees: Mapping[str, Tree]
    charts: tuple[str, ...]
    objects: tuple[Resource, ...]
    unread: Mapping[str, str]

    def has_folder(self, path: str) -> bool:
        """Whether a path is a folder of the repository, and leads nowhere else."""
        below = Root(self.root)
        return below.inside(path) is not None and below.is_folder(path)

    def has_file(self, path: str) -> bool:
        below = Root(self.root)
        return below.inside(path) is not None and below.is_file(path)

    def below(self, folder: str) -> list[Resource]:
        """The objects that a folder brings in: by its kustomization, else all that lie below."""
        if folder in self.trees:
            return [each for name in self.trees[folder].files for each in self._at.get(name, ())]
        if folder in self.charts:
            return []  # templates are no objects yet
        start = "" if folder in {".", ""} else f"{folder}/"
        return [
            each
            for name, objects in self._at.items()
            if name == folder or name.startswith(start)
            for each in objects
        ]

    @functools.cached_property
    def _at(self) -> dict[str, list[Resource]]:
        at: dict[str, list[Resource]] = {}
        for each in self.objects:
            at.setdefault(file_of(each), []).append(each)
        return at

    @functools.cached_property
    def included(self) -> frozenset[str]:
        """Folders whose kustomization another one brings in."""
        return frozenset(
            inner
            for folder, tree in self.trees.items()
            for inner in tree.kustomizations
            if inner not in {folder, tree.start}
        )

    def roots(self) -> Iterator[str]:
        """Folders with a kustomization that nothing includes, and that is something by itself."""
        for folder, tree in self.trees.items():
            own = tree.kustomizations.get(tree.start)
            is_component = own is not None and own.value.get("kind") == COMPONENT
            if folder not in self.included and not is_component:
                yield folder

    @functools.cached_property
    def reached(self) -> frozenset[str]:
        """Files that some kustomization reaches."""
        return frozenset(name for tree in self.trees.values() for name in tree.files)


def read(root: Path) -> Contents:
    """Read a repository. Files that cannot be read are listed, and do not stop the rest."""
    listed = source.listing(root)
    files = tuple(name for name in listed.files if not is_own(name))
    described = [posixpath.dirname(n) for n in files if posixpath.basename(n) == recognition.CHART]
    charts = [each for each in sorted(described) if not _in_chart(each, described)]
    objects: list[Resource] = []
    unread: dict[str, str] = {}
    for name in files:
        if any(name.startswith(f"{chart}/") if chart else _of_top(name) for chart in charts):
            continue
        try:
            loaded = source.read(read_inside(root, name), name)
        except BuildError as error:
            unread[name] = error.what
            continue
        objects += (each for each in loaded.resources if each.kind and each.api_version)
    folders = [each for each in listed.kustomizations if not is_own(f"{each}/")]
    return Contents(
        root=root,
        files=files,
        trees={folder: Tree(root, folder) for folder in folders},
        charts=tuple(each or "." for each in charts),
        objects=tuple(objects),
        unread=unread,
    )


def is_own(name: str) -> bool:
    """Whether a file is one that meshgate reads or writes by its place."""
    return name in OWN_FILES or ("/" in name and name.partition("/")[0] in OWN)


def file_of(resource: Resource) -> str:
    """The file an object stands in."""
    return resource.origin.file if resource.origin else ""


def is_sync(resource: Resource) -> bool:
    """Whether an object says what is synced."""
    return resource.group.endswith(SYNC_GROUPS)


def mapping(value: object) -> JSONObject:
    """A mapping of an object that anybody may have written; empty for anything else."""
    return value if isinstance(value, dict) else {}


def mappings(value: object) -> list[JSONObject]:
    """The mappings of such a list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _of_top(name: str) -> bool:
    """Whether a file is one of a chart's own, where the top of the repository is the chart."""
    folder, _, _ = name.partition("/")
    if folder != name:
        return folder in {"charts", "crds", "templates"}
    return name in recognition.CHART_FILES or name.startswith("values")


def _in_chart(folder: str, charts: list[str]) -> bool:
    return any(other and folder.startswith(f"{other}/") for other in charts if other != folder)
