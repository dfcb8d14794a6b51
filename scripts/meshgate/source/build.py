"""Render overlays by kustomize, from a wrapper in a temporary folder that asks for origins.

The judged folder is never written to. What kustomize adds to tell where an object comes from is
taken off again, and becomes the resource's origin.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from meshgate.errors import BuildError, MeshgateError
from meshgate.model import BuildRecord, Origin, Resource
from meshgate.process import run
from meshgate.source import hints
from meshgate.source.cache import Cache, digest
from meshgate.source.chains import Built, Layers, Made, settle
from meshgate.source.kustomization import Inline, Role
from meshgate.source.load import read
from meshgate.source.parsed import parsed
from meshgate.source.positions import SourceFiles
from meshgate.source.program import Renderer, renderer
from meshgate.source.scan import survey_tree
from meshgate.source.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from meshgate.model import JSONObject, ResourceRef

# Part of every cache key: raise it when what is kept, or how it is made, changes.
FORMAT = "1"
TIMEOUT = 120.0

ORIGIN = "config.kubernetes.io/origin"
ADDED = frozenset({ORIGIN, "alpha.config.kubernetes.io/transformations"})
# kustomize looks at these fields of the outermost kustomization only.
OUTERMOST_FIELDS = ("sortOptions",)
# Nothing is fetched even if a reference was not recognised as remote.
OFFLINE = {
    "GIT_ALLOW_PROTOCOL": "none",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "NO_PROXY": "",
}


class Build(NamedTuple):
    """One overlay as it is judged."""

    resources: list[Resource]
    record: BuildRecord


class Rendered(NamedTuple):
    """One object kustomize wrote, and where it says that the object comes from."""

    value: JSONObject
    file: str | None


def render(root: Path, overlay: str, *, cache: Path | None) -> Build:
    """Build one overlay; `cache` is the folder of kept results, None for none.

    Resources in kustomize's order, with origins relative to `root`; the record holds the defects
    of the sources and, on demand, each object's chain of values. Raises BuildError when the overlay
    does not build or its sources are such that it must not be built, ToolError when the renderer
    is missing, of the wrong version, crashes or hangs.
    """
    with _wrappers() as folder:
        return _build(root, overlay, cache, folder)


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
            return _build(root, overlay, cache, folder)
        except MeshgateError as error:
            return error
        finally:
            if progress:
                progress()

    wanted = list(dict.fromkeys(overlays))
    with _wrappers() as folder:
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


def _build(root: Path, overlay: str, cache: Path | None, folder: Path) -> Build:
    tree = Tree(root, overlay)
    defects = survey_tree(tree)
    _refuse(tree)
    program = renderer(tree.root, cache)
    kept = Cache(cache, "render")
    key = _key(tree, program)
    found = kept.get(key)
    if found is None:
        found = [tuple(each) for each in _kustomize(tree, program, folder)]
        kept.put(key, found)
    rendered = [Rendered(value, file) for value, file in found]
    files = SourceFiles(tree.root)
    layers = Layers(tree, files)
    resources = list(_resources(rendered, layers.made(), tree, files))
    chains = {
        resource.ref: resource.origin.made.chain()
        for resource in resources
        if isinstance(resource.origin, Built) and resource.origin.made.steps
    }
    record = BuildRecord(tuple(defects), chains, tuple(layers.idle))
    return Build(resources, record)


def _resources(
    rendered: list[Rendered], made: list[Made], tree: Tree, files: SourceFiles
) -> Iterator[Resource]:
    """The rendered objects, each joined with the one that the layers made."""
    waiting: dict[ResourceRef, list[Made]] = {}
    for each in made:
        waiting.setdefault(Resource.of(each.value).ref, []).append(each)
    left: list[tuple[int, Rendered]] = []
    found: dict[int, Resource] = {}
    for index, (value, file) in enumerate(rendered):
        resource = Resource.of(value)
        same = waiting.get(resource.ref)
        if same:
            found[index] = _joined(value, same.pop(), tree, files)
        else:
            left.append((index, Rendered(value, file)))
    spare = [each for those in waiting.values() for each in those]
    for index, (value, file) in left:
        like = [each for each in spare if _is_like(each, value, file)]
        if len(like) == 1:
            spare.remove(like[0])
            found[index] = _joined(value, like[0], tree, files)
        else:
            found[index] = Resource.of(value, Origin(file) if file else None)
    for index in range(len(rendered)):
        yield found[index]


def _joined(value: JSONObject, made: Made, tree: Tree, files: SourceFiles) -> Resource:
    settle(made, value, tree, files)
    return Resource.of(value, Built.of(made))


def _is_like(made: Made, value: JSONObject, file: str | None) -> bool:
    """Whether an object that was renamed on its way could be the rendered one."""
    name = str(made.value.get("metadata", {}).get("name", ""))
    return (
        made.origin.file == file
        and made.value.get("kind") == value.get("kind")
        and name in str(value.get("metadata", {}).get("name", ""))
    )


def _refuse(tree: Tree) -> None:
    """Raise for sources that kustomize must not, or cannot, be given."""
    for refused in tree.refused:
        raise BuildError(
            f"{refused.kustomization.file}: {refused.detail} is not a file of this repository",
            why="What it brings in could change without review, or would be executed.",
            hint="copy what it brings into the repository",
        )
    for problem in tree.problems:
        raise problem
    for kustomization, reference in tree.missing:
        raise BuildError(
            f"{kustomization.file} names {reference.text}, which is not there",
            hint="correct the path, or add the file; paths are relative to the kustomization",
        )
    # kustomize takes minutes over an alias bomb, and names no file for what it cannot read.
    for name, role in tree.files.items():
        if role is not Role.CONTENT:
            parsed(tree.content(name), name)
    for kustomization in tree.kustomizations.values():
        for part in kustomization.references():
            if isinstance(part, Inline):
                parsed(part.text.encode(), kustomization.file)


def _key(tree: Tree, program: Renderer) -> str:
    """What the result depends on: the program, and every file that the overlay reaches."""
    parts: list[str | bytes] = [FORMAT, program.identity, tree.overlay]
    for name in sorted(tree.files):
        parts += (name, tree.content(name))
    return digest(*parts)


def _kustomize(tree: Tree, program: Renderer, folder: Path) -> list[Rendered]:
    """Run the program on a wrapper around the overlay."""
    wrapper = folder / digest(tree.overlay)[:16]
    wrapper.mkdir(exist_ok=True)
    target = os.path.relpath(tree.root / tree.overlay, wrapper)
    (wrapper / "kustomization.yaml").write_text(json.dumps(_wrapper(tree, target)), "utf-8")
    done = run([*program.argv, str(wrapper)], timeout=TIMEOUT, environment=OFFLINE)
    if done.code != 0:
        raise hints.build_error(tree, done.stderr, wrapper)
    return [
        _rendered(tree, wrapper, resource.value)
        for resource in read(done.stdout, f"{tree.overlay}, as rendered").resources
    ]


def _wrapper(tree: Tree, target: str) -> JSONObject:
    """A kustomization that builds the overlay and nothing else."""
    own = tree.kustomizations[tree.start].value
    metadata = own.get("buildMetadata")
    return {
        "resources": [target.replace(os.sep, "/")],
        "buildMetadata": [*(metadata if isinstance(metadata, list) else ()), "originAnnotations"],
        **{field: own[field] for field in OUTERMOST_FIELDS if field in own},
    }


def _rendered(tree: Tree, wrapper: Path, value: JSONObject) -> Rendered:
    """The object without kustomize's annotations, and the file they name."""
    metadata = value.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    if not isinstance(annotations, dict) or ADDED.isdisjoint(annotations):
        return Rendered(value, None)
    assert isinstance(metadata, dict)
    told = annotations.get(ORIGIN)
    rest = {key: text for key, text in annotations.items() if key not in ADDED}
    if rest:
        metadata["annotations"] = rest
    else:
        del metadata["annotations"]
    return Rendered(value, _origin(tree, wrapper, str(told)))


def _origin(tree: Tree, wrapper: Path, told: str) -> str | None:
    """The file that kustomize names, relative to the root; None for one that is not of the tree."""
    value = parsed(told.encode(), ORIGIN)[0].value
    if not isinstance(value, dict):
        return None
    path = os.path.normpath(wrapper / str(value.get("path") or value.get("configuredIn")))
    name = os.path.relpath(path, tree.root).replace(os.sep, "/")
    return name if name in tree.files else None
