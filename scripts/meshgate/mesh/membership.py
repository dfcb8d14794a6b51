"""Whether a service is in the mesh, by the workloads behind it."""

from __future__ import annotations

import enum

from meshgate.mesh.endpoints import is_declared_outside
from meshgate.mesh.services import Endpoint, Service
from meshgate.mesh.terms import DataPlane
from meshgate.model import MeshFacts


class MeshMembership(enum.StrEnum):
    """What stands behind a service."""

    # Every endpoint has a sidecar, ztunnel or is a gateway.
    MESH = "mesh"
    # No endpoint has.
    OUTSIDE = "outside"
    # Some have and some have not.
    MIXED = "mixed"
    # There is no endpoint, or it is not known what stands before one.
    UNKNOWN = "unknown"


def membership(service: Service) -> MeshMembership:
    """What stands behind a service, whatever the mesh facts declare."""
    behind = {
        _in_mesh(endpoint) for endpoints in service.endpoints.values() for endpoint in endpoints
    }
    if not behind:
        return MeshMembership.OUTSIDE if service.external else MeshMembership.UNKNOWN
    if None in behind:
        return MeshMembership.UNKNOWN
    if len(behind) > 1:
        return MeshMembership.MIXED
    return MeshMembership.MESH if True in behind else MeshMembership.OUTSIDE


def is_outside(service: Service, facts: MeshFacts) -> bool:
    """Whether a service is outside the mesh: declared so, or known to have no sidecar."""
    return is_declared_outside(service.host, facts) or membership(service) is MeshMembership.OUTSIDE


def _in_mesh(endpoint: Endpoint) -> bool | None:
    if endpoint.workload is None:
        return endpoint.mtls
    if endpoint.workload.plane is DataPlane.UNKNOWN:
        return None
    return endpoint.workload.plane is not DataPlane.NONE
