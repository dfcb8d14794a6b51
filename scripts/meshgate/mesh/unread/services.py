"""Services that stand behind something else than their own pods: routes, redirects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Struct

from meshgate.mesh import hosts, selectors
from meshgate.mesh.catalog import Catalog, namespace_of
from meshgate.mesh.coverage import CILIUM, GATEWAY_API, GATEWAY_API_EXPERIMENTS
from meshgate.mesh.covers import named
from meshgate.mesh.delegates import with_delegates
from meshgate.mesh.selectors import Labels
from meshgate.mesh.short_names import MESH
from meshgate.mesh.virtual_services import Caller
from meshgate.model import JSON, JSONObject, MeshFacts, Resource

_ROUTES = ("HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute")


class CoverSource(NamedTuple):
    """The clients whose requests a match of a route takes; empty: those of all."""

    labels: Labels
    namespace: str


class HostCover(Struct, frozen=True):
    """A host whose calls an object decides; `about` says how: `routes its calls`.

    everybody  whether calls of clients without a proxy are undecided too
    sidecars   whether calls of clients with a sidecar are
    gateways   whether calls of gateways are
    sources    the clients whose calls are, if not those of all
    """

    resource: Resource
    host: str
    about: str
    everybody: bool = False
    sidecars: bool = True
    gateways: bool = True
    sources: tuple[CoverSource, ...] = ()

    def is_for(self, caller: Caller) -> bool:
        """Whether calls of a proxy are undecided, by its labels and its namespace."""
        return not self.sources or any(
            selectors.matches(each.labels, caller.labels)
            and each.namespace in {"", caller.namespace}
            for each in self.sources
        )

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
        for host in _hosts(resource, "targetRefs", catalog, facts):
            yield HostCover(resource, host, "sets its TLS")
    for resource in catalog.of_group(GATEWAY_API, *_ROUTES):
        for host in _hosts(resource, "parentRefs", catalog, facts):
            yield HostCover(resource, host, "routes its calls")
    yield from _aborted(catalog, facts)
    yield from _cilium(catalog, facts)


def _aborted(catalog: Catalog, facts: MeshFacts) -> Iterator[HostCover]:
    """The hosts that routes with an abort lead to: whether a request gets there is chance."""
    resources = list(catalog.of("VirtualService"))
    for root in resources:
        # Without hosts it is a delegate, which counts where another one leads to it.
        if not root.spec.get("hosts"):
            continue
        for route, resource in with_delegates(root, resources, facts.cluster_domain):
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
            places, sources = _places(root.spec, route), _sources(route)
            for item in _objects(route.get("route")):
                destination: JSON = item.get("destination")
                if isinstance(destination, dict) and destination.get("host"):
                    name = str(destination["host"])
                    host = hosts.expand(name, namespace_of(root), facts.cluster_domain)
                    yield HostCover(
                        resource,
                        host,
                        f"aborts {affected}" + (" from some clients" if sources else ""),
                        sidecars=MESH in places,
                        gateways=bool(places - {MESH}),
                        sources=sources,
                    )


def _places(spec: JSONObject, route: JSONObject) -> frozenset[str]:
    """The gateways at which a route of a VirtualService is looked at; `mesh`: at sidecars."""
    own = _names(spec.get("gateways")) or frozenset({MESH})
    matches = list(_objects(route.get("match")))
    if not matches:
        return own
    return frozenset().union(*(_names(match.get("gateways")) or own for match in matches))


def _sources(route: JSONObject) -> tuple[CoverSource, ...]:
    """The clients whose requests a route takes (sourceMatchHTTP); empty: those of all."""
    sources = []
    for match in _objects(route.get("match")):
        source = CoverSource(
            selectors.labels(match.get("sourceLabels")), str(match.get("sourceNamespace") or "")
        )
        # Where gateways are named, neither labels nor the namespace are looked at.
        if match.get("gateways") or source == CoverSource({}, ""):
            return ()
        sources.append(source)
    return tuple(sources)


def _names(value: JSON) -> frozenset[str]:
    return frozenset(map(str, value)) if isinstance(value, list) else frozenset()


def _cilium(catalog: Catalog, facts: MeshFacts) -> Iterator[HostCover]:
    for resource in catalog.of_group(CILIUM, "CiliumEnvoyConfig", "CiliumClusterwideEnvoyConfig"):
        for item in _objects(resource.spec.get("services")):
            place = str(item.get("namespace") or namespace_of(resource))
            host = hosts.of_service(str(item.get("name")), place, facts.cluster_domain)
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
        yield hosts.of_service(str(by_name.get("serviceName")), place, facts.cluster_domain)
    if isinstance(by_address, dict):
        for service in catalog.of("Service"):
            if service.spec.get("clusterIP") == by_address.get("ip"):
                yield hosts.of_service(service.name, namespace_of(service), facts.cluster_domain)


def _hosts(resource: Resource, key: str, catalog: Catalog, facts: MeshFacts) -> Iterator[str]:
    """The hosts of the Services and ServiceEntries that an object refers to."""
    for item in _objects(resource.spec.get(key)):
        name, place = str(item.get("name")), str(item.get("namespace") or namespace_of(resource))
        if item.get("kind") == "Service":
            yield hosts.of_service(name, place, facts.cluster_domain)
        elif item.get("kind") == "ServiceEntry":
            for entry in catalog.of("ServiceEntry"):
                if (entry.name, namespace_of(entry)) == (name, place):
                    yield from _names(entry.spec.get("hosts"))


def _objects(value: JSON) -> Iterator[JSONObject]:
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict):
            yield item
