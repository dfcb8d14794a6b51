"""What there are schemas for: kinds, the versions that are served, the files."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from msgspec import Struct

from meshgate.errors import SchemaMissingError
from meshgate.model import JSONObject

PACKAGE = Path(__file__).parents[1]
# A wheel carries the schemas; a checkout has them at its root. Never those of a judged repository.
FOLDERS = (PACKAGE / "_schemas", PACKAGE.parents[1] / "schemas")

INDEX = "index.json"
ISTIO = "istio/"
# What Kubernetes and the agents of a sync serve, and how people call it.
OTHERS = {
    "argocd": "Argo CD",
    "flux/kustomize-controller": "Flux kustomize-controller",
    "flux/source-controller": "Flux source-controller",
    "kubernetes": "Kubernetes",
}


class ServedKind(Struct, frozen=True):
    """One kind that has a schema."""

    group: str
    kind: str
    served: frozenset[str]
    server: str  # who serves it, for people: `Istio 1.31`
    file: Path

    @property
    def api_versions(self) -> list[str]:
        """Every apiVersion it is served as, the one to prefer first."""
        prefix = f"{self.group}/" if self.group else ""
        newest_first = sorted(self.served, reverse=True)
        return [prefix + version for version in sorted(newest_first, key=_maturity)]

    def schema(self) -> JSONObject:
        """Its strict JSON Schema."""
        return _read(self.file)


def _maturity(version: str) -> int:
    return 2 if "alpha" in version else 1 if "beta" in version else 0


class ServedKinds(Struct, frozen=True):
    """The kinds that one Istio minor version, Kubernetes, Argo CD and Flux serve."""

    istio: str
    kinds: dict[tuple[str, str], ServedKind]

    def named(self, kind: str) -> list[ServedKind]:
        """The kinds with this name, of any group."""
        return [known for (_, name), known in self.kinds.items() if name == kind]

    @property
    def mesh_groups(self) -> frozenset[str]:
        """The API groups that this Istio serves."""
        return frozenset(group for group, _ in self.kinds if group.endswith(".istio.io"))


def folder() -> Path:
    """Where this version of meshgate keeps its schemas. Raises SchemaMissingError."""
    for candidate in FOLDERS:
        if (candidate / INDEX).is_file():
            return candidate
    raise SchemaMissingError(
        "this installation has no schemas",
        hint="reinstall meshgate, or run `meshgate schemas update` in a checkout",
    )


@cache
def catalog_of(istio: str) -> ServedKinds:
    """The kinds for a minor version such as `1.31`. Raises SchemaMissingError for others."""
    root = folder()
    index = _read(root / INDEX)
    minor = ".".join(istio.removeprefix("v").split(".")[:2])
    if ISTIO + minor not in index["kinds"]:
        known = [name.removeprefix(ISTIO) for name in index["kinds"] if name.startswith(ISTIO)]
        raise SchemaMissingError(
            f"there are no schemas of Istio {istio}",
            why=f"known are {', '.join(known)}",
            hint="set mesh.istio of the environment to the version that runs there",
        )
    servers = {
        ISTIO + minor: f"Istio {minor}",
        **{name: f"{title} {_minor(index, name)}" for name, title in OTHERS.items()},
    }
    kinds = {
        (entry["group"], entry["kind"]): ServedKind(
            entry["group"],
            entry["kind"],
            frozenset(entry["served"]),
            server,
            root / name / entry["file"],
        )
        for name, server in servers.items()
        for entry in index["kinds"][name]
    }
    return ServedKinds(minor, kinds)


def other_versions(kind: str, group: str) -> list[str]:
    """The Istio minor versions that serve this kind."""
    return [
        name.removeprefix(ISTIO)
        for name, entries in _read(folder() / INDEX)["kinds"].items()
        if name.startswith(ISTIO)
        and any((entry["group"], entry["kind"]) == (group, kind) for entry in entries)
    ]


def _minor(index: JSONObject, source: str) -> str:
    version: str = index["sources"][source]["version"]
    return ".".join(version.removeprefix("v").split(".")[:2])


@cache
def _read(file: Path) -> JSONObject:
    value: JSONObject = json.loads(file.read_bytes())
    return value
