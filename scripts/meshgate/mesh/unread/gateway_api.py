"""Services that objects of the Gateway API have a say in: routes and backend policies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from meshgate.mesh.catalog import Catalog, namespace_of
from meshgate.mesh.coverage import GATEWAY_API, GATEWAY_API_EXPERIMENTS
from meshgate.mesh.covers import named
from meshgate.model import JSON, MeshFacts, Resource

_ROUTES = ("HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute")


class HostCover(NamedTuple):
    """A host whose calls an object decides; `about` says how: `routes its calls`."""

    resource: Resource
    host: str
    about: str

    @property
    def reason(self) -> str:
        """Why calls to the host are undecided."""
        return f"{named(self.resource)} {self.about}"


def host_covers(catalog: Catalog, facts: MeshFacts) -> Iterator[HostCover]:
    """The hosts of the Services that Gateway API objects refer to."""
    for resource in (
        *catalog.of_group(GATEWAY_API, "BackendTLSPolicy"),
        *catalog.of_group(GATEWAY_API_EXPERIMENTS, "XBackendTrafficPolicy"),
    ):
        for host in _hosts(resource, resource.spec.get("targetRefs"), facts):
            yield HostCover(resource, host, "sets its TLS")
    for resource in catalog.of_group(GATEWAY_API, *_ROUTES):
        for host in _hosts(resource, resource.spec.get("parentRefs"), facts):
            yield HostCover(resource, host, "routes its calls")


def _hosts(resource: Resource, references: JSON, facts: MeshFacts) -> Iterator[str]:
    for item in references if isinstance(references, list) else ():
        if isinstance(item, dict) and item.get("kind") == "Service":
            namespace = item.get("namespace") or namespace_of(resource)
            yield f"{item.get('name')}.{namespace}.svc.{facts.cluster_domain}"
