"""What one client sends to a service port, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import structs

from meshgate.mesh.call_classes import CallClasses
from meshgate.mesh.calls import described
from meshgate.mesh.client_groups import ClientClass, ClientGroup
from meshgate.mesh.cluster import PortClusters
from meshgate.mesh.delivery import NO_CLUSTER, NO_PORT, PASSED_THROUGH, Delivery
from meshgate.mesh.order import ORDER
from meshgate.mesh.policy import ClientPolicy, policy, without_rules
from meshgate.mesh.scopes import Scope
from meshgate.mesh.service_lookup import ServiceLookup
from meshgate.mesh.services import Endpoint, Service, ServicePort
from meshgate.mesh.terms import DataPlane
from meshgate.mesh.virtual_services import Caller, Destination
from meshgate.mesh.workloads import Workload


class Callers:
    """The calls of each client by itself; `calls` has them in classes."""

    __slots__ = ("_by_waypoint", "calls", "services")

    def __init__(self, services: ServiceLookup) -> None:
        self.services = services
        self.calls = CallClasses(services)
        self._by_waypoint: dict[tuple[int, int], list[Delivery]] | None = None

    def policy(
        self, client: Workload, service: Service, number: int, subset: str | None
    ) -> ClientPolicy:
        """What one client sends to a service port. Raises LookupError for an unknown port."""
        port = service.port(number)
        if port is None:
            raise LookupError(f"{service.host} has no port {number}")
        clusters = self.services.clusters(service, port)
        answer = self._policy(client, clusters, subset)
        cover = self.services.undecided.client_cover(client)
        answer = _restricted(clusters, answer, cover.reason if cover is not None else "")
        return self._admitted(answer, client)

    def _admitted(self, answer: ClientPolicy, client: Workload) -> ClientPolicy:
        """The answer for a client, with the packets that pass and what the servers let in."""
        if self.services.filters.is_empty and self.services.admissions.is_empty:
            return answer
        return structs.replace(
            answer,
            deliveries=self.services.judged(answer.deliveries, client, answer.port),
            alternatives=tuple(self._admitted(each, client) for each in answer.alternatives),
        )

    def _policy(self, client: Workload, clusters: PortClusters, subset: str | None) -> ClientPolicy:
        """What a client sends, whoever may refuse it."""
        service, number = clusters.service, clusters.port.number
        if not client.is_proxied:
            reason = client.plane_reason
            sent = (
                clusters.unknown(reason) if reason else self.services.direct(clusters, client.plane)
            )
            return without_rules(clusters, sent, reason)
        if number in client.uncaptured_outbound:
            reason = "the client's proxy does not capture calls to this port"
            return without_rules(clusters, clusters.direct(DataPlane.NONE), reason)
        if self.services.is_hidden(service, client.namespace):
            return self._not_exported(clusters, client)
        return self._of_sidecar(clusters, client, subset)

    def _of_sidecar(
        self, clusters: PortClusters, client: Workload, subset: str | None
    ) -> ClientPolicy:
        """What the proxy of a client, which knows the service or is kept from it, sends."""
        service, number = clusters.service, clusters.port.number
        choices = self.services.rules(service).choices(client.namespace, client.labels)
        own = policy(clusters, choices, subset, client.plane)
        caller = Caller(client.namespace, client.labels)
        reason = self.services.undecided.client(client) or self.services.host_doubt(
            service, client.plane, caller
        )
        if reason:
            return structs.replace(
                own, deliveries=clusters.unknown(reason), decided=False, reason=reason
            )
        scopes = self.services.clients.scopes_of(client)
        seen = {number in scope.ports(service) for scope in scopes}
        if len(seen) > 1:
            return without_rules(clusters, clusters.unknown(ORDER), ORDER)
        if seen == {False}:
            return self._not_imported(clusters, scopes[0])
        return own

    def _not_exported(self, clusters: PortClusters, client: Workload) -> ClientPolicy:
        """A Service whose exportTo leaves the client's namespace out."""
        why = f"{clusters.service.resource} is not exported to namespace {client.namespace}"
        scopes = self.services.clients.scopes_of(client)
        outbound = scopes[0].outbound if scopes else ""
        return without_rules(clusters, self.services.unknown_host(clusters, outbound), why)

    def _not_imported(self, clusters: PortClusters, scope: Scope) -> ClientPolicy:
        """A service that the client's Sidecar resource leaves out: passed through, or blocked."""
        why = f"Sidecar {scope.policy.namespace}/{scope.policy.name} does not import the service"
        return without_rules(clusters, self.services.unknown_host(clusters, scope.outbound), why)

    def unseen(self, client: ClientClass, host: str, number: int) -> tuple[Delivery, ...]:
        """What clients get of a host that their proxies do not know; empty: they do know it.

        Proxies pass such calls through as they are, or block them (REGISTRY_ONLY).
        """
        if client.plane is not DataPlane.SIDECAR or client.reason or number in client.uncaptured:
            return ()
        candidates = self.services.registry.by_host.get(host, ())
        own = self.services.registry.service_for(host, client.namespace)
        if own is not None and own.kubernetes and own.port(number) is None:
            return (NO_PORT,)
        if own is not None and (
            not client.scopes or any(number in scope.ports(own) for scope in client.scopes)
        ):
            return ()
        if self.services.blocks(client.outbound):
            return (NO_CLUSTER,)
        return self._passed_on(client, candidates, number)

    def _passed_on(
        self, client: ClientClass, services: Iterable[Service], number: int
    ) -> tuple[Delivery, ...]:
        """What becomes of calls that a proxy passes on as they are, to one of these services."""
        for each in services:
            port = each.port(number)
            if each.kubernetes and port is not None:
                clusters = self.services.clusters(each, port)
                sent = clusters.direct(DataPlane.NONE)
                sent = clusters.restricted(sent, client.restricted_by)
                return self.services.judged(sent, client.members[0], port)
        if self.services.undecided.mesh:
            return (PASSED_THROUGH.unknown(self.services.undecided.mesh),)
        passed_on = PASSED_THROUGH.restricted(client.restricted_by)
        return (self.services.filters.judged(passed_on, client.members[0], number),)

    def by_waypoint(self, workload: Workload, port: int) -> list[Delivery]:
        """What reaches a port of a workload by way of the waypoints before its services."""
        if self._by_waypoint is None:
            self._by_waypoint = {}
            by_ztunnel = self.services.by_ztunnel
            for service in self.services.registry.services:
                if by_ztunnel.waypoints.of_service(service) is None:
                    continue
                for own in service.ports:
                    for sent in by_ztunnel.sent(self.services.clusters(service, own)):
                        end = sent.endpoint
                        if end is not None and end.workload is not None:
                            key = id(end.workload), end.port
                            self._by_waypoint.setdefault(key, []).append(sent)
        return self._by_waypoint.get((id(workload), port), [])

    def led_away(
        self, client: Workload, service: Service, port: ServicePort, destination: Destination
    ) -> ClientPolicy:
        """What becomes of one client's calls that a route leads to no cluster."""
        clusters = self.services.clusters(service, port)
        group = ClientGroup(client.plane, ())
        lost = self.calls.led_away(clusters, group, destination)
        policy = self.services.routing.leading(service, destination)
        who = str(policy.resource) if policy is not None else "a VirtualService"
        why = f"{who} leads calls to {described(destination)}, which no service at hand has"
        return without_rules(clusters, lost.deliveries, why)

    def answered(self, service: Service, port: ServicePort) -> ClientPolicy:
        """Calls that a redirect or a direct response answers, so that nobody gets them."""
        routing = [
            each for each in self.services.routing.about(service) if each.covers(service.host)
        ]
        who = ", ".join(str(each.resource) for each in routing) or "a VirtualService"
        why = f"{who} answers by a redirect or a direct response, or routes nothing of this port"
        return without_rules(self.services.clusters(service, port), (), why)

    def take(self, host: str, number: int, endpoint: Endpoint, sent: Delivery) -> Delivery:
        """What becomes of bytes that were worked out in another state of this mesh.

        Raises LookupError where the endpoint is not one of this service port.
        """
        for service in self.services.registry.by_host.get(host, ()):
            port = service.port(number)
            if port is not None:
                clusters = self.services.clusters(service, port)
                if any(each is endpoint for each, _ in clusters.all_endpoints):
                    return clusters.take(sent, endpoint)
        raise LookupError(f"{host}:{number} has no such endpoint")


def _restricted(clusters: PortClusters, policy: ClientPolicy, by_client: str) -> ClientPolicy:
    """The answer for a client, with what may refuse its calls at either end."""
    restricted = clusters.restricted(policy.deliveries, by_client)
    if restricted is policy.deliveries:
        return policy
    return structs.replace(
        policy,
        deliveries=restricted,
        alternatives=tuple(_restricted(clusters, each, by_client) for each in policy.alternatives),
    )
