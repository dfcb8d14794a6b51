"""A file with the values of variables, which `substitute` of an environment names."""

from __future__ import annotations

from pathlib import Path

from meshgate.config.reading import read_inside
from meshgate.errors import UsageError
from meshgate.model import value_at
from meshgate.model.sources import ManifestSources, Substitutes, as_text

FLUX = "kustomize.toolkit.fluxcd.io/"


def values_in(root: Path, file: str) -> Substitutes:
    """The values that a file gives, its path relative to `root`. Raises UsageError."""
    document = read_inside(root, file)
    value = document.value
    if isinstance(value, dict) and value.get("kind") == "ConfigMap":
        value = value.get("data")
    elif isinstance(value, dict) and str(value.get("apiVersion")).startswith(FLUX):
        value = value_at(value, "spec.postBuild.substitute")
    if not isinstance(value, dict) or any(isinstance(each, dict | list) for each in value.values()):
        raise UsageError(
            f"{file} gives no values of variables",
            why="It is neither a mapping of names to values, nor a ConfigMap, nor a Flux "
            "Kustomization with postBuild.substitute.",
            hint="write `NAME: value` for each variable",
        )
    return value


def values_of(root: Path, stated: ManifestSources) -> dict[str, str]:
    """The values that sources state, as they are put in. Raises UsageError for a file of none."""
    if isinstance(stated.substitute, str):
        return as_text(values_in(root, stated.substitute))
    return as_text(stated.substitute)
