"""VirtualServices: the destinations that requests for a host are routed to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from msgspec import Struct

from meshgate.mesh import delegates, export_to, hosts, selectors
from meshgate.mesh.catalog import Catalog, namespace_of
from meshgate.mesh.order import age
from meshgate.mesh.selectors import Labels
from meshgate.mesh.short_names import MESH, gateway_name
from meshgate.model import JSON, JSONObject, Resource

_CATCH_ALL_KEYS = frozenset({"headers", "withoutHeaders", "method", "authority", "scheme"})


class Destination(NamedTuple):
    """Where a route sends. `port` 0: the port that was called, or the service's only one."""

    host: str
    port: int
    subset: str | None


class Match(Struct, frozen=True):
    """The part of a match that does not depend on the request.

    `everything`: it matches whatever request passes that part.
    """

    port: int
    gateways: tuple[str, ...]
    labels: Labels
    namespace: str
    everything: bool
    # TLS server names.
    names: tuple[str, ...] = ()


class Caller(Struct, frozen=True):
    """The proxy that routes are made for; `gateways` are the names it answers to."""

    namespace: str
    labels: Labels
    gateways: frozenset[str] = frozenset({MESH})


class Route(Struct, frozen=True):
    """One route with its matches (none: always) and destinations."""

    matches: tuple[Match, ...]
    destinations: tuple[Destination, ...]
    # Destinations that Sidecar resources count too: mirrors, and those of weight 0.
    named: tuple[Destination, ...]
    # Destinations that get a copy of each request, whose answers nobody sees.
    mirrors: tuple[Destination, ...] = ()
    # Whether the proxy answers by itself: a redirect, or a direct response.
    answered: bool = False
    # Whether requests arrive otherwise than they were sent: another path, host or header.
    rewrites: bool = False


class VirtualServicePolicy(Struct, frozen=True, eq=False):
    """A VirtualService, read as Istio reads it, delegates merged in."""

    resource: Resource
    namespace: str
    name: str
    created: str
    hosts: tuple[str, ...]
    gateways: tuple[str, ...]
    export_to: frozenset[str]
    http: tuple[Route, ...]
    tls: tuple[Route, ...]
    tcp: tuple[Route, ...]

    def visible_in(self, namespace: str) -> bool:
        """Whether proxies of the namespace get it (initVirtualServices)."""
        if export_to.NOBODY in self.export_to and export_to.PUBLIC not in self.export_to:
            return False
        return export_to.names(self.export_to, namespace)

    def covers(self, host: str) -> bool:
        """Whether one of its hosts overlaps a host (getConfigsForHost)."""
        return any(hosts.overlap(own, host) for own in self.hosts)

    @property
    def routes(self) -> tuple[Route, ...]:
        """All its routes."""
        return self.http + self.tls + self.tcp


def virtual_services(catalog: Catalog, domain: str) -> list[VirtualServicePolicy]:
    """The VirtualServices that have hosts, the oldest first; delegates are parts of others."""
    resources = catalog.of("VirtualService")
    policies = [
        _read(resource, delegates.http_routes(resource, resources, domain), catalog, domain)
        for resource in resources
        if resource.spec.get("hosts")
    ]
    return sorted(policies, key=age)


def visible(policies: Iterable[VirtualServicePolicy], namespace: str) -> list[VirtualServicePolicy]:
    """Those that proxies of a namespace see: private ones first, then exported, then public."""
    seen = [policy for policy in policies if policy.visible_in(namespace)]
    return sorted(
        seen,
        key=lambda policy: (
            (export_to.PUBLIC in policy.export_to, policy.namespace != namespace)
            if export_to.PUBLIC not in policy.export_to
            else (True, False)
        ),
    )


def _read(
    resource: Resource, http: Iterable[JSONObject], catalog: Catalog, domain: str
) -> VirtualServicePolicy:
    spec = resource.spec
    namespace = namespace_of(resource)
    gateways = [gateway_name(str(item), namespace) for item in spec.get("gateways") or ()]
    exported = [str(item) for item in spec.get("exportTo") or (export_to.PUBLIC,)]
    return VirtualServicePolicy(
        resource=resource,
        namespace=namespace,
        name=resource.name,
        created=catalog.created(resource),
        hosts=tuple(
            hosts.expand(str(item), namespace, domain).lower() for item in spec.get("hosts") or ()
        ),
        gateways=tuple(gateways) or (MESH,),
        export_to=frozenset(namespace if item == export_to.PRIVATE else item for item in exported),
        http=tuple(_route(item, namespace, domain, http=True) for item in http),
        tls=tuple(_route(item, namespace, domain) for item in _objects(spec.get("tls"))),
        tcp=tuple(_route(item, namespace, domain) for item in _objects(spec.get("tcp"))),
    )


def _route(item: JSONObject, namespace: str, domain: str, *, http: bool = False) -> Route:
    listed = _objects(item.get("route"))
    weighed = listed if len(listed) == 1 else [each for each in listed if each.get("weight")]
    answered = http and (item.get("redirect") or item.get("directResponse"))
    mirrors = [
        item.get("mirror"),
        *(each.get("destination") for each in _objects(item.get("mirrors"))),
    ]
    named = [each.get("destination") for each in listed]
    return Route(
        tuple(_match(each, namespace, http=http) for each in _objects(item.get("match"))),
        ()
        if answered
        else tuple(_destinations((each.get("destination") for each in weighed), namespace, domain)),
        tuple(_destinations([*named, *mirrors], namespace, domain)),
        tuple(_destinations(mirrors, namespace, domain)) if http and not answered else (),
        bool(answered),
        http and _rewrites(item, listed),
    )


def _rewrites(route: JSONObject, listed: Iterable[JSONObject]) -> bool:
    """Whether a route changes what policies at the server may look at."""
    headers = [each.get("headers") for each in (route, *listed)]
    return bool(route.get("rewrite")) or any(
        isinstance(each, dict) and bool(each.get("request")) for each in headers
    )


def _match(item: JSONObject, namespace: str, *, http: bool) -> Match:
    port = item.get("port")
    return Match(
        port if isinstance(port, int) else 0,
        tuple(gateway_name(str(each), namespace) for each in item.get("gateways") or ()),
        selectors.labels(item.get("sourceLabels")),
        str(item.get("sourceNamespace") or ""),
        _is_everything(item) if http else not item.get("destinationSubnets"),
        tuple(str(each) for each in item.get("sniHosts") or ()),
    )


def _is_everything(item: JSONObject) -> bool:
    """Whether an HTTP match takes every request (IsCatchAllRoute)."""
    if any(item.get(key) for key in (*_CATCH_ALL_KEYS, "queryParams")):
        return False
    uri = item.get("uri")
    return not uri or uri in ({"prefix": "/"}, {"regex": ".*"})


def _destinations(items: Iterable[JSON], namespace: str, domain: str) -> Iterator[Destination]:
    for item in items:
        if isinstance(item, dict) and item.get("host"):
            port = item.get("port")
            number = port.get("number") if isinstance(port, dict) else 0
            yield Destination(
                hosts.expand(str(item["host"]), namespace, domain),
                number if isinstance(number, int) else 0,
                str(item["subset"]) if item.get("subset") else None,
            )


def _objects(value: JSON) -> list[JSONObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
