"""`manifests: PATH`: plain YAML and JSON that something else has rendered already."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from pathlib import Path

from meshgate.errors import BuildError
from meshgate.model import BuildRecord, Defect, Resource
from meshgate.model.sources import ManifestSources
from meshgate.source.kinds.folder import files_below
from meshgate.source.kinds.kind import Build, ManifestSource, Reached, Workplace
from meshgate.source.kustomization import FILE_NAMES
from meshgate.source.load import SUFFIXES, Loaded, read
from meshgate.yamldoc.files import Root


def paths(stated: ManifestSources) -> Iterator[str]:
    """The folder or file that is named."""
    if stated.manifests:
        yield posixpath.normpath(stated.manifests.rstrip("/"))


def sources(stated: ManifestSources, root: Path, below: Root | None) -> Iterator[ManifestSource]:
    """The folder or file, if that is where manifests come from."""
    for path in paths(stated):
        yield Manifests(path, below or Root(root))


class Manifests:
    """A folder of manifests with all that is below it, or one file.

    What is no YAML or JSON by its name is passed over, as `kubectl apply -R -f FOLDER` does.
    """

    def __init__(self, path: str, below: Root) -> None:
        self.path = path
        self.below = below

    @property
    def is_large(self) -> bool:
        # It holds no file: each is read when it is asked for.
        return False

    def reached(self) -> Reached:
        try:
            files = frozenset(self._files())
        except BuildError:
            files = frozenset()
        is_folder = self.below.is_folder(self.path)
        return Reached(folders=[self.path] if is_folder else [], files=files)

    def content(self, name: str) -> bytes:
        return self.below.read(name)

    def built_by(self, cache: Path | None) -> str:  # noqa: ARG002 - no program is needed
        return ""

    def survey(self) -> list[Defect]:
        defects: list[Defect] = []
        try:
            for name in self._files():
                defects += self._loaded(name).defects
        except BuildError:  # reported when it is built
            return defects
        return defects

    def unreached(self) -> list[str]:
        return []

    def build(self, place: Workplace) -> Build:  # noqa: ARG002 - no program is needed
        resources: list[Resource] = []
        defects: list[Defect] = []
        for name in self._files():
            loaded = self._loaded(name)
            for origin in loaded.others:
                raise BuildError(
                    f"{name}: document {origin.document + 1} is, or lists, no Kubernetes object",
                    why="No cluster would take it: everything in `manifests` is applied.",
                    hint="give it an apiVersion and a kind, or move it out of the folder",
                )
            resources += loaded.resources
            defects += loaded.defects
        return Build(resources, BuildRecord(tuple(defects)))

    def _loaded(self, name: str) -> Loaded:
        return read(self.below.read(name), name)

    def _files(self) -> list[str]:
        """The manifests, sorted. Raises BuildError for what is there and must not be read."""
        if self.below.inside(self.path) is None or not self.below.exists(self.path):
            raise BuildError(
                f"{self.path}: there is no such folder or file in the repository",
                hint="correct `manifests` in environments.yaml, or create it",
            )
        names = files_below(self.below, self.path)
        for name in names:
            if posixpath.basename(name) in FILE_NAMES:
                raise BuildError(
                    f"{name} builds this folder with kustomize",
                    why="Argo CD and Flux would build it, and not apply its files as they are.",
                    hint=f"write `overlay: {posixpath.dirname(name)}` in the place of `manifests`",
                )
        return [name for name in names if posixpath.splitext(name)[1].lower() in SUFFIXES]
