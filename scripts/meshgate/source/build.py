"""Build overlays: survey their sources, render them, and tell where each object comes from."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from meshgate.errors import BuildError, MeshgateError
from meshgate.model import JSON, BuildRecord, Origin, Resource, join_path
from meshgate.source.cache import Cache
from meshgate.source.chains import Layers
from meshgate.source.kustomization import Inline, Role
from meshgate.source.kustomize import rendered
from meshgate.source.load import SourceDocument, parsed
from meshgate.source.match_rendered import resources
from meshgate.source.program import renderer
from meshgate.source.provenance import TracedOrigin
from meshgate.source.scan import survey_tree
from meshgate.source.tree import Tree
from meshgate.yamldoc.positions import SourceFiles

# Of all JSON patches of an overlay.
MOST_COPIES = 12


class Build(NamedTuple):
    """One overlay as it is judged."""

    resources: list[Resource]
    record: BuildRecord


def render(root: Path, overlay: str, *, cache: Path | None, exact: bool = False) -> Build:
    """Build one overlay; `cache` is the folder of kept results, None for none.

    `exact`: only by the very version of the toolchain, since bytes are to be compared.

    Resources in kustomize's order, with origins relative to `root`; the record holds the defects
    of the sources and, on demand, each object's chain of values. Raises BuildError when the overlay
    does not build or its sources are such that it must not be built, ToolError when the renderer
    is missing, of the wrong version, crashes or hangs.
    """
    with _wrappers() as aside:
        return _build(root, overlay, cache, aside, exact=exact)


def render_all(
    root: Path,
    overlays: Iterable[str],
    *,
    cache: Path | None,
    progress: Callable[[], object] | None = None,
) -> dict[str, Build | MeshgateError]:
    """Build several overlays at once, as many as there are cores; one that fails is its error.

    `progress` is called after each, from any thread.
    """

    def build(overlay: str) -> Build | MeshgateError:
        try:
            return _build(root, overlay, cache, aside)
        except MeshgateError as error:
            return error
        finally:
            if progress:
                progress()

    wanted = list(dict.fromkeys(overlays))
    with _wrappers() as aside:
        pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
        try:
            return dict(zip(wanted, pool.map(build, wanted), strict=True))
        finally:
            # After Ctrl-C: those that have not begun never do.
            pool.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def _wrappers() -> Iterator[Path]:
    """A folder for wrapper kustomizations, removed whatever happens."""
    with tempfile.TemporaryDirectory(prefix="meshgate-") as folder:
        yield Path(os.path.realpath(folder))


def _build(
    root: Path, overlay: str, cache: Path | None, aside: Path, *, exact: bool = False
) -> Build:
    tree = Tree(root, overlay)
    files = SourceFiles(tree.root)
    defects = survey_tree(tree, files)
    _refuse(tree, files)
    program = renderer(tree.root, cache, exact=exact)
    values = rendered(tree, program, Cache(cache, "render"), aside)
    layers = Layers(tree, files)
    joined = list(resources(values, layers.traced(), tree, files))
    chains = {
        resource.ref: resource.origin.traced.chain()
        for resource in joined
        if isinstance(resource.origin, TracedOrigin) and resource.origin.traced.steps
    }
    record = BuildRecord(tuple(defects), chains, tuple(layers.idle), tuple(layers.removing))
    return Build(joined, record)


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
