"""Values of variables that Flux objects of a repository give to what they apply."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from meshgate.errors import BuildError
from meshgate.model import JSONObject, Resource
from meshgate.source.listing import listing
from meshgate.source.load import read
from meshgate.yamldoc.files import read_inside

GROUP = "kustomize.toolkit.fluxcd.io"
MARK = GROUP.encode()
CONFIG_MAP = b"ConfigMap"


def flux_values(root: Path, folders: Sequence[str]) -> dict[str, str]:
    """What the Flux Kustomizations of a repository that apply one of some folders substitute.

    Of several that disagree on a value, none counts. ConfigMaps that they name count where the
    repository has them; Secrets are not read.
    """
    resources: list[Resource] = []
    for name in listing(root).files:
        try:
            content = read_inside(root, name)
            if has_flux_values(content):
                resources += read(content, name).resources
        except BuildError:
            continue  # reported where it is judged; here it only has no values
    return values_of(resources, folders)


def has_flux_values(content: bytes) -> bool:
    """Whether a file may hold an object that gives variables their values."""
    return MARK in content or CONFIG_MAP in content


def values_of(
    resources: Iterable[Resource], folders: Sequence[str] | None = None
) -> dict[str, str]:
    """What Flux Kustomizations among objects substitute: in some folders, or None: in any."""
    every = list(resources)
    maps = {r.name: r.value.get("data") for r in every if r.kind == "ConfigMap"}
    wanted = None if folders is None else {posixpath.normpath(folder) for folder in folders}
    values: dict[str, str] = {}
    disputed: set[str] = set()
    for resource in every:
        if resource.kind != "Kustomization" or resource.group != GROUP:
            continue
        path = posixpath.normpath(str(resource.spec.get("path") or ".").lstrip("/") or ".")
        if wanted is not None and path not in wanted:
            continue
        for name, value in _substituted(resource.spec, maps).items():
            if values.setdefault(name, value) != value:
                disputed.add(name)
    return {name: value for name, value in values.items() if name not in disputed}


def _substituted(spec: JSONObject, maps: Mapping[str, object]) -> dict[str, str]:
    """The values of one Kustomization; `substitute` wins over `substituteFrom`, as in Flux."""
    after = spec.get("postBuild")
    if not isinstance(after, dict):
        return {}
    values: dict[str, str] = {}
    sources = after.get("substituteFrom")
    for source in sources if isinstance(sources, list) else ():
        data = maps.get(str(source.get("name"))) if isinstance(source, dict) else None
        if isinstance(data, dict) and source.get("kind") == "ConfigMap":
            values |= {str(name): str(value) for name, value in data.items()}
    own = after.get("substitute")
    if isinstance(own, dict):
        values |= {str(name): str(value) for name, value in own.items()}
    return values
