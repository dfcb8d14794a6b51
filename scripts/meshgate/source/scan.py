"""Judge an overlay's sources before kustomize runs: what it would misread, fetch or execute."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import structs

from meshgate.errors import BuildError
from meshgate.model import Defect, Origin, Position
from meshgate.source.kustomization import FILE_NAMES, Inline, Kustomization, Role
from meshgate.source.load import manifests, parsed
from meshgate.source.plugins import runs
from meshgate.source.recognition import CHART
from meshgate.source.tree import Tree
from meshgate.yamldoc import positions
from meshgate.yamldoc.files import read_inside

MANIFEST_SUFFIXES = (".yaml", ".yml")


def survey_tree(tree: Tree, files: positions.SourceFiles) -> list[Defect]:
    """Every defect of the sources of an overlay whose tree is known."""
    defects = [
        structs.replace(
            _remote(files, refused.kustomization, refused.path, refused.detail),
            why=refused.why,
            hint=refused.hint,
        )
        for refused in tree.refused
    ]
    for name, role in tree.files.items():
        if role is not Role.CONTENT:
            defects += _in_file(tree, files, name, role)
    for kustomization in tree.kustomizations.values():
        for reference in kustomization.references():
            if isinstance(reference, Inline):
                defects += _in_line(files, kustomization, reference)
    defects += map(orphan, orphans(tree))
    for folder in tree.kustomizations:
        defects += overrides(tree.root, folder)
    return list(dict.fromkeys(defects))


OF_ARGO, OF_FLUX = ".argocd-source", ".sourceignore"


def override_names(folders: Iterable[str]) -> Iterator[str]:
    """Where files may appear by which an agent builds something else."""
    for folder in folders:
        yield posixpath.normpath(posixpath.join(folder, f"{OF_ARGO}.yaml"))
        if folder != ".":
            yield posixpath.join(folder, OF_FLUX)


def overrides(root: Path, folder: str) -> Iterator[Defect]:
    """Files of a folder by which an agent builds or fetches something else than is judged.

    Argo CD merges `.argocd-source.yaml`, and one for each Application, into the source of what it
    builds in that folder (reposerver/repository: mergeSourceParameters); Flux leaves out what a
    `.sourceignore` of any folder names (fluxcd/pkg/sourceignore: LoadIgnorePatterns).
    """
    try:
        with os.scandir(root / folder) as entries:
            names = sorted(entry.name for entry in entries if entry.name.startswith("."))
    except OSError:
        return
    for own in names:
        is_for_argo = own.startswith(OF_ARGO) and own.endswith(".yaml")
        if is_for_argo or (own == OF_FLUX and folder != "."):
            name = posixpath.normpath(posixpath.join(folder, own))
            yield Defect("agent-override", Position(name, 1, 1), "", name, Origin(name))


class UnreachedKustomizations:
    """The kustomizations of a repository that are of no environment, asked as they are needed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[str, frozenset[str]] = {}

    def reach(self, name: str) -> bool:
        """Whether a kustomization in the file's folder, or in one above, brings it in.

        kustomize takes files from below a kustomization's own folder only.
        """
        folder = posixpath.dirname(name)
        while True:
            if name in self._reached_from(folder or "."):
                return True
            if not folder:
                return False
            folder = posixpath.dirname(folder)

    def _reached_from(self, folder: str) -> frozenset[str]:
        if folder not in self._files:
            built = _is_built(self._root / folder)
            self._files[folder] = frozenset(Tree(self._root, folder).files if built else ())
        return self._files[folder]


def _in_file(tree: Tree, files: positions.SourceFiles, name: str, role: Role) -> Iterator[Defect]:
    try:
        documents = parsed(tree.content(name), name)
    except BuildError:
        return
    for document in documents:
        yield from document.defects
        if role is Role.PLUGIN and (detail := runs(document.value)):
            yield _remote(files, Kustomization("", name, {}), (), detail)


def _in_line(
    files: positions.SourceFiles, kustomization: Kustomization, inline: Inline
) -> Iterator[Defect]:
    try:
        documents = parsed(inline.text.encode(), kustomization.file)
    except BuildError:
        return
    for document in documents:
        for defect in document.defects:
            place = files.inside(kustomization.file, inline.path, defect.position)
            first = defect.first and files.inside(kustomization.file, inline.path, defect.first)
            yield structs.replace(
                defect, position=place, first=first, origin=Origin(kustomization.file)
            )
        if inline.role is Role.PLUGIN and (detail := runs(document.value)):
            yield _remote(files, kustomization, inline.path, detail)


def _remote(
    files: positions.SourceFiles,
    kustomization: Kustomization,
    path: tuple[str | int, ...],
    detail: str,
) -> Defect:
    origin = Origin(kustomization.file)
    position = files.position(origin, path) or Position(kustomization.file, 1, 1)
    return Defect("remote-reference", position, "", detail, origin)


def orphans(tree: Tree) -> Iterator[str]:
    """Manifests beside the tree's kustomizations that no kustomization names."""
    others = UnreachedKustomizations(tree.root)
    for folder in tree.kustomizations:
        if folder != ".":
            for name in manifest_names(tree.root, folder, into_kustomizations=False):
                if (
                    name not in tree.files
                    and holds_manifest(tree.root, name)
                    and not others.reach(name)
                ):
                    yield name


def manifest_names(root: Path, folder: str, *, into_kustomizations: bool) -> Iterator[str]:
    """YAML files below a folder; hidden ones, links, kustomizations and charts left out."""
    try:
        with os.scandir(root / folder) as entries:
            in_order = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in in_order:
        name = posixpath.join(folder, entry.name)
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            if (root / name / CHART).exists():
                continue
            if into_kustomizations or not _is_built(root / name):
                yield from manifest_names(root, name, into_kustomizations=into_kustomizations)
        elif entry.is_symlink() or entry.name in FILE_NAMES:
            continue
        elif entry.name.endswith(MANIFEST_SUFFIXES):
            yield name


def _is_built(folder: Path) -> bool:
    return any((folder / name).exists() for name in FILE_NAMES)


def holds_manifest(root: Path, name: str) -> bool:
    """Whether a file has Kubernetes objects, or cannot be read to tell."""
    try:
        documents = parsed(read_inside(root, name), name)
        return any(True for document in documents for _ in manifests(document.value))
    except BuildError:
        return True


def orphan(name: str) -> Defect:
    return Defect("orphan-file", Position(name, 1, 1), "", name, Origin(name))
