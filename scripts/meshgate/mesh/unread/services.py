"""Services that stand behind something else than their own pods: routes, redirects."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from meshgate.mesh import hosts
from meshgate.mesh.catalog import Catalog, namespace_of
from meshgate.mesh.coverage import CILIUM, GATEWAY_API, GATEWAY_API_EXPERIMENTS
from meshgate.mesh.covers import named
from meshgate.model import JSON, JSONObject, MeshFacts, Resource

_MESH, _SOME = "mesh", "some gateway"
_ROUTES = ("HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute")


class HostCover(Struct, frozen=True):
    """A host whose calls an object decides; `about` says how: `routes its calls`.

    everybody  whether calls of clients without a proxy are undecided too
    sidecars   whether calls of clients with a sidecar are
    gateways   whether calls of gateways are
    """

    resource: Resource
    host: str
    about: str
    everybody: bool = False
    sidecars: bool = True
    gateways: bool = True

    @property
    def reason(self) -> str:
        """Why calls to the host are undecided."""
        return f"{named(self.resource)} {self.about}"


def host_covers(catalog: Catalog, facts: MeshFacts) -> Iterator[HostCover]:
    """The hosts of the Services whose calls other objects decide."""
    for resource in (
        *catalog.of_group(GATEWAY_API, "BackendTLSPolicy"),
        *catalog.of_group(GATEWAY_API_EXPERIMENTS, "XBackendTrafficPolicy"),
    ):
        for host in _hosts(resource, resource.spec.get("targetRefs"), facts):
            yield HostCover(resource, host, "sets its TLS")
    for resource in catalog.of_group(GATEWAY_API, *_ROUTES):
        for host in _hosts(resource, resource.spec.get("parentRefs"), facts):
            yield HostCover(resource, host, "routes its calls")
    yield from _aborted(catalog, facts)
    yield from _cilium(catalog, facts)


def _aborted(catalog: Catalog, facts: MeshFacts) -> Iterator[HostCover]:
    """The hosts that routes with an abort lead to: whether a request gets there is chance."""
    for resource in catalog.of("VirtualService"):
        for route in _objects(resource.spec.get("http")):
            fault = route.get("fault")
            abort: JSON = fault.get("abort") if isinstance(fault, dict) else None
            if not isinstance(abort, dict):
                continue
            share: JSON = abort.get("percentage")
            value: JSON = share.get("value") if isinstance(share, dict) else None
            if value == 0:
                continue
            affected = (
                f"{value:g} % of its requests" if isinstance(value, int | float) else "requests"
            )
            places = _places(resource.spec, route)
            for item in _objects(route.get("route")):
                destination: JSON = item.get("destination")
                if isinstance(destination, dict) and destination.get("host"):
                    name = str(destination["host"])
                    host = hosts.expand(name, namespace_of(resource), facts.cluster_domain)
                    yield HostCover(
                        resource,
                        host,
                        f"aborts {affected}",
                        sidecars=_MESH in places,
                        gateways=bool(places - {_MESH}),
                    )


def _places(spec: JSONObject, route: JSONObject) -> frozenset[str]:
    """The gateways at which a route of a VirtualService is looked at; `mesh`: at sidecars."""
    own = _names(spec.get("gateways")) or frozenset({_MESH})
    if not spec.get("hosts"):
        # A delegate, which is looked at wherever another VirtualService leads to it.
        own = frozenset({_MESH, _SOME})
    matches = list(_objects(route.get("match")))
    if not matches:
        return own
    return frozenset().union(*(_names(match.get("gateways")) or own for match in matches))


def _names(value: JSON) -> frozenset[str]:
    return frozenset(map(str, value)) if isinstance(value, list) else frozenset()


def _cilium(catalog: Catalog, facts: MeshFacts) -> Iterator[HostCover]:
    for resource in catalog.of_group(CILIUM, "CiliumEnvoyConfig", "CiliumClusterwideEnvoyConfig"):
        for item in _objects(resource.spec.get("services")):
            place = str(item.get("namespace") or namespace_of(resource))
            host = _host(str(item.get("name")), place, facts)
            yield HostCover(resource, host, "leads its calls through another proxy", everybody=True)
    for resource in catalog.of_group(CILIUM, "CiliumLocalRedirectPolicy"):
        frontend = resource.spec.get("redirectFrontend")
        for host in _redirected(resource, frontend, catalog, facts):
            yield HostCover(resource, host, "leads its calls to pods of the node", everybody=True)


def _redirected(
    resource: Resource, frontend: JSON, catalog: Catalog, facts: MeshFacts
) -> Iterator[str]:
    if not isinstance(frontend, dict):
        return
    by_name, by_address = frontend.get("serviceMatcher"), frontend.get("addressMatcher")
    if isinstance(by_name, dict):
        place = str(by_name.get("namespace") or namespace_of(resource))
        yield _host(str(by_name.get("serviceName")), place, facts)
    if isinstance(by_address, dict):
        for service in catalog.of("Service"):
            if service.spec.get("clusterIP") == by_address.get("ip"):
                yield _host(service.name, namespace_of(service), facts)


def _hosts(resource: Resource, references: JSON, facts: MeshFacts) -> Iterator[str]:
    for item in _objects(references):
        if item.get("kind") == "Service":
            place = str(item.get("namespace") or namespace_of(resource))
            yield _host(str(item.get("name")), place, facts)


def _host(name: str, namespace: str, facts: MeshFacts) -> str:
    return f"{name}.{namespace}.svc.{facts.cluster_domain}"


def _objects(value: JSON) -> Iterator[JSONObject]:
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict):
            yield item
