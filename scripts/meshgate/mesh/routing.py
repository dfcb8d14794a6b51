"""Which ports and subsets of a service its clients really reach."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from meshgate.mesh.chains import GatewayChain, chains
from meshgate.mesh.gateways import Gateways, GatewayServer
from meshgate.mesh.hosts import HostIndex, is_wildcard
from meshgate.mesh.registry import Registry
from meshgate.mesh.routes import (
    ANSWERED,
    by_name,
    destinations,
    mirrors,
    requested_by_name,
    routes_through_gateway,
)
from meshgate.mesh.scopes import Scope
from meshgate.mesh.selectors import Labels
from meshgate.mesh.services import Service, ServicePort
from meshgate.mesh.short_names import MESH
from meshgate.mesh.virtual_services import (
    Caller,
    Destination,
    Route,
    VirtualServicePolicy,
    visible,
)
from meshgate.mesh.workloads import Workload

# Requests for hosts that are no services are routed on this port only.
NAMED_PORT = 80
# Ports of a service with a subset each; None: all of its endpoints.
Reached = frozenset[tuple[int, str | None]]


class Routing:
    """The VirtualServices of one mesh, asked by client and service."""

    __slots__ = (
        "_about",
        "_by_gateway",
        "_chains",
        "_gateways",
        "_hosts",
        "_lost_at_gateway",
        "_named",
        "_registry",
        "_visible",
        "policies",
    )

    def __init__(
        self, policies: Sequence[VirtualServicePolicy], registry: Registry, gateways: Gateways
    ) -> None:
        self.policies = policies
        self._registry = registry
        self._gateways = gateways
        self._visible: dict[str, list[VirtualServicePolicy]] = {}
        self._hosts: dict[int, list[str]] = {}
        self._named: dict[int, frozenset[str]] = {}
        self._chains: dict[int, tuple[GatewayChain, ...]] = {}
        self._by_gateway: dict[int, dict[str, Reached]] = {}
        # By gateway: the copies that are lost of what a host and port get.
        self._lost_at_gateway: dict[int, dict[tuple[str, int], set[Destination]]] = {}
        # The VirtualServices of sidecars by the hosts they name, as theirs or as a destination.
        self._about: HostIndex[list[VirtualServicePolicy]] | None = None
        for policy in policies:
            if MESH in policy.gateways:
                self._about = self._about or HostIndex()
                for host in {*policy.hosts, *self.named(policy)}:
                    known = self._about.get(host)
                    if known is None:
                        self._about[host] = [policy]
                    else:
                        known.append(policy)

    def about(self, service: Service) -> list[VirtualServicePolicy]:
        """The VirtualServices that may change what sidecars reach of a service."""
        if self._about is None:
            return []
        host = service.host.lower()
        relevant = [policy for policies in self._about.covering(host) for policy in policies]
        if is_wildcard(host):
            relevant += [policy for policy in self.policies if policy.covers(host)]
        return list(dict.fromkeys(relevant))

    def routes(
        self, caller: Caller, scope: Scope | None, service: Service, port: ServicePort
    ) -> frozenset[Destination]:
        """All destinations of a sidecar's requests for a service port."""
        return self._routes(caller, scope, service, port) - {ANSWERED}

    def _routes(
        self, caller: Caller, scope: Scope | None, service: Service, port: ServicePort
    ) -> frozenset[Destination]:
        """The same, with ANSWERED where the proxy answers requests by itself."""
        reached = destinations(
            self._policies(caller, scope, port.number),
            caller,
            service,
            port,
            lambda host: self._registry.service_for(host, caller.namespace),
        )
        return frozenset(map(self._real, reached))

    def lost(
        self, caller: Caller, scope: Scope | None, service: Service, port: ServicePort
    ) -> list[Destination]:
        """Where a sidecar's requests for a service port are led though it has no such cluster.

        Envoy answers them with 503 and the flag NC (no cluster): no service that the client sees
        has the host, or it has not the port. Subsets are the rules' matter.
        """
        return [
            each
            for each in sorted(self.routes(caller, scope, service, port), key=_in_order)
            if not self._has(caller, scope, each, (service, port))
        ]

    def lost_copies(
        self, caller: Caller, scope: Scope | None, service: Service, port: ServicePort
    ) -> list[Destination]:
        """Where copies (mirrors) of a sidecar's requests are sent though it has no such cluster."""
        copies = mirrors(self._policies(caller, scope, port.number), caller, service, port)
        return [
            each
            for each in sorted(set(map(self._real, copies)), key=_in_order)
            if not self._has(caller, scope, each, (service, port))
        ]

    def lost_copies_of_gateway(
        self, workload: Workload, service: Service, port: ServicePort
    ) -> list[Destination]:
        """Where a gateway sends copies of what it hands on to a service, with no cluster there."""
        lost = self._lost_at_gateway.get(id(workload))
        if lost is None:
            lost = self._lost_at_gateway[id(workload)] = {}
            for server, route in self._taken_by(workload):
                copies = {self._at_gateway(each, server, workload) for each in route.mirrors}
                gone = {copy for copy in copies if not self._is_there(copy, workload.namespace)}
                for each in route.destinations if gone else ():
                    end = self._at_gateway(each, server, workload)
                    lost.setdefault((end.host, end.port), set()).update(gone)
        return sorted(lost.get((service.host, port.number), ()), key=_in_order)

    def _is_there(self, destination: Destination, namespace: str) -> bool:
        found = self._registry.service_for(destination.host, namespace)
        return found is not None and found.port(destination.port) is not None

    def is_answered(
        self, caller: Caller, scope: Scope | None, service: Service, port: ServicePort
    ) -> bool:
        """Whether a sidecar answers some requests by itself: a redirect or a direct response."""
        return ANSWERED in self._routes(caller, scope, service, port)

    def _has(
        self,
        caller: Caller,
        scope: Scope | None,
        destination: Destination,
        called: tuple[Service, ServicePort],
    ) -> bool:
        """Whether a sidecar that calls a service port has a cluster for a destination."""
        service, port = called
        target = self._registry.service_for(destination.host, caller.namespace)
        if target is service and destination.port == port.number:
            return True
        if target is None or target.port(destination.port) is None:
            return False
        return scope is None or destination.port in scope.ports(target)

    def leading(self, service: Service, destination: Destination) -> VirtualServicePolicy | None:
        """The first VirtualService that leads calls of a service to a destination."""
        for policy in self.about(service):
            if destination.host in self.named(policy) and policy.covers(service.host):
                return policy
        return None

    def unlisted(self, host: str) -> str:
        """Why it is not known whether proxies have a service of this host; empty: it is known."""
        return self._registry.unlisted(host)

    def reached(
        self,
        caller: Caller,
        scope: Scope | None,
        service: Service,
        about: Iterable[VirtualServicePolicy],
    ) -> Reached:
        """What a sidecar's requests reach of a service, whichever host they are for.

        `about` are the VirtualServices that name the service.
        """
        reached = {
            (each.port, each.subset)
            for port in service.ports
            for each in self._called(caller, scope, service, port)
            if each.host == service.host
        }
        for policy in about:
            if policy.visible_in(caller.namespace) and service.host in self.named(policy):
                detours = list(self._detours(policy, caller, scope))
                for other in detours:
                    for port in other.ports:
                        reached.update(
                            (each.port, each.subset)
                            for each in self._called(caller, scope, other, port)
                            if each.host == service.host
                        )
                seen = self._policies(caller, scope, NAMED_PORT)
                if not detours and policy in seen:
                    reached.update(self._by_name_only(policy, caller, service))
        return frozenset(reached)

    def requested(
        self, caller: Caller, scope: Scope | None, host: str, number: int
    ) -> frozenset[Destination]:
        """Where a sidecar's requests for a host and port go, whether it is a service or a name.

        Empty: nothing is known of the host or its port. Copies (mirrors) are left out.
        """
        service = self._registry.service_for(host, caller.namespace)
        if service is not None:
            port = service.port(number)
            if port is None or (scope is not None and number not in scope.ports(service)):
                return frozenset()
            return self._routes(caller, scope, service, port)
        for policy in self._policies(caller, scope, number):
            if number == NAMED_PORT and host in policy.hosts:
                taken = {self._real(each) for each in requested_by_name(policy, caller)}
                if taken:
                    return frozenset(taken)
        return frozenset()

    def requested_of_gateway(self, workload: Workload) -> dict[tuple[str, int], set[Destination]]:
        """Where a gateway sends requests, by the VirtualServices' host and the server's port."""
        names = frozenset(map(str, self._gateways.of(workload)))
        caller = Caller(workload.namespace, workload.labels, names)
        requested: dict[tuple[str, int], set[Destination]] = {}
        for server in self._gateways.servers(workload):
            for policy in self._seen_in(workload.namespace):
                if server.name not in policy.gateways:
                    continue
                taken = {
                    each
                    for route in routes_through_gateway([policy], caller, server)
                    for each in (*route.destinations, *((ANSWERED,) if route.answered else ()))
                }
                for host in policy.hosts if taken else ():
                    requested.setdefault((host, server.number), set()).update(
                        each
                        if each == ANSWERED
                        else self._with_port(self._real(each), server.number, workload.namespace)
                        for each in taken
                    )
        return requested

    def reached_by_gateway(self, workload: Workload, service: Service) -> Reached:
        """What a gateway's routes reach of a service."""
        reached = self._by_gateway.get(id(workload))
        if reached is None:
            gathered: dict[str, set[tuple[int, str | None]]] = {}
            for each in self._through(workload):
                gathered.setdefault(each.host, set()).add((each.port, each.subset))
            reached = {host: frozenset(ports) for host, ports in gathered.items()}
            self._by_gateway[id(workload)] = reached
        return reached.get(service.host, frozenset())

    def labels(self) -> list[Labels]:
        """The source labels that routes ask of their clients."""
        listed = [
            match.labels
            for policy in self.policies
            for route in policy.routes
            for match in route.matches
            if match.labels
        ]
        return [own for number, own in enumerate(listed) if own not in listed[:number]]

    def _called(
        self, caller: Caller, scope: Scope | None, service: Service, port: ServicePort
    ) -> Iterator[Destination]:
        """The destinations of requests for a service port, and those that get copies of them."""
        yield from self.routes(caller, scope, service, port)
        for each in mirrors(self._policies(caller, scope, port.number), caller, service, port):
            yield self._real(each)

    def _policies(
        self, caller: Caller, scope: Scope | None, port: int
    ) -> Sequence[VirtualServicePolicy]:
        if scope is not None:
            return scope.routes(port)
        return self._seen_in(caller.namespace)

    def _seen_in(self, namespace: str) -> list[VirtualServicePolicy]:
        seen = self._visible.get(namespace)
        if seen is None:
            seen = self._visible[namespace] = visible(self.policies, namespace)
        return seen

    def _detours(
        self, policy: VirtualServicePolicy, caller: Caller, scope: Scope | None
    ) -> Iterator[Service]:
        """The services whose requests a VirtualService routes for this client."""
        for host in self.covered(policy):
            service = self._registry.service_for(host, caller.namespace)
            if service is not None and (scope is None or scope.ports(service)):
                yield service

    def covered(self, policy: VirtualServicePolicy) -> list[str]:
        """The hosts of all services that a VirtualService is for."""
        covered = self._hosts.get(id(policy))
        if covered is None:
            covered = [host for host in policy.hosts if host in self._registry.by_host]
            if any(host.startswith("*") for host in policy.hosts):
                covered = [host for host in self._registry.by_host if policy.covers(host)]
            self._hosts[id(policy)] = covered
        return covered

    def named(self, policy: VirtualServicePolicy) -> frozenset[str]:
        """The hosts of all destinations of a VirtualService."""
        named = self._named.get(id(policy))
        if named is None:
            named = frozenset(
                self._real(each).host for route in policy.routes for each in route.named
            )
            self._named[id(policy)] = named
        return named

    def _by_name_only(
        self, policy: VirtualServicePolicy, caller: Caller, service: Service
    ) -> Iterator[tuple[int, str | None]]:
        """What requests for hosts that are no services reach of one.

        Sidecars route them on port 80 only (buildSidecarVirtualHostsForVirtualService).
        """
        for each in by_name(policy, caller):
            real = self._real(each)
            if real.host == service.host:
                yield real.port, real.subset

    def chains(self, workload: Workload) -> tuple[GatewayChain, ...]:
        """The filter chains of a gateway workload."""
        served = self._chains.get(id(workload))
        if served is None:
            servers = self._gateways.servers(workload)
            served = tuple(chains(servers, self._seen_in(workload.namespace)))
            self._chains[id(workload)] = served
        return served

    def _through(self, workload: Workload) -> Iterator[Destination]:
        """The destinations of what a gateway hands on, copies included."""
        for server, route in self._taken_by(workload):
            for each in (*route.destinations, *route.mirrors):
                yield self._at_gateway(each, server, workload)

    def _taken_by(self, workload: Workload) -> Iterator[tuple[GatewayServer, Route]]:
        """The routes that requests to a gateway may take, each with the server they come to."""
        names = frozenset(map(str, self._gateways.of(workload)))
        caller = Caller(workload.namespace, workload.labels, names)
        for server in self._gateways.servers(workload):
            bound = [
                policy
                for policy in self._seen_in(workload.namespace)
                if server.name in policy.gateways
            ]
            for route in routes_through_gateway(bound, caller, server):
                yield server, route

    def _at_gateway(
        self, destination: Destination, server: GatewayServer, workload: Workload
    ) -> Destination:
        real = self._real(destination)
        return self._with_port(real, server.number, workload.namespace)

    def _with_port(self, destination: Destination, port: int, namespace: str) -> Destination:
        """The destination with its service's only port, else the gateway's, where it names none."""
        if destination.port:
            return destination
        service = self._registry.service_for(destination.host, namespace)
        if service is not None and len(service.ports) == 1:
            port = service.ports[0].number
        return destination._replace(port=port)

    def _real(self, destination: Destination) -> Destination:
        """The destination with the service that an ExternalName stands for."""
        host = self._registry.aliases.get(destination.host)
        return destination._replace(host=host) if host is not None else destination


def _in_order(destination: Destination) -> tuple[str, int, str]:
    return destination.host, destination.port, destination.subset or ""
