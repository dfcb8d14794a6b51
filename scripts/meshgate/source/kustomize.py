"""Run kustomize on one overlay, from a wrapper in a folder aside that can ask for origins.

The judged folder is never written to. What kustomize adds to tell where an object comes from is
taken off again. It is asked for where the object's name does not tell: each object with the
annotation makes kustomize compare all others anew, which takes ten times as long for 600 objects.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple

from meshgate.errors import ToolError
from meshgate.model import JSONObject
from meshgate.process import Completed, run
from meshgate.source import kustomize_errors
from meshgate.source.cache import Cache, digest
from meshgate.source.limits import LIMITS, TIMEOUT, refuse_beyond
from meshgate.source.load import parsed, read
from meshgate.source.program import Renderer
from meshgate.source.render_worker import RenderWorkers
from meshgate.source.tree import Tree
from meshgate.source.tree_copy import copy_tree

# Part of every cache key: raise it when what is kept, or how it is made, changes.
FORMAT = "2"

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


class Rendered(NamedTuple):
    """One object kustomize wrote, and where it says that the object comes from, if it was asked."""

    value: JSONObject
    file: str | None


def rendered(
    tree: Tree,
    program: Renderer,
    cache: Cache,
    aside: Path,
    workers: RenderWorkers | None = None,
    *,
    origins: bool = True,
) -> list[Rendered]:
    """The objects of an overlay, from the cache or by the program; `aside` is for wrappers.

    The same objects with `origins` and without. Workers of the program's version render instead
    of it. Raises BuildError with what the program says, ToolError when it crashes or hangs.
    """
    key = _key(tree, program, origins=origins)
    documents = cache.get(key)
    if documents is None:
        documents = [
            tuple(each) for each in _kustomize(tree, program, aside, workers, origins=origins)
        ]
        cache.put(key, documents)
    return [Rendered(value, file) for value, file in documents]


def _key(tree: Tree, program: Renderer, *, origins: bool) -> str:
    """What the result depends on: the program, and every file that the overlay reaches."""
    asked = "origins" if origins else ""
    parts: list[str | bytes] = [FORMAT, program.identity, asked, tree.overlay]
    for name in sorted(tree.files):
        parts += (name, tree.content(name))
    return digest(*parts)


def _kustomize(
    tree: Tree,
    program: Renderer,
    folder: Path,
    workers: RenderWorkers | None,
    *,
    origins: bool,
) -> list[Rendered]:
    """Run the program on a wrapper around the overlay."""
    wrapper = folder / digest(tree.overlay)[:16]
    wrapper.mkdir(exist_ok=True)
    # Where remote bases are built from copies, the files are aside, too, with the copies named.
    root = copy_tree(tree, wrapper / "files") if tree.vendored else tree.root
    target = os.path.relpath(root / tree.overlay, wrapper)
    wrapping = json.dumps(_wrapper(tree, target, origins=origins))
    (wrapper / "kustomization.yaml").write_text(wrapping, "utf-8")
    done = _run(tree, program, wrapper, workers)
    if done.code != 0:
        raise kustomize_errors.build_error(tree, done.stderr, wrapper, root)
    return [
        _rendered(tree, wrapper, root, resource.value)
        for resource in read(done.stdout, f"{tree.overlay}, as rendered").resources
    ]


def _run(tree: Tree, program: Renderer, folder: Path, workers: RenderWorkers | None) -> Completed:
    """The program's end, within limits: a few lines can ask for any amount of time and memory.

    Raises BuildError where it needs more memory or writes more than `LIMITS`, and ToolError.
    """
    try:
        done = None
        if workers is not None and workers.version == program.version:
            done = workers.build(folder, TIMEOUT)
        if done is None:
            argv = [*program.argv, str(folder)]
            done = run(argv, timeout=TIMEOUT, environment=OFFLINE, limits=LIMITS)
    except ToolError as error:
        raise ToolError(f"{tree.overlay}: {error.what}", why=error.why, hint=error.hint) from error
    refuse_beyond(
        done,
        LIMITS,
        tree.overlay,
        "Replacements, patches or generators that copy what they made grow without end.",
        "look for a replacement whose target is its own source",
    )
    return done


def _wrapper(tree: Tree, target: str, *, origins: bool) -> JSONObject:
    """A kustomization that builds the overlay and nothing else."""
    own = tree.kustomizations[tree.start].value
    metadata = own.get("buildMetadata")
    stated = metadata if isinstance(metadata, list) else ()
    return {
        "resources": [target.replace(os.sep, "/")],
        "buildMetadata": [*stated, *(["originAnnotations"] if origins else ())],
        **{field: own[field] for field in OUTERMOST_FIELDS if field in own},
    }


def _rendered(tree: Tree, wrapper: Path, root: Path, value: JSONObject) -> Rendered:
    """The object without kustomize's annotations, and the file they name."""
    metadata = value.get("metadata")
    if not isinstance(metadata, dict) or "annotations" not in metadata:
        return Rendered(value, None)
    annotations = metadata["annotations"]
    if not annotations:
        # As where an origin was added to none, and is taken off again.
        del metadata["annotations"]
        return Rendered(value, None)
    if not isinstance(annotations, dict) or ADDED.isdisjoint(annotations):
        return Rendered(value, None)
    annotation = annotations.get(ORIGIN)
    rest = {key: text for key, text in annotations.items() if key not in ADDED}
    if rest:
        metadata["annotations"] = rest
    else:
        del metadata["annotations"]
    return Rendered(value, _origin(tree, wrapper, root, str(annotation)))


def _origin(tree: Tree, wrapper: Path, root: Path, annotation: str) -> str | None:
    """The file that kustomize names, relative to the root; None for one that is not of the tree."""
    value = parsed(annotation.encode(), ORIGIN)[0].value
    if not isinstance(value, dict):
        return None
    path = os.path.normpath(wrapper / str(value.get("path") or value.get("configuredIn")))
    name = os.path.relpath(path, root).replace(os.sep, "/")
    return name if name in tree.files else None
