"""Build the kustomizations that lie below a folder, and tell their places from where one stands."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct, structs

from meshgate.errors import BuildError, MeshgateError
from meshgate.model import BuildRecord, Position, Resource
from meshgate.model.sources import ManifestSources
from meshgate.source.build import render_all, survey
from meshgate.source.kinds.kind import Build
from meshgate.source.kustomization import REMOTE
from meshgate.source.listing import top_of
from meshgate.source.locate import Locator
from meshgate.source.tree import Tree

# So far up bases are looked for where there is no git repository that says where to stop.
HIGHEST = 6
# kustomize refuses, or must not be given, sources with one of these.
REFUSED = frozenset({"duplicate-key", "integer-key", "remote-reference"})


class FolderBuild(Struct, frozen=True):
    """What one folder renders to.

    folder  as people are shown it
    top     where the names of its files start
    """

    folder: str
    top: Path
    build: Build


class FolderBuilds(Struct, frozen=True):
    """The outermost kustomizations below a folder.

    failures  why some of them were not built, by folder
    reached   the files that any of them brings in, relative to the folder
    """

    builds: list[FolderBuild]
    failures: dict[str, MeshgateError]
    reached: set[str]


def build_folders(
    root: Path, folder: str, names: Sequence[str], cache: Path | None
) -> FolderBuilds:
    """Build the kustomizations of `folder` (relative to `root`) that no other one brings in.

    names  the folders that have one, relative to `folder`
    """
    start = Path(os.path.realpath(root / folder))
    top = _top(start, names)
    below = os.path.relpath(start, top).replace(os.sep, "/")
    seen = FolderView(top, Path(os.path.realpath(root)))
    trees = [Tree(top, posixpath.join(below, name)) for name in names]
    brought_in = {inner for tree in trees for inner in tree.kustomizations if inner != tree.start}
    outermost = [tree for tree in trees if tree.start not in brought_in] or trees
    # A component is nothing by itself.
    wanted = [tree for tree in outermost if not _is_component(tree)]
    done = render_all(top, map(_sources, wanted), cache=cache)
    result = FolderBuilds([], {}, _reached(trees, start, top))
    for tree in wanted:
        built = done[_sources(tree)]
        shown = seen.name(tree.overlay)
        if isinstance(built, BuildError):
            defects = [d for d in survey(top, _sources(tree)) if d.kind != "orphan-file"]
            if any(defect.kind in REFUSED for defect in defects):
                built = Build([], BuildRecord(tuple(defects)))
        if isinstance(built, MeshgateError):
            result.failures[shown] = built
        else:
            record = _as_seen(seen, built.record)
            result.builds.append(FolderBuild(shown, top, Build(built.resources, record)))
    return result


def _sources(tree: Tree) -> str:
    return ManifestSources(overlay=tree.overlay).sources


def _is_component(tree: Tree) -> bool:
    own = tree.kustomizations.get(tree.start)
    return own is not None and own.value.get("kind") == "Component"


def _reached(trees: Iterable[Tree], start: Path, top: Path) -> set[str]:
    names = {name for tree in trees for name in tree.files}
    return {os.path.relpath(top / name, start).replace(os.sep, "/") for name in names}


def _top(start: Path, names: Sequence[str]) -> Path:
    """The folder that no kustomization leads out of: the repository, or as far as bases lead."""
    repository = top_of(start)
    if repository is not None:
        return repository
    top = start
    for _ in range(HIGHEST):
        below = os.path.relpath(start, top)
        trees = [Tree(top, posixpath.normpath(posixpath.join(below, name))) for name in names]
        if top.parent == top.parent.parent or not any(map(_leads_out, trees)):
            break
        top = top.parent
    return top


def _leads_out(tree: Tree) -> bool:
    """Whether something that a kustomization names lies outside of the folder that was tried."""
    return any(
        refused.detail.startswith("..") and not REMOTE.match(refused.detail)
        for refused in tree.refused
    )


class FolderView(Struct, frozen=True):
    """How names below one folder look from another; links are resolved in both."""

    top: Path
    root: Path

    def name(self, name: str) -> str:
        return os.path.relpath(self.top / name, self.root).replace(os.sep, "/")

    def position(self, position: Position) -> Position:
        return position._replace(file=self.name(position.file))


def _as_seen(seen: FolderView, record: BuildRecord) -> BuildRecord:
    """The record with the places of its defects as people are shown them."""
    defects = (
        structs.replace(
            defect,
            position=seen.position(defect.position),
            first=defect.first and seen.position(defect.first),
        )
        for defect in record.defects
        if defect.kind != "orphan-file"  # read as it stands, and judged
    )
    return BuildRecord(tuple(defects), dict(record.chains), record.idle_patches)


class FolderLocator(Locator):
    """Positions in files and in what folders were built from, as seen from one root."""

    def __init__(
        self, root: Path, given: Mapping[str, bytes], builds: Iterable[FolderBuild]
    ) -> None:
        super().__init__(root, given)
        self._root = Path(os.path.realpath(root))
        self._builds = list(builds)
        self._tops: dict[Path, Locator] = {}
        # Origins are known by identity: two builds may have files of one name.
        self._of = {
            id(resource.origin): each for each in self._builds for resource in each.build.resources
        }

    def __call__(self, resource: Resource, path: str) -> Position | None:
        each = self._of.get(id(resource.origin)) if resource.origin is not None else None
        if each is None or each.top == self._root:
            return super().__call__(resource, path)
        locator = self._tops.setdefault(each.top, Locator(each.top))
        position = locator(resource, path)
        return position and FolderView(each.top, self._root).position(position)
