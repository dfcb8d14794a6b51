"""Requests as their clients mean them: for one host and port, wherever routes take them."""

from __future__ import annotations

from msgspec import Struct

from meshgate.mesh.calls import CallClass
from meshgate.mesh.client_groups import ClientClass, ClientGroup
from meshgate.mesh.delivery import BY_PROXY, NO_CLUSTER, Delivery
from meshgate.mesh.policy import deliveries
from meshgate.mesh.routes import ANSWERED
from meshgate.mesh.service_lookup import ServiceLookup
from meshgate.mesh.terms import DataPlane, Outcome
from meshgate.mesh.virtual_services import Caller, Destination


class Target(Struct, frozen=True):
    """One place that requests for a host are sent to, and what becomes of them there.

    `call` None: the proxy answers by itself, or knows no such service, or the service no such port.
    """

    destination: Destination
    call: CallClass | None
    deliveries: tuple[Delivery, ...]


class Requests:
    """Where the requests of proxied clients go, asked by the host that the client means."""

    __slots__ = ("_of_gateways", "_services")

    def __init__(self, services: ServiceLookup) -> None:
        self._services = services
        self._of_gateways: dict[int, dict[tuple[str, int], set[Destination]]] = {}

    def destinations(self, client: ClientClass, host: str, port: int) -> frozenset[Destination]:
        """Where a client's requests for a host and port go.

        Empty: its proxy knows no such host and port, is bypassed, or nothing is known of it.
        """
        if client.reason or port in client.uncaptured:
            return frozenset()
        if client.plane is DataPlane.GATEWAY:
            return frozenset(self._through(client).get((host, port), ()))
        if client.plane is not DataPlane.SIDECAR:
            return frozenset()
        scope = client.scopes[0] if client.is_limited else None
        caller = Caller(client.namespace, client.labels)
        return self._services.routing.requested(caller, scope, host, port)

    def target(self, client: ClientClass, destination: Destination) -> Target:
        """What becomes of a client's requests at one destination."""
        if destination == ANSWERED:
            return Target(destination, None, (BY_PROXY,))
        services = self._services
        service = services.registry.service_for(destination.host, client.namespace)
        port = service.port(destination.port) if service is not None else None
        scope = client.scopes[0] if client.is_limited else None
        if service is None or port is None or (scope and port.number not in scope.ports(service)):
            reason = services.routing.unlisted(destination.host)
            unknown = NO_CLUSTER._replace(outcome=Outcome.UNKNOWN, reason=reason)
            return Target(destination, None, (unknown if reason else NO_CLUSTER,))
        clusters = services.clusters(service, port)
        choices = services.rules(service).choices(client.namespace, client.labels)
        caller = Caller(client.namespace, client.labels)
        reason = services.host_doubt(service, client.plane, caller)
        sent = (
            clusters.unknown(reason)
            if reason
            else deliveries(clusters, choices, destination.subset, client.plane)
        )
        sent = clusters.restricted(sent, client.restricted_by)
        sent = services.judged(sent, client.members[0], port)
        group = ClientGroup(client.plane, [client])
        return Target(
            destination,
            CallClass(group, clusters, destination.subset, sent, choices),
            sent,
        )

    def _through(self, client: ClientClass) -> dict[tuple[str, int], set[Destination]]:
        requested = self._of_gateways.get(id(client))
        if requested is None:
            requested = self._services.routing.requested_of_gateway(client.members[0])
            self._of_gateways[id(client)] = requested
        return requested

    def asked_of(self, client: ClientClass) -> set[tuple[str, int]]:
        """The hosts and ports that a gateway's VirtualServices route."""
        return set(self._through(client)) if client.plane is DataPlane.GATEWAY else set()
