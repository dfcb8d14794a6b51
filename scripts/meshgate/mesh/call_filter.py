"""Which calls NetworkPolicies let through: those of a class of clients, distinguished by label.

A packet filter stands before every proxy: what it stops fails whatever mutual TLS and
authorization say.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator

from msgspec import structs

from meshgate.mesh.blocking import Blocking
from meshgate.mesh.calls import CallClass
from meshgate.mesh.client_groups import ClientClass, ClientGroup
from meshgate.mesh.clients import MeshClients
from meshgate.mesh.cluster import PortClusters
from meshgate.mesh.delivery import Delivery
from meshgate.mesh.marked_classes import ClassPartition, ClassPartitions, Mark, Marked
from meshgate.mesh.network_policies import (
    TCP,
    Direction,
    EndKind,
    FilterRule,
    NamespacesByLabel,
    Packets,
    Party,
    Peer,
    selects,
)
from meshgate.mesh.packet_filter import Isolated, PacketFilter, PacketVerdict
from meshgate.mesh.services import Endpoint
from meshgate.mesh.terms import Outcome, Verdict, verdict
from meshgate.mesh.workloads import Workload

_SENT = frozenset({Outcome.NO_CLUSTER, Outcome.NO_ENDPOINT, Outcome.ANSWERED})
# Ends of which no rule leaves it open whether it selects them.
_CERTAIN = frozenset({EndKind.POD, EndKind.OUTSIDE})
_MAY_WORK = frozenset({Verdict.WORKS, Verdict.DEPENDS})


class _Senders:
    """A rule for what goes out, and the classes of clients that it is for."""

    def __init__(self, rule: FilterRule) -> None:
        self.rule = rule
        self.classes: list[ClientClass] = []

    @functools.cached_property
    def marked(self) -> Marked:
        """The classes, where the rule lets a call through."""
        return Marked((each, (id(self),)) for each in self.classes)

    @functools.cached_property
    def doubted(self) -> Marked:
        """The same where that is not known: it is told with the names of each one's policies."""
        return Marked((each, (id(self), id(each))) for each in self.classes)


class CallFilter:
    """What NetworkPolicies let through of every call. Cheap where there is none."""

    def __init__(self, packets: PacketFilter) -> None:
        self.packets = packets
        self._clients: MeshClients | None = None
        self._by_namespace: dict[str, list[ClientClass]] = {}
        self._namespaces = NamespacesByLabel({})
        self._by_peer: dict[Peer, Marked] = {}
        # The rules for what goes out by the namespaces of the pods that they may select; those
        # that may select others, too.
        self._rules_to: dict[str, list[_Senders]] = {}
        self._rules_to_others: list[_Senders] = []
        self._judged: dict[object, tuple[tuple[Delivery, ...], tuple[Delivery, ...]]] = {}
        self._let_in_at: dict[int, tuple[Marked, ...]] = {}
        self._isolated_at: dict[int, tuple[PortClusters, bool]] = {}
        self._partitions = ClassPartitions()
        self._let_out_to: dict[tuple[int, int], list[Marked]] = {}

    @property
    def is_empty(self) -> bool:
        """Whether no policy says anything of any call."""
        return self.packets.is_empty

    def file(self, clients: MeshClients) -> None:
        """Take in the classes of clients."""
        if self.is_empty:
            return
        self._clients = clients
        senders: dict[FilterRule, _Senders] = {}
        for each in clients.classes:
            self._by_namespace.setdefault(each.namespace, []).append(each)
            if each.sending.isolated is not Isolated.YES:
                continue
            party = self.packets.parties.of_workload(each.members[0])
            isolation = self.packets.table.isolation(Direction.EGRESS, party)
            rules = (rule for policy in isolation.certain for rule in policy.egress or ())
            for rule in dict.fromkeys(rules):
                if rule not in each.sending.anywhere and _is_for_tcp(rule):
                    senders.setdefault(rule, _Senders(rule)).classes.append(each)
        self._namespaces = NamespacesByLabel(self.packets.parties.namespaces(self._by_namespace))
        for own in senders.values():
            if any(peer.block is not None for peer in own.rule.peers):
                self._rules_to_others.append(own)
                continue
            for place in dict.fromkeys(
                place for peer in own.rule.peers for place in self._places(peer)
            ):
                self._rules_to.setdefault(place, []).append(own)

    def split(self, call: CallClass) -> Iterator[CallClass]:
        """The calls of a class in as many classes as policies tell apart."""
        if not self._may_stop_any(call):
            yield call
            return
        sent = [each for each in call.deliveries if self._may_stop(call.clients, each)]
        if not sent:
            yield call
            return
        groups: dict[tuple[object, ...], tuple[tuple[Delivery, ...], list[ClientGroup]]] = {}
        apart: list[ClientGroup] = []
        for alike in self._partition(call.clients, sent, call.port.number).alike:
            group = call.clients.within(alike.part, alike.but)
            client = next(group.members, None)
            if client is None:
                continue
            apart.append(group)
            judged = self._judged_once(call, alike.marks, client)
            key = tuple((item.outcome, item.reason, item.blocking) for item in judged)
            groups.setdefault(key, (judged, []))[1].append(group)
        rest = call.clients.without(apart)
        first = next(rest.members, None)
        if first is not None:
            judged = self._judged_once(call, (), first)
            yield structs.replace(call, clients=rest, deliveries=judged)
        for judged, alike_ones in groups.values():
            group = ClientGroup.joined(alike_ones)
            yield structs.replace(call, clients=group, deliveries=judged)

    def _judged_once(
        self, call: CallClass, marks: tuple[Mark, ...], client: Workload
    ) -> tuple[Delivery, ...]:
        """The deliveries of the clients with these marks, of whom `client` is one."""
        sent, number = call.deliveries, call.port.number
        key = id(sent), number, call.clients.sending, marks
        if key not in self._judged:
            # What was sent is stored with its answer, so that no other takes its identity.
            self._judged[key] = sent, self.filtered(sent, client, number)
        return self._judged[key][1]

    def filtered(
        self, deliveries: tuple[Delivery, ...], client: Workload | Party, number: int
    ) -> tuple[Delivery, ...]:
        """The deliveries of a client, with what policies stop; `number` is the port called."""
        if self.is_empty:
            return deliveries
        return tuple(self.judged(each, client, number) for each in deliveries)

    def judged(self, sent: Delivery, client: Workload | Party, number: int) -> Delivery:
        """One delivery with what becomes of its packets."""
        if self.is_empty:
            return sent
        if sent.alternatives:
            answers = tuple(self.judged(each, client, number) for each in sent.alternatives)
            if all(each.outcome is Outcome.BLOCKED for each in answers):
                return answers[0]
            return sent._replace(alternatives=answers)
        if sent.transport is None or sent.outcome in _SENT:
            return sent
        port = sent.wire_port(number)
        if sent.endpoint is None:
            packets = self.packets.outside(client, port)
        elif sent.passage is not None:
            packets = self.packets.by_way_of(sent.passage, client, sent.endpoint, port)
        else:
            packets = self.packets.between(client, sent.endpoint, port)
        return _with(sent, packets, port)

    def _may_stop_any(self, call: CallClass) -> bool:
        """Whether some policy may stop a call: nearly always that is one look at its servers."""
        if call.clients.sending.isolated is not Isolated.NO:
            return True
        key = id(call.clusters)
        known = self._isolated_at.get(key)
        if known is None:
            ends = (
                self.packets.parties.of_endpoint(endpoint)
                for endpoint, _ in call.clusters.all_endpoints
            )
            # The clusters are stored with their answer, so that no others take their identity.
            known = call.clusters, any(map(self.packets.isolates, ends))
            self._isolated_at[key] = known
        return known[1] or any(each.passage is not None for each in call.deliveries)

    def _may_stop(self, clients: ClientGroup, sent: Delivery) -> bool:
        """Whether some policy of either end may stop a delivery of some of these clients."""
        if clients.sending.isolated is not Isolated.NO or sent.passage is not None:
            # A waypoint may be kept from the endpoint, too.
            return True
        if sent.endpoint is None:
            return False
        return self.packets.isolates(self.packets.parties.of_endpoint(sent.endpoint))

    def _partition(
        self, clients: ClientGroup, sent: Iterable[Delivery], number: int
    ) -> ClassPartition:
        """The classes that rules may treat otherwise than all others of the group, by their marks.

        Those with the same marks are treated alike.
        """
        marked: list[Marked] = []
        isolated = clients.sending.isolated
        for each in sent:
            for delivery in (each, *each.alternatives):
                party = self.packets.somewhere
                if delivery.endpoint is not None:
                    party = self.packets.parties.of_endpoint(delivery.endpoint)
                    if delivery.passage is not None:
                        party = self.packets.waypoint(delivery.passage)
                    marked += self._let_in(delivery.endpoint, party)
                if isolated is Isolated.YES and party.kind in _CERTAIN:
                    marked += self._let_out(party, delivery.wire_port(number))
                elif isolated is not Isolated.NO:
                    marked.append(Marked((own, (id(own),)) for own in clients.classes))
        if isolated is Isolated.APART:
            return self._partitions.partition(marked)
        return self._partitions.of(marked)

    def _let_in(self, endpoint: Endpoint, party: Party) -> tuple[Marked, ...]:
        """The classes that some rule for what comes in may select, and the server itself."""
        let_in = self._let_in_at.get(id(party))
        if let_in is None:
            isolation = self.packets.table.isolation(Direction.INGRESS, party)
            rules = (rule for policy in isolation.all for rule in policy.ingress or ())
            let_in = tuple(
                self._selected(peer)
                for peer in dict.fromkeys(peer for rule in rules for peer in rule.peers)
                if peer.block is None and not peer.is_every_pod
            )
            if endpoint.workload is not None and party.is_alone and self._clients is not None:
                own = self._clients.class_of(endpoint.workload)
                if own is not None:
                    let_in = (*let_in, Marked([(own, (id(own),))]))
            self._let_in_at[id(party)] = let_in
        return let_in

    def _let_out(self, party: Party, port: int) -> list[Marked]:
        """The classes of which some rule may let calls out to a port of an end."""
        key = id(party), port
        let_out = self._let_out_to.get(key)
        if let_out is None:
            let_out = self._let_out_to[key] = []
            packets = Packets(port)
            for own in (*self._rules_to_others, *self._rules_to.get(party.namespace, ())):
                ends = self.packets.parties.of_workload(own.classes[0].members[0]), party
                passes = self.packets.table.rule_passes(Direction.EGRESS, own.rule, ends, packets)
                if passes is not False:
                    let_out.append(own.doubted if passes is None else own.marked)
        return let_out

    def _places(self, peer: Peer) -> tuple[str, ...]:
        """The namespaces that a peer selects, or may select."""
        if peer.namespaces is None:
            return (peer.namespace,)
        return self._namespaces.selected(peer.namespaces)

    def _selected(self, peer: Peer) -> Marked:
        """The classes that a peer selects, or may select."""
        selected = self._by_peer.get(peer)
        if selected is None:
            selected = self._by_peer[peer] = Marked(self._marked(peer))
        return selected

    def _marked(self, peer: Peer) -> Iterator[tuple[ClientClass, Mark]]:
        for place in self._places(peer):
            for each in self._by_namespace.get(place, ()):
                party = self.packets.parties.of_workload(each.members[0])
                selected = selects(peer, party)
                if selected is not False:
                    yield each, (id(peer), selected)


def _is_for_tcp(rule: FilterRule) -> bool:
    """Whether a rule lets through any call at all: calls are TCP."""
    return not rule.ports or any(port.protocol == TCP for port in rule.ports)


def _with(sent: Delivery, packets: PacketVerdict, port: int) -> Delivery:
    """A delivery with what becomes of its packets."""
    if packets.passes is True:
        return sent
    on_wire = sent.by_transport
    if packets.passes is False:
        blocking = Blocking(packets.stopping, port, packets.policies, on_wire)
        return sent._replace(
            outcome=Outcome.BLOCKED, reason="", on_wire=None, admission=None, blocking=blocking
        )
    if verdict(on_wire, sent.transport) not in _MAY_WORK:
        # What fails anyway still fails.
        return sent
    reason = "; ".join(filter(None, (packets.doubt, sent.reason)))
    return sent._replace(outcome=Outcome.UNKNOWN, reason=reason, on_wire=on_wire)
