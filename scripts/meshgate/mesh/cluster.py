"""Clusters: what a client sends to each endpoint of a service port, and what becomes of it."""

from __future__ import annotations

import dataclasses

from msgspec import Struct

from meshgate.mesh.authorization import identity_of
from meshgate.mesh.blocking import Blocking
from meshgate.mesh.delivery import NO_CLUSTER, Delivery, combined
from meshgate.mesh.receivers import Arrival, Receivers, World
from meshgate.mesh.services import Endpoint, Service, ServicePort
from meshgate.mesh.terms import (
    DataPlane,
    Discovery,
    Mode,
    Outcome,
    Transport,
)
from meshgate.mesh.traffic_policy import Resolved, Subset
from meshgate.mesh.transport import discovery, explicit, is_auto, of_subset, transport
from meshgate.mesh.waypoints import Passage
from meshgate.mesh.workloads import Workload

# Clusters whose endpoints need not be known.
_ADDRESS_KEPT = frozenset({Discovery.ORIGINAL_DST, Discovery.DYNAMIC_DNS})


OTHER_NAMES = (
    "its rule says by subjectAltNames whom it takes for the server, and that this server is one of "
    "them is not known (DR022)"
)


class Cluster(Struct, frozen=True):
    """The cluster of one service port and subset, for one meaning of a client's rules.

    There is at least one delivery: one without endpoint tells why there is no other.
    """

    discovery: Discovery
    # Whether auto mTLS may send mesh mTLS.
    auto: bool
    deliveries: tuple[Delivery, ...]


# What there is where Istio builds no cluster.
MISSING = Cluster(Discovery.NO_CLUSTER, auto=False, deliveries=(NO_CLUSTER,))


class PortClusters:
    """All clusters of one service port, each built once."""

    __slots__ = (
        "_auto_enabled",
        "_built",
        "_direct",
        "_discovered",
        "_may_change",
        "_may_refuse",
        "_pushed",
        "_receivers",
        "_restricted",
        "_to_gateways",
        "_unknown_for_all",
        "endpoints",
        "port",
        "service",
    )

    def __init__(
        self, receivers: Receivers, service: Service, port: ServicePort, *, auto: bool
    ) -> None:
        self._receivers = receivers
        self._auto_enabled = auto
        self.service = service
        self.port = port
        self.endpoints = [
            (endpoint, receivers.worlds(endpoint))
            for endpoint in service.endpoints.get(port.number, ())
        ]
        # What istiod tells sidecars and gateways: for clusters of EDS, and for all others.
        # Nearly always the same.
        self._discovered = self._pushed = self.endpoints
        if port.number in service.discovered:
            self._discovered, self._pushed = (
                [(endpoint, receivers.worlds(endpoint)) for endpoint in listed[port.number]]
                for listed in (service.discovered, service.pushed)
            )
        # Why an endpoint may refuse what arrives, by its identity.
        self._may_refuse = {
            id(endpoint): reason
            for endpoint, _ in self.all_endpoints
            if (reason := receivers.undecided.may_refuse_at(endpoint))
        }
        self._may_change = {
            id(endpoint): reason
            for endpoint, _ in self.all_endpoints
            if (reason := receivers.undecided.may_change_at(endpoint))
        }
        # Why nothing is known of any call, whoever calls.
        self._unknown_for_all = receivers.undecided.mesh or receivers.undecided.hosts_of_all.get(
            service.host, ""
        )
        self._restricted: dict[
            tuple[int, str], tuple[tuple[Delivery, ...], tuple[Delivery, ...]]
        ] = {}
        self._to_gateways = any(
            endpoint.workload is not None and endpoint.workload.plane is DataPlane.GATEWAY
            for endpoint, _ in self.all_endpoints
        )
        self._built: dict[object, Cluster] = {}
        self._direct: dict[DataPlane, tuple[Delivery, ...]] = {}

    @property
    def all_endpoints(self) -> list[tuple[Endpoint, tuple[World, ...]]]:
        """The endpoints that some client gets."""
        if self._discovered is self.endpoints:
            return self.endpoints
        return [*self.endpoints, *self._discovered, *self._pushed]

    def cluster(
        self, resolved: Resolved, subset: Subset | None, plane: DataPlane, *, selector: bool
    ) -> Cluster:
        """The cluster of a client with a sidecar or of a gateway.

        `selector`: whether the rule has a workloadSelector.
        """
        gateway = plane is DataPlane.GATEWAY
        dropped = not gateway and resolved.dropped(selector=selector)
        labels = tuple(subset.labels.items()) if subset is not None else None
        # The subset's name is part of the TLS server name, which only gateways look at.
        name = subset.name if subset is not None and self._to_gateways else ""
        key = resolved, dropped, gateway, labels, name
        cluster = self._built.get(key)
        if cluster is None:
            cluster = self._built[key] = self._build(resolved, subset, plane, dropped=dropped)
        return cluster

    def direct(self, plane: DataPlane) -> tuple[Delivery, ...]:
        """What clients get that have no proxy of their own: none at all, or ztunnel."""
        deliveries = self._direct.get(plane)
        if deliveries is None:
            deliveries = self._direct[plane] = tuple(
                combined(self._directly(endpoint, world, plane) for world in worlds)
                for endpoint, worlds in self.endpoints
            ) or (self._nothing(),)
        return deliveries

    def passing(self, passage: Passage) -> tuple[Delivery, ...]:
        """What ztunnel sends by way of a waypoint, which sends it on by HBONE."""
        own = passage._replace(port=self.port.number, protocol=self.port.protocol)
        deliveries = tuple(
            combined(self._by_waypoint(endpoint, world, own) for world in worlds)
            for endpoint, worlds in self.endpoints
        )
        return deliveries or (self._nothing(),)

    def unknown(self, reason: str) -> tuple[Delivery, ...]:
        """The deliveries of clients whose outcome cannot be decided."""
        return tuple(each.unknown(reason) for each in self.direct(DataPlane.NONE))

    def restricted(self, sent: tuple[Delivery, ...], by_client: str) -> tuple[Delivery, ...]:
        """What becomes of deliveries that objects which are not read may refuse.

        `by_client` says why the client's own calls may be refused; empty: only servers may refuse.
        The answers of authorization and of network policies for a client belong here.
        """
        if self._unknown_for_all:
            return tuple(each.unknown(self._unknown_for_all) for each in sent)
        if not (by_client or self._may_refuse or self._may_change):
            return sent
        key = id(sent), by_client
        if key not in self._restricted:
            # What was sent is stored with its answer, so that no other takes its identity.
            answer = tuple(self._restricted_at(each, by_client) for each in sent)
            self._restricted[key] = sent, answer
        return self._restricted[key][1]

    def _restricted_at(self, delivery: Delivery, by_client: str) -> Delivery:
        key = id(delivery.endpoint)
        if key in self._may_change:
            return delivery.unknown(self._may_change[key])
        reasons = by_client, self._may_refuse.get(key, "")
        return delivery.restricted("; ".join(filter(None, reasons)))

    def by_name(self, delivery: Delivery, client: Workload, restriction: str) -> Delivery:
        """A delivery of one of many clients, with the names of objects that may refuse it."""
        if delivery.blocking is not None:
            return self._blocked_by_name(delivery, delivery.blocking, client)
        cover = self._receivers.undecided.client_cover(client) if restriction else None
        if cover is None:
            return delivery
        return delivery._replace(reason=delivery.reason.replace(restriction, cover.reason))

    def _blocked_by_name(
        self, delivery: Delivery, blocking: Blocking, client: Workload
    ) -> Delivery:
        packets = self._receivers.packets
        if delivery.endpoint is None:
            packet_verdict = packets.outside(client, blocking.port)
        elif delivery.passage is not None:
            packet_verdict = packets.by_way_of(
                delivery.passage, client, delivery.endpoint, blocking.port
            )
        else:
            packet_verdict = packets.between(client, delivery.endpoint, blocking.port)
        return delivery._replace(
            blocking=dataclasses.replace(blocking, policies=packet_verdict.policies)
        )

    def take(self, sent: Delivery, endpoint: Endpoint) -> Delivery:
        """What becomes of bytes from a client of another state of this mesh.

        `sent` tells the bytes, worked out in the other state; `endpoint` is one of this service.
        """
        worlds = next(
            (worlds for each, worlds in self.all_endpoints if each is endpoint),
            None,
        ) or self._receivers.worlds(endpoint)
        return combined(self._taken(sent, endpoint, world) for world in worlds)

    def _taken(self, sent: Delivery, endpoint: Endpoint, world: World) -> Delivery:
        mode = self._receivers.enforced(endpoint, world)
        wire = sent.transport
        if wire is None:
            return sent._replace(endpoint=endpoint, mode=mode, alternatives=())
        if sent.tunnel:
            takes = self._receivers.takes_hbone(endpoint)
            outcome, reason = (Outcome.OK_MTLS if takes else Outcome.REFUSED), ""
        else:
            arrival = Arrival(world, wire, sent.name)
            outcome, reason = self._receivers.outcome(self.service, self.port, endpoint, arrival)
        return Delivery(
            endpoint,
            wire,
            mode,
            outcome,
            reason,
            name=sent.name,
            tunnel=sent.tunnel,
            passage=sent.passage,
        )

    def _build(
        self, resolved: Resolved, subset: Subset | None, plane: DataPlane, *, dropped: bool
    ) -> Cluster:
        receivers = self._receivers
        everywhere = [endpoint for endpoint, _ in self._pushed]
        labels = subset.labels if subset else None
        kind = discovery(self.service, resolved, everywhere, of_subset(everywhere, labels), plane)
        listed = self._discovered if kind is Discovery.EDS else self._pushed
        chosen = set(map(id, of_subset([endpoint for endpoint, _ in listed], labels)))
        targets = [target for target in listed if id(target[0]) in chosen]
        may = {
            mode: is_auto(self.service, resolved, everywhere, mode, enabled=self._auto_enabled)
            for mode in Mode
        }

        def sent(endpoint: Endpoint, world: World) -> Delivery:
            wire = transport(
                endpoint, resolved, kind, world.port, auto=may[world.namespace], dropped=dropped
            )
            tunnel = kind is not Discovery.ORIGINAL_DST and receivers.takes_tunnel(endpoint)
            name = self._server_name(resolved, wire, subset.name if subset else "")
            delivery = self._delivered(endpoint, world, wire, name, tunnel=tunnel)
            if resolved.names and wire is Transport.MTLS and not self._has_name(endpoint, resolved):
                return delivery.unknown(f"the client: {OTHER_NAMES}")
            return delivery

        if kind is Discovery.NO_CLUSTER:
            deliveries: tuple[Delivery, ...] = (NO_CLUSTER,)
        else:
            deliveries = tuple(
                combined(sent(endpoint, world) for world in worlds) for endpoint, worlds in targets
            ) or (self._without_endpoint(resolved, kind, dropped=dropped),)
        return Cluster(kind, may[Mode.PERMISSIVE], deliveries)

    def _has_name(self, endpoint: Endpoint, resolved: Resolved) -> bool:
        """Whether a client is known to take an endpoint for the server its rule names."""
        workload = endpoint.workload
        if workload is None or not workload.is_proxied:
            return False
        domain = self._receivers.facts.trust_domain
        own = identity_of(domain, workload.namespace, workload.service_account)
        return f"spiffe://{own}" in resolved.names

    def _without_endpoint(self, resolved: Resolved, kind: Discovery, *, dropped: bool) -> Delivery:
        if self.service.kubernetes or kind not in _ADDRESS_KEPT:
            return self._nothing()
        wire = explicit(resolved.tls) or Transport.PLAINTEXT
        return Delivery(None, Transport.PLAINTEXT if dropped else wire, None, Outcome.EXTERNAL)

    def _nothing(self) -> Delivery:
        reason = self.service.endpoints_unknown
        outcome = Outcome.UNKNOWN if reason else Outcome.NO_ENDPOINT
        return Delivery(None, None, None, outcome, reason)

    def _server_name(self, resolved: Resolved, wire: Transport, subset: str) -> str:
        """The TLS server name: the rule's, else that of the cluster, or the host called."""
        if resolved.sni or wire is not Transport.MTLS:
            return resolved.sni or self.service.host
        return f"outbound_.{self.port.number}_.{subset}_.{self.service.host}"

    def _delivered(
        self, endpoint: Endpoint, world: World, wire: Transport, name: str, *, tunnel: bool
    ) -> Delivery:
        receivers = self._receivers
        if tunnel and wire in {Transport.PLAINTEXT, Transport.MTLS}:
            # The proxy sends HBONE in place of either (applyHBONETransportSocketMatches).
            mode = receivers.enforced(endpoint, world)
            return Delivery(endpoint, Transport.MTLS, mode, Outcome.OK_MTLS, tunnel=True)
        arrival = Arrival(world, wire, name)
        outcome, reason = receivers.outcome(self.service, self.port, endpoint, arrival)
        if tunnel and outcome is Outcome.DENIED:
            outcome = Outcome.TLS_TO_APP
        mode = receivers.enforced(endpoint, world)
        return Delivery(endpoint, wire, mode, outcome, reason, (), name)

    def _directly(self, endpoint: Endpoint, world: World, plane: DataPlane) -> Delivery:
        receivers = self._receivers
        mode = receivers.enforced(endpoint, world)
        if plane is DataPlane.AMBIENT and receivers.takes_hbone(endpoint):
            return Delivery(endpoint, Transport.MTLS, mode, Outcome.OK_MTLS, tunnel=True)
        wire = Transport.PLAINTEXT
        arrival = Arrival(world, wire)
        outcome, reason = receivers.outcome(self.service, self.port, endpoint, arrival)
        return Delivery(endpoint, wire, mode, outcome, reason)

    def _by_waypoint(self, endpoint: Endpoint, world: World, passage: Passage) -> Delivery:
        delivery = self._directly(endpoint, world, DataPlane.AMBIENT)
        if delivery.tunnel:
            return delivery._replace(passage=passage)
        return delivery.unknown(f"{passage} sends it on without HBONE, which is not modelled")
