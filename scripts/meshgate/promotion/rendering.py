"""What the clusters of a pinned environment sync: one file for each resource.

The bytes are the same whenever and wherever the same commit is rendered.
"""

from __future__ import annotations

import functools
import re
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import meshgate
from meshgate import __version__, source
from meshgate.config.substitutes import values_of
from meshgate.errors import BuildError
from meshgate.model import Resource, put_in
from meshgate.model.sources import sources_of
from meshgate.pipeline.judged import errors_in_sources
from meshgate.promotion.environment_state import RenderedFiles
from meshgate.promotion.files import (
    SUFFIX,
    git_tree,
    rendered_folder,
    rendered_sum,
    sha256,
    sum_of,
)
from meshgate.promotion.records import ToolUsed
from meshgate.promotion.release_inputs import ReleaseInputs
from meshgate.repository import Repository, extract
from meshgate.source.charts import program as helm
from meshgate.source.program import TOOLCHAIN
from meshgate.yamldoc import scalars

CLUSTER = "_cluster"
CORE = "core"
# The packages that an effect follows from.
MODEL = ("effect", "mesh", "model", "pipeline", "schema", "source", "yamldoc")
# Object names are of these; whatever else a manifest says is written as %XX.
PLAIN = re.compile(r"[a-z0-9.-]")
PLAIN_FOLDER = re.compile(r"[a-z0-9-]")
KIND = re.compile(r"[A-Za-z][A-Za-z0-9]*")
# File systems take 255 bytes.
LONGEST_NAME = 250


def render(
    repository: Repository,
    commit: str,
    environment: str,
    sources: str,
    *,
    cache: Path | None,
) -> dict[str, bytes]:
    """The files of `rendered/<environment>`, by path, as the inputs of a commit give them.

    The commit's own toolchain file says by which version; ToolError (exit 4) where that is not
    there. Raises RepositoryError, BuildError as `source.render` does, and BuildError for objects
    that cannot have a file of their own.
    """
    with tempfile.TemporaryDirectory(prefix="meshgate-") as folder:
        root = Path(folder)
        extract(repository, commit, ReleaseInputs(repository).at(commit), root)
        if not (root / TOOLCHAIN).is_file():
            raise BuildError(
                f"the commit {commit} has no {TOOLCHAIN}",
                why="Another version of the renderer may give another result.",
                hint="say there which version of kustomize releases are rendered with",
            )
        try:
            build = source.render(root, sources, cache=cache, exact=True)
        except BuildError as error:
            # What is wrong with the sources says it better, as it does in every other command.
            raise errors_in_sources(root, environment, sources) or error from error
        values = values_of(root, sources_of(sources))
    return files_of(environment, put_in(build.resources, values, scalars.plain))


def files_of(environment: str, resources: Sequence[Resource]) -> dict[str, bytes]:
    """The file of each resource, sorted by path. Raises BuildError."""
    counts = Counter(_path(resource) for resource in resources)
    files: dict[str, bytes] = {}
    for resource in resources:
        path = _path(resource)
        if counts[path] > 1:
            path = _path(resource, f"{_escaped(resource.group, PLAIN) or CORE}_")
        path = rendered_folder(environment) + path
        if path in files:
            raise BuildError(
                f"{environment}: two objects are {resource}",
                why="One would overwrite the other in the cluster, too.",
                hint="keep one of them",
            )
        files[path] = source.dump_value(resource.value, sort_keys=True).encode()
    return dict(sorted(files.items()))


def read_rendered(files: Mapping[str, bytes]) -> tuple[Resource, ...]:
    """The objects of rendered files. Raises BuildError for what is no manifest."""
    return tuple(
        resource for path, data in files.items() for resource in source.read(data, path).resources
    )


def rendered_of(environment: str, files: Mapping[str, bytes], sources: str) -> RenderedFiles:
    """What a state and a record say of these files."""
    return RenderedFiles(
        tree=git_tree(environment, files),
        sha256=rendered_sum(environment, files),
        resources=len(files),
        overlay=sources,
    )


def tool(repository: Repository, commit: str, sources: str = "") -> ToolUsed:
    """What a record says of the programs that render a commit. Raises ToolError, UsageError.

    `sources` of what was rendered; empty: nothing was, and helm does not matter.
    """
    with tempfile.TemporaryDirectory(prefix="meshgate-") as folder:
        root = Path(folder)
        extract(repository, commit, [TOOLCHAIN], root)
        program = source.renderer(root, exact=True)
        used: ToolUsed = {
            "name": "meshgate",
            "version": __version__,
            "model": model_digest(),
            "renderer": f"kustomize {program.version}",
            "rendererSha256": _digest(program.argv[0]),
        }
        if sources and sources_of(sources).helm is not None:
            version = helm.version(root, exact=True)
            used["helm"] = f"helm {version}"
            used["helmSha256"] = _digest(str(helm.program(version)))
    return used


@functools.cache
def model_digest() -> str:
    """12 hex digits that change with any line by which an effect is computed."""
    root = Path(meshgate.__file__).parent
    files = (file for name in MODEL for file in (root / name).rglob("*.py"))
    return sum_of((str(file.relative_to(root)), sha256(file.read_bytes())) for file in files)[:12]


@functools.cache
def _digest(program: str) -> str:
    return sha256(Path(program).read_bytes())


def _path(resource: Resource, before: str = "") -> str:
    """`<namespace>/<kind>-<name>.yaml`; two paths differ in more than the case of letters."""
    if not KIND.fullmatch(resource.kind) or not resource.name:
        raise BuildError(
            f"an object of kind {resource.kind!r} named {resource.name!r} can have no file",
            why="Each resource of a pinned environment is a file called by its kind and name.",
            hint="give it a kind and a metadata.name; generateName has no place in a repository",
        )
    folder = _escaped(resource.namespace, PLAIN_FOLDER) if resource.namespace else CLUSTER
    name = f"{before}{resource.kind.lower()}-{_escaped(resource.name, PLAIN)}{SUFFIX}"
    if max(len(folder), len(name)) > LONGEST_NAME:
        raise BuildError(f"the name of {resource} is too long for a file", hint="shorten it")
    return f"{folder}/{name}"


def _escaped(text: str, plain: re.Pattern[str]) -> str:
    """The text with everything but plain letters as %XX: nothing leads out of a folder."""
    return "".join(
        letter if plain.fullmatch(letter) else "".join(f"%{byte:02X}" for byte in letter.encode())
        for letter in text
    )
