"""`overlay: FOLDER`, `overlays: [FOLDER, …]`: what kustomize builds."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

from meshgate.errors import BuildError
from meshgate.model import JSON, BuildRecord, Defect, Origin, join_path
from meshgate.model.sources import ManifestSources
from meshgate.source.cache import Cache
from meshgate.source.chains import Layers
from meshgate.source.kinds.kind import Build, ManifestSource, Reached, Workplace
from meshgate.source.kustomization import Inline, Role
from meshgate.source.kustomize import Rendered, rendered
from meshgate.source.load import SourceDocument, parsed
from meshgate.source.match_rendered import are_known, resources
from meshgate.source.program import renderer
from meshgate.source.provenance import TracedOrigin
from meshgate.source.scan import orphans, override_names, overrides, survey_tree
from meshgate.source.tree import Tree
from meshgate.yamldoc.files import Root
from meshgate.yamldoc.positions import SourceFiles

# Their objects carry a digest of their content in their names.
GENERATOR_FIELDS = ("configMapGenerator", "secretGenerator")
# Of all JSON patches of an overlay.
MOST_COPIES = 12


def paths(stated: ManifestSources) -> Iterator[str]:
    """The folders that are named."""
    for path in (stated.overlay, *(stated.overlays or ())):
        if path:
            yield path.rstrip("/")


def sources(stated: ManifestSources, root: Path, below: Root | None) -> Iterator[ManifestSource]:
    """The overlay, or each of them."""
    for path in paths(stated):
        yield Overlay(root, path, below)


class Overlay:
    """One folder with a kustomization."""

    def __init__(self, root: Path, path: str, below: Root | None) -> None:
        self.path = path
        self.tree = Tree(root, path, below)
        self._files = SourceFiles(self.tree.root)

    @property
    def is_large(self) -> bool:
        # Of each copy of a remote base it has every file.
        return bool(self.tree.vendored)

    def reached(self) -> Reached:
        tree = self.tree
        return Reached(
            folders=[folder for folder in tree.kustomizations if folder != "."],
            files=frozenset(tree.files),
            absent=frozenset((*tree.absent, *override_names(tree.kustomizations))),
            surroundings=list(tree.kustomizations),
        )

    def content(self, name: str) -> bytes:
        return self.tree.content(name)

    def built_by(self, cache: Path | None) -> str:
        return renderer(self.tree.root, cache).identity

    def survey(self) -> list[Defect]:
        return list(self._defects)

    @functools.cached_property
    def _defects(self) -> tuple[Defect, ...]:
        return tuple(survey_tree(self.tree, self._files))

    def unreached(self) -> list[str]:
        tree = self.tree
        found = (each for folder in tree.kustomizations for each in overrides(tree.root, folder))
        return [*orphans(tree), *(defect.detail for defect in found)]

    def build(self, place: Workplace) -> Build:
        tree, files = self.tree, self._files
        defects = self._defects
        _refuse(tree, files)
        program = renderer(tree.root, place.cache, exact=place.exact)
        layers = Layers(tree, files)
        traced = layers.traced()
        cache = Cache(place.cache, "render")

        def values(*, origins: bool) -> list[Rendered]:
            return rendered(tree, program, cache, place.aside, place.workers, origins=origins)

        asked = _renames(tree)
        objects = values(origins=asked)
        if not asked and not are_known(objects, traced):
            objects = values(origins=True)
        joined = list(resources(objects, traced, tree, files))
        chains = {
            resource.ref: resource.origin.traced.chain()
            for resource in joined
            if isinstance(resource.origin, TracedOrigin) and resource.origin.traced.steps
        }
        record = BuildRecord(defects, chains, tuple(layers.idle), tuple(layers.removing))
        return Build(joined, record)


def _renames(tree: Tree) -> bool:
    """Whether something makes objects whose names cannot be told from the sources."""
    return any(
        each.uses_plugins or any(each.list(field) for field in GENERATOR_FIELDS)
        for each in tree.kustomizations.values()
    )


def _refuse(tree: Tree, files: SourceFiles) -> None:
    """Raise for sources that kustomize must not, or cannot, be given."""
    for refused in tree.refused:
        raise BuildError(
            f"{refused.kustomization.file}: {refused.detail} is not a file of this repository",
            why=refused.why
            or "What it brings in could change without review, or would be executed.",
            hint=refused.hint or "copy what it brings into the repository",
        )
    for problem in tree.problems:
        raise problem
    for kustomization, reference in tree.missing:
        place = files.position(Origin(kustomization.file), reference.path)
        where = ":".join(map(str, place)) if place else kustomization.file
        raise BuildError(
            f"{where}: {reference.text} is not there",
            hint="correct the path, or add the file; paths are relative to the kustomization",
        )
    # kustomize takes minutes over an alias bomb, and names no file for what it cannot read.
    copies = sum(_copies(document.value) for document in _documents(tree))
    if copies > MOST_COPIES:
        raise BuildError(
            f"{tree.overlay}: JSON patches copy {copies} times",
            why="Each copy can double an object; a page of them can fill any memory.",
            hint="write the values out with `op: add`",
        )


def _documents(tree: Tree) -> Iterator[SourceDocument]:
    """Every YAML document of an overlay's sources. Raises BuildError for one that is unreadable."""
    for name, role in tree.files.items():
        if role is not Role.CONTENT:
            yield from parsed(tree.content(name), name)
    for kustomization in tree.kustomizations.values():
        for part in kustomization.references():
            if isinstance(part, Inline):
                name = f"{kustomization.file}, {join_path(*part.path)}"
                yield from parsed(part.text.encode(), name)


def _copies(value: JSON) -> int:
    operations = value if isinstance(value, list) else ()
    return sum(isinstance(each, dict) and each.get("op") == "copy" for each in operations)
