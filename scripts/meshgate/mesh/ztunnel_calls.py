"""What ztunnel sends for its workloads: straight to an endpoint, or by way of a waypoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec import structs

from meshgate.mesh.cluster import PortClusters
from meshgate.mesh.covers import named
from meshgate.mesh.delivery import Delivery
from meshgate.mesh.lookup import HostRules
from meshgate.mesh.registry import Registry
from meshgate.mesh.routing import Routing
from meshgate.mesh.services import Resolution, Service
from meshgate.mesh.terms import DataPlane
from meshgate.mesh.undecided import Undecided, Unread
from meshgate.mesh.waypoints import Enrolment, Waypoints
from meshgate.model import Resource


class ZtunnelCalls:
    """The calls of workloads in ambient mode, worked out once for each service port."""

    __slots__ = ("_routing", "_rules", "_sent", "_undecided", "waypoints")

    def __init__(
        self,
        waypoints: Waypoints,
        undecided: Undecided,
        routing: Routing,
        rules: Callable[[Service], HostRules],
    ) -> None:
        """`rules` gives the DestinationRules of a service."""
        self.waypoints = waypoints
        self._undecided = undecided
        self._routing = routing
        self._rules = rules
        self._sent: dict[int, tuple[Delivery, ...]] = {}

    def sent(self, clusters: PortClusters) -> tuple[Delivery, ...]:
        """What ztunnel sends to a service port, and what becomes of it."""
        if id(clusters) not in self._sent:
            self._sent[id(clusters)] = self._through(clusters)
        return self._sent[id(clusters)]

    def _through(self, clusters: PortClusters) -> tuple[Delivery, ...]:
        enrolled = self._enrolled(clusters.service)
        if enrolled is not None:
            if enrolled.passage is None or enrolled.reason:
                return clusters.unknown(f"{named(enrolled.resource)} {enrolled.about}")
            return clusters.passing(enrolled.passage)
        deliveries = clusters.direct(DataPlane.AMBIENT)
        if clusters.service.resolution is not Resolution.PASSTHROUGH:
            # A call to an address of a Service meets no waypoint of pods (build_request in
            # ztunnel's outbound.rs): that is for calls to the addresses of pods.
            return deliveries
        doubts = [self._doubt(each) for each in deliveries]
        if not any(doubts):
            return deliveries
        return tuple(
            each.unknown(doubt) if doubt else each
            for each, doubt in zip(deliveries, doubts, strict=True)
        )

    def _enrolled(self, service: Service) -> Enrolment | None:
        """The waypoint before a service, with all reasons for which its answer is not known."""
        enrolment = self.waypoints.of_service(service)
        if enrolment is None or enrolment.reason:
            return enrolment
        return structs.replace(enrolment, reason=self._at_waypoint(service))

    def _at_waypoint(self, service: Service) -> str:
        """Why it is not known what a waypoint makes of calls; empty: it sends them on."""
        if reason := self._undecided.host(service.host, DataPlane.SIDECAR, None):
            return reason
        for each in self._routing.about(service):
            return f"{named(each.resource)} leads them on there, which is not modelled"
        rules = self._rules(service)
        if rules.local or rules.root_private or rules.service or rules.root:
            return "a DestinationRule says what it sends on, which is not modelled"
        return ""

    def _doubt(self, sent: Delivery) -> str:
        """Why it is not known what becomes of a call to a workload behind a waypoint."""
        workload = sent.endpoint.workload if sent.endpoint is not None else None
        enrolment = self.waypoints.of_workload(workload) if workload is not None else None
        return f"{workload}: {named(enrolment.resource)} {enrolment.about}" if enrolment else ""

    def unread(self, registry: Registry) -> Iterator[Unread]:
        """The objects that put a waypoint before what it is not known to serve."""
        by_resource: dict[int, tuple[Resource, dict[str, None], set[str]]] = {}

        def note(enrolled: Enrolment | None, covered: str) -> None:
            if enrolled is not None and enrolled.reason:
                key = id(enrolled.resource)
                _, reasons, names = by_resource.setdefault(key, (enrolled.resource, {}, set()))
                reasons[enrolled.about] = None
                names.add(covered)

        for service in registry.services:
            note(self._enrolled(service), service.host)
        for workload in registry.workloads:
            if workload.plane is DataPlane.AMBIENT:
                note(self.waypoints.of_workload(workload), str(workload))
        for resource, reasons, names in by_resource.values():
            yield Unread(resource, "; ".join(reasons), tuple(sorted(names)))
