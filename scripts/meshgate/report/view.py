"""What the reports on a mesh look at, and the words they share."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from meshgate.mesh import DataPlane, Mesh, Mode, Workload
from meshgate.model import Position, Resource

# How a mode is coloured: what a port lets in beside mesh mTLS.
MODE_STYLES = {Mode.STRICT: "green", Mode.PERMISSIVE: "yellow", Mode.DISABLE: "red"}

PLANES = {
    DataPlane.SIDECAR: "",
    DataPlane.AMBIENT: "ambient",
    DataPlane.GATEWAY: "gateway",
    DataPlane.NONE: "no sidecar",
    DataPlane.UNKNOWN: "sidecar unknown",
}


class View(NamedTuple):
    """The mesh of one environment (None: of loose manifests), and where its objects are written."""

    environment: str | None
    mesh: Mesh
    locate: Callable[[Resource, str], Position | None]


def named(workload: Workload) -> str:
    """A workload, with what sets it apart from one with a sidecar."""
    plane = PLANES[workload.plane]
    return f"{workload} ({plane})" if plane else str(workload)


def owner(resource: Resource) -> str:
    """`namespace/name`, as people write it."""
    return f"{resource.namespace or 'default'}/{resource.name}"
