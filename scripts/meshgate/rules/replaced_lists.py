"""The lists of mesh objects for which kustomize has no merge key: a patch replaces them whole."""

from __future__ import annotations

from typing import NamedTuple

from meshgate.model import JSON, JSONObject, value_at

PORTS = "trafficPolicy.portLevelSettings"


class Entries(NamedTuple):
    """One such list: where it stands, and what its entries are called."""

    path: str
    entries: frozenset[str]


def lists(value: JSONObject | None) -> dict[str, Entries]:
    """The lists of an object that patches replace, by name."""
    found: dict[str, Entries] = {}

    def note(name: str, path: str, key: str) -> None:
        items = value_at(value, path)
        if isinstance(items, list):
            found[name] = Entries(path, frozenset(label(item, key) for item in items))

    note("exportTo", "spec.exportTo", "")
    note("subsets", "spec.subsets", "name")
    note("portLevelSettings", f"spec.{PORTS}", "port.number")
    subsets = value_at(value, "spec.subsets")
    for index, subset in enumerate(subsets if isinstance(subsets, list) else ()):
        name = f"portLevelSettings of subset {label(subset, 'name')}"
        note(name, f"spec.subsets[{index}].{PORTS}", "port.number")
    return found


def label(item: JSON, key: str) -> str:
    """What an entry is known by."""
    return str(value_at(item, key) if key else item)
