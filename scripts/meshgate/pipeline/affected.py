"""Which environments a change of some files may make another judgement of."""

from __future__ import annotations

import functools
import posixpath
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from meshgate import source
from meshgate.errors import BuildError
from meshgate.model import Environment
from meshgate.pipeline.input_index import Names
from meshgate.yamldoc.files import read_inside

# What changes the judgement of every environment.
RECORDS = frozenset({"environments.yaml", "baseline.yaml"})
SHARED_INPUTS = (*sorted(RECORDS), "promotion/toolchain.yaml")
TOP = "."
MANIFESTS = (".yaml", ".yml")
# What holds no objects that a cluster's Flux reads from.
NO_VALUES = ("expectations/", "inventory/", "promotion/", "rendered/", "waivers/")
# Folders with one file or folder for each environment.
PER_ENVIRONMENT = ("inventory/{0}/", "waivers/{0}.yaml", "expectations/{0}.yaml")


def affected(
    root: Path,
    environments: Sequence[Environment],
    changes: Collection[str],
    inputs: Callable[[str], frozenset[str]] | None = None,
) -> list[Environment]:
    """The environments that have one of these files (relative to `root`) among their inputs.

    `inputs` tells the inputs of sources; by default they are followed.
    """
    inputs = inputs or functools.partial(source.inputs, root)
    files = frozenset(changes)
    # A manifest that nothing names is told (RE003) of those that read a kustomization beside it.
    reached = files.union(*map(kustomizations_above, files))
    if not files.isdisjoint(SHARED_INPUTS) or any(gives_values(root, name) for name in files):
        return list(environments)
    return [
        environment
        for environment in environments
        if any(name.startswith(tuple(prefixes(environment))) for name in files)
        or posixpath.normpath(environment.substitute_file) in files
        or not reached.isdisjoint(inputs(environment.sources))
    ]


def unaffected(
    root: Path,
    environments: Sequence[Environment],
    differing: Collection[str],
    inputs: Callable[[str], frozenset[str]],
) -> frozenset[str]:
    """The names of environments whose judgement none of these names of files and folders changes.

    Of each environment the caller knows that all is the same that the files of `RECORDS` say of it.
    """
    names = Names(differing)
    others = frozenset(differing) - RECORDS
    reached = {each.name for each in affected(root, environments, others, inputs)}
    return frozenset(
        each.name
        for each in environments
        if each.name not in reached
        and not names.reach(inputs(each.sources), source.named_folders(each.sources))
    )


def kustomizations_above(name: str) -> Iterator[str]:
    """The names that a kustomization has in the folder of a manifest, or in one above it."""
    folder = posixpath.dirname(name) if name.endswith(MANIFESTS) else ""
    while folder:
        yield from (f"{folder}/{each}" for each in source.KUSTOMIZATION_NAMES)
        folder = posixpath.dirname(folder)


def gives_values(root: Path, name: str) -> bool:
    """Whether a changed file may hold an object that gives variables their values.

    Any environment may have them from there. A file that is gone may have held one.
    """
    if not name.endswith(MANIFESTS) or name.startswith(NO_VALUES):
        return False
    try:
        content = read_inside(root, name)
    except BuildError:
        return True
    return source.has_flux_values(content)


def prefixes(environment: Environment) -> list[str]:
    """Where the files of one environment lie, beside what its sources are known to read."""
    return [
        *(form.format(environment.name) for form in PER_ENVIRONMENT),
        # A file that is gone from a chart at the top was one of any name.
        *(
            "" if folder == TOP and environment.helm else f"{folder}/"
            for folder in source.named_folders(environment.sources)
        ),
    ]
