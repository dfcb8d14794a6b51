"""Where the requests of a client for a service port go, by the VirtualServices it sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from meshgate.mesh import hosts, protocols, selectors
from meshgate.mesh.gateways import GatewayServer
from meshgate.mesh.services import Service, ServicePort
from meshgate.mesh.virtual_services import (
    Caller,
    Destination,
    Match,
    Route,
    VirtualServicePolicy,
)

_HTTP_PORT = 80

# Where a proxy answers requests by itself: a redirect, or a direct response.
ANSWERED = Destination("", 0, None)

Find = Callable[[str], Service | None]
Policies = Sequence[VirtualServicePolicy]


def destinations(
    policies: Policies, caller: Caller, service: Service, port: ServicePort, find: Find
) -> frozenset[Destination]:
    """All destinations that a client's requests for a service port may be sent to.

    `policies` are the VirtualServices that the client sees, the oldest first. A port whose
    protocol is sniffed is routed as HTTP and as TCP. Without a route they go to the service.
    What the client's proxy answers by itself is ANSWERED.
    """
    own = Destination(service.host, port.number, None)
    bound = [each for each in policies if not caller.gateways.isdisjoint(each.gateways)]
    reached: set[Destination] = set()
    if port.protocol in {protocols.HTTP, protocols.AUTO}:
        routed = _http(bound, caller, service.host, port.number)
        if routed is None:
            reached.add(own)
        for route in routed or ():
            reached.update(_at(each, port.number) for each in route.destinations)
            if route.answered:
                reached.add(ANSWERED)
    if port.protocol != protocols.HTTP:
        forward = _tls if port.protocol == protocols.TLS else _tcp
        chains, is_default = forward(bound, caller, service.host, port.number)
        reached.update(_alone(each, port.number, find) for each in chains)
        if is_default:
            reached.add(own)
    return frozenset(reached)


def mirrors(
    policies: Policies, caller: Caller, service: Service, port: ServicePort
) -> frozenset[Destination]:
    """The destinations that get a copy of a client's requests for a service port."""
    if port.protocol not in {protocols.HTTP, protocols.AUTO}:
        return frozenset()
    bound = [each for each in policies if not caller.gateways.isdisjoint(each.gateways)]
    routed = _http(bound, caller, service.host, port.number) or ()
    return frozenset(_at(each, port.number) for route in routed for each in route.mirrors)


def _http(policies: Policies, caller: Caller, host: str, port: int) -> list[Route] | None:
    """The routes of the one VirtualService that routes the host; None: none does.

    The source is BuildSidecarVirtualHostWrapper: of those for the very host the oldest with any
    route for this client and port, else the one with the longest wildcard.
    """
    closest = _closest(policies, host)
    for policy in policies:
        exact = host.lower() in policy.hosts
        if not exact and not (policy is closest and policy.covers(host)):
            continue
        taken = list(_taken(policy.http, caller, port))
        if taken:
            return taken
    return None


def _closest(policies: Policies, host: str) -> VirtualServicePolicy | None:
    """The VirtualService with the most specific host (computeWildcardHostVirtualServiceIndex)."""
    best: tuple[int, VirtualServicePolicy] | None = None
    for policy in policies:
        for own in policy.hosts:
            if own == host or (hosts.is_wildcard(own) and hosts.is_subset(host, own)):
                weight = len(own) + (0 if hosts.is_wildcard(own) and own != host else 1000)
                if best is None or weight > best[0]:
                    best = weight, policy
    return best[1] if best is not None else None


def _taken(routes: Sequence[Route], caller: Caller, port: int) -> Iterator[Route]:
    """The HTTP routes that some request takes, up to the one that takes all."""
    for route in routes:
        fitting = [match for match in route.matches if _fits_http(match, caller, port)]
        if fitting or not route.matches:
            yield route
        if not route.matches or any(match.everything for match in fitting):
            return


def _fits_http(match: Match, caller: Caller, port: int) -> bool:
    """The part of an HTTP match that the client decides (sourceMatchHTTP)."""
    if match.port not in {0, port}:
        return False
    if match.gateways:
        return not caller.gateways.isdisjoint(match.gateways)
    return selectors.matches(match.labels, caller.labels) and (
        match.namespace in {"", caller.namespace}
    )


def _fits(match: Match, caller: Caller, port: int) -> bool:
    """The part of a TCP or TLS match that the client decides (matchTCP, matchTLS)."""
    return (
        (not match.gateways or not caller.gateways.isdisjoint(match.gateways))
        and selectors.matches(match.labels, caller.labels)
        and match.port in {0, port}
        and match.namespace in {"", caller.namespace}
    )


def _tcp(
    policies: Policies, caller: Caller, host: str, port: int
) -> tuple[list[Destination], bool]:
    """Destinations of TCP routes, and whether the service itself is one of them."""
    reached: list[Destination] = []
    for policy in policies:
        if not policy.covers(host):
            continue
        for route in policy.tcp:
            fitting = [match for match in route.matches if _fits(match, caller, port)]
            if not route.named or (route.matches and not fitting):
                continue
            reached += route.destinations
            if not route.matches or any(match.everything for match in fitting):
                return reached, False
    return reached, True


def _tls(
    policies: Policies, caller: Caller, host: str, port: int
) -> tuple[list[Destination], bool]:
    """Destinations of TLS routes, and whether the service itself is one of them."""
    reached: list[Destination] = []
    matched = False
    for policy in policies:
        for route in policy.tls if policy.covers(host) else ():
            if route.named and any(_fits(match, caller, port) for match in route.matches):
                matched = True
                reached += route.destinations
    return reached, not matched


def by_name(policy: VirtualServicePolicy, caller: Caller) -> Iterator[Destination]:
    """The destinations of requests for hosts that no service has: HTTP on port 80."""
    if not caller.gateways.isdisjoint(policy.gateways):
        for route in _taken(policy.http, caller, _HTTP_PORT):
            for each in (*route.destinations, *route.mirrors):
                yield _at(each, _HTTP_PORT)


def requested_by_name(policy: VirtualServicePolicy, caller: Caller) -> Iterator[Destination]:
    """Where requests for hosts that no service has go, copies left out; ANSWERED too."""
    if not caller.gateways.isdisjoint(policy.gateways):
        for route in _taken(policy.http, caller, _HTTP_PORT):
            yield from (_at(each, _HTTP_PORT) for each in route.destinations)
            if route.answered:
                yield ANSWERED


def routes_through_gateway(
    policies: Policies, caller: Caller, server: GatewayServer
) -> Iterator[Route]:
    """The routes that requests to one server of a gateway may take."""
    if server.is_http:
        for policy in policies:
            if server.accepts(policy):
                yield from _taken(policy.http, caller, server.number)
    elif server.is_passthrough:
        for _, route in tls_routes(policies, server):
            yield route
    else:
        first = tcp_route(policies, server)
        if first is not None:
            yield first


def tcp_route(policies: Policies, server: GatewayServer) -> Route | None:
    """The one TCP route of a gateway's server (buildGatewayNetworkFiltersFromTCPRoutes)."""
    for policy in policies:
        for route in policy.tcp if server.accepts(policy) else ():
            is_for = not route.matches or any(_serves(match, server) for match in route.matches)
            if route.named and is_for:
                return route
    return None


def tls_routes(
    policies: Policies, server: GatewayServer
) -> Iterator[tuple[tuple[str, ...], Route]]:
    """The TLS routes of a gateway's server with the server names each takes.

    The source is buildGatewayNetworkFiltersFromTLSRoutes.
    """
    for policy in policies:
        for route in policy.tls if server.accepts(policy) else ():
            for match in route.matches if route.named else ():
                if _serves(match, server):
                    yield match.names, route


def _serves(match: Match, server: GatewayServer) -> bool:
    """The part of a TCP or TLS match that a gateway's server decides (l4SingleMatch)."""
    return match.port in {0, server.number} and (
        not match.gateways or server.name in match.gateways
    )


def _at(destination: Destination, port: int) -> Destination:
    """The destination with the port that was called, where it names none."""
    return destination if destination.port else destination._replace(port=port)


def _alone(destination: Destination, port: int, find: Find) -> Destination:
    """The destination with its service's only port, else the one that was called."""
    if destination.port:
        return destination
    service = find(destination.host)
    if service is not None and len(service.ports) == 1:
        port = service.ports[0].number
    return destination._replace(port=port)
