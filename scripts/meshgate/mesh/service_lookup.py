"""What clients find of a service: its rules, its clusters, and whether it is there for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshgate.mesh.admissions import Admissions
from meshgate.mesh.call_filter import CallFilter
from meshgate.mesh.client_groups import ClientClass
from meshgate.mesh.clients import MeshClients
from meshgate.mesh.cluster import PortClusters
from meshgate.mesh.delivery import NO_CLUSTER, Delivery
from meshgate.mesh.destination_rules import DestinationRules
from meshgate.mesh.lookup import HostRules
from meshgate.mesh.receivers import Receivers
from meshgate.mesh.registry import Registry
from meshgate.mesh.routing import Routing
from meshgate.mesh.scopes import is_blocking
from meshgate.mesh.services import Service, ServicePort
from meshgate.mesh.terms import DataPlane
from meshgate.mesh.virtual_services import Caller
from meshgate.mesh.waypoints import Waypoints
from meshgate.mesh.workloads import Workload
from meshgate.mesh.ztunnel_calls import ZtunnelCalls


class ServiceLookup:
    """The services of a mesh as their clients find them. Rules and clusters are worked out once."""

    __slots__ = (
        "_clusters",
        "_importers",
        "_rules",
        "_rules_of",
        "admissions",
        "by_ztunnel",
        "clients",
        "filters",
        "receivers",
        "registry",
        "routing",
        "undecided",
    )

    def __init__(
        self,
        registry: Registry,
        rules: DestinationRules,
        receivers: Receivers,
        clients: MeshClients,
        routing: Routing,
        *,
        filters: CallFilter,
        admissions: Admissions,
        waypoints: Waypoints,
    ) -> None:
        self.filters = filters
        self.admissions = admissions
        self.registry = registry
        self.receivers = receivers
        self.clients = clients
        self.undecided = receivers.undecided
        self._rules = rules
        self.routing = routing
        self._rules_of: dict[int, HostRules] = {}
        self._clusters: dict[tuple[int, int], PortClusters] = {}
        self._importers: dict[int, list[ClientClass]] | None = None
        self.by_ztunnel = ZtunnelCalls(waypoints, receivers.undecided, routing, self.rules)

    def rules(self, service: Service) -> HostRules:
        """The rules that some client may find for a service."""
        known = self._rules_of.get(id(service))
        if known is None:
            known = self._rules_of[id(service)] = HostRules(self._rules, service)
        return known

    def clusters(self, service: Service, port: ServicePort) -> PortClusters:
        """The clusters of a service port."""
        key = id(service), port.number
        known = self._clusters.get(key)
        if known is None:
            known = PortClusters(
                self.receivers, service, port, auto=self.receivers.facts.enable_auto_mtls
            )
            self._clusters[key] = known
        return known

    def special(self, service: Service) -> set[str]:
        """The client namespaces that may get another answer than most."""
        return self.rules(service).special | self.distinguished(service.host)

    def distinguished(self, host: str) -> set[str]:
        """The client namespaces that may get another service for a host, or none."""
        candidates = self.registry.by_host.get(host, ())
        namespaces: set[str] = set()
        for each in candidates:
            if len(candidates) > 1 or not each.is_public:
                namespaces |= {each.namespace, *each.export_to}
        return namespaces

    def gets(self, service: Service, namespace: str) -> bool:
        """Whether clients of a namespace get this service for its host."""
        return self.registry.service_for(service.host, namespace) is service

    def is_hidden(self, service: Service, namespace: str) -> bool:
        """Whether clients of a namespace get no service for the host of this Service."""
        return service.kubernetes and self.registry.service_for(service.host, namespace) is None

    def host_doubt(self, service: Service, plane: DataPlane, caller: Caller) -> str:
        """Why it is not known what a proxy's calls to a service come to; empty: it is."""
        reason = self.undecided.host(service.host, plane, caller)
        if not reason and plane is DataPlane.GATEWAY:
            return self.by_ztunnel.waypoints.for_gateways(service)
        return reason

    def direct(self, clusters: PortClusters, plane: DataPlane) -> tuple[Delivery, ...]:
        """What clients get that have no proxy of their own: none at all, or ztunnel."""
        if plane is not DataPlane.AMBIENT:
            return clusters.direct(plane)
        return self.by_ztunnel.sent(clusters)

    def unknown_host(self, clusters: PortClusters, outbound: str) -> tuple[Delivery, ...]:
        """What becomes of calls to a Service that a proxy does not know: passed on, or blocked."""
        return (NO_CLUSTER,) if self.blocks(outbound) else clusters.direct(DataPlane.NONE)

    def blocks(self, outbound: str) -> bool:
        """Whether a proxy of such an outboundTrafficPolicy blocks calls to hosts it lacks."""
        return is_blocking(outbound, self.receivers.facts)

    def importers(self, host: str) -> Iterator[ClientClass]:
        """The classes whose Sidecar resources import some service of a host."""
        for service in self.registry.by_host.get(host, ()):
            yield from self.limited(service)

    def limited(self, service: Service) -> Iterable[ClientClass]:
        if self._importers is None:
            self._importers = {}
            for each in self.clients.limited:
                imported = {
                    id(other): other
                    for scope in each.scopes
                    for other in self.registry.imported(scope)
                }
                for other in imported.values():
                    self._importers.setdefault(id(other), []).append(each)
        return self._importers.get(id(service), ())

    def judged(
        self, sent: tuple[Delivery, ...], client: Workload, port: ServicePort
    ) -> tuple[Delivery, ...]:
        """What a client sends, with the packets that pass and what the servers let in."""
        passed = self.filters.filtered(sent, client, port.number)
        return self.admissions.admitted(passed, client, port)
