"""Which calls NetworkPolicies let through: those of a class of clients, told apart by label.

A packet filter stands before every proxy: what it stops fails whatever mutual TLS and
authorization say.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from meshgate.mesh.blocking import Blocking
from meshgate.mesh.calls import CallClass
from meshgate.mesh.clients import ClientClass, ClientGroup, MeshClients
from meshgate.mesh.cluster import Delivery
from meshgate.mesh.network_policies import (
    Direction,
    FilterRule,
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
_MAY_WORK = frozenset({Verdict.WORKS, Verdict.DEPENDS})


class CallFilter:
    """What NetworkPolicies let through of every call. Cheap where there is none."""

    def __init__(self, packets: PacketFilter) -> None:
        self.packets = packets
        self._clients: MeshClients | None = None
        self._by_namespace: dict[str, list[ClientClass]] = {}
        self._by_peer: dict[Peer, list[ClientClass]] = {}
        # The classes whose rules for what goes out hold a rule, by the namespaces it may mean.
        self._senders: dict[FilterRule, list[ClientClass]] = {}
        self._rules_to: dict[str, list[FilterRule]] = {}
        self._rules_to_all: list[FilterRule] = []

    @property
    def is_empty(self) -> bool:
        """Whether no policy says anything of any call."""
        return self.packets.is_empty

    def file(self, clients: MeshClients) -> None:
        """Take in the classes of clients."""
        if self.is_empty:
            return
        self._clients = clients
        for each in clients.classes:
            self._by_namespace.setdefault(each.namespace, []).append(each)
            if each.isolated is Isolated.YES:
                party = self.packets.parties.of_workload(each.members[0])
                isolation = self.packets.table.isolation(Direction.EGRESS, party)
                for policy in isolation.certain:
                    for rule in dict.fromkeys(policy.egress or ()):
                        self._senders.setdefault(rule, []).append(each)
        for rule in self._senders:
            namespaces = {peer.namespace for peer in rule.peers}
            if not rule.peers or "" in namespaces:
                self._rules_to_all.append(rule)
                continue
            for namespace in namespaces:
                self._rules_to.setdefault(namespace, []).append(rule)

    def split(self, call: CallClass) -> Iterator[CallClass]:
        """The calls of a class in as many classes as policies tell apart."""
        sent = [each for each in call.deliveries if self._may_stop(call.clients, each)]
        if not sent:
            yield call
            return
        told_apart = self._told_apart(call.clients, sent, call.port.number)
        apart = [each for each in told_apart if call.clients.has(each)]
        rest = call.clients.leaving_out(apart)
        groups: dict[tuple[object, ...], tuple[tuple[Delivery, ...], list[ClientClass]]] = {}
        for each in apart:
            told = self.filtered(call.deliveries, each.members[0], call.port.number)
            key = tuple((item.outcome, item.reason, item.blocking) for item in told)
            groups.setdefault(key, (told, []))[1].append(each)
        first = next(rest.members, None)
        if first is not None:
            told = self.filtered(call.deliveries, first, call.port.number)
            yield dataclasses.replace(call, clients=rest, deliveries=told)
        for told, classes in groups.values():
            group = ClientGroup(call.clients.plane, classes)
            yield dataclasses.replace(call, clients=group, deliveries=told)

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
            found = self.packets.outside(client, port)
        elif sent.passage is not None:
            found = self.packets.by_way_of(sent.passage, client, sent.endpoint, port)
        else:
            found = self.packets.between(client, sent.endpoint, port)
        return _with(sent, found, port)

    def _may_stop(self, clients: ClientGroup, sent: Delivery) -> bool:
        """Whether some policy of either end may stop a delivery of some of these clients."""
        if clients.isolated is not Isolated.NO:
            return True
        if sent.endpoint is None:
            return False
        packets = self.packets
        if sent.passage is not None:
            # A waypoint may be kept from the endpoint, too.
            return True
        return packets.isolates(packets.parties.of_endpoint(sent.endpoint))

    def _told_apart(
        self, clients: ClientGroup, sent: Iterable[Delivery], number: int
    ) -> Iterable[ClientClass]:
        """The classes that rules may treat otherwise than all others of the group."""
        if clients.profile is None or clients.isolated is Isolated.APART:
            return list(clients.classes)
        found: dict[int, ClientClass] = {}
        for each in sent:
            for delivery in (each, *each.alternatives):
                if delivery.endpoint is None:
                    party = self.packets.somewhere
                else:
                    party = self.packets.parties.of_endpoint(delivery.endpoint)
                    if delivery.passage is not None:
                        party = self.packets.waypoint(delivery.passage)
                    found.update((id(own), own) for own in self._let_in(delivery.endpoint, party))
                if clients.isolated is Isolated.YES:
                    port = delivery.wire_port(number)
                    found.update((id(own), own) for own in self._let_out(party, port))
        return found.values()

    def _let_in(self, endpoint: Endpoint, party: Party) -> Iterator[ClientClass]:
        """The classes that some rule for what comes in may select, and the server itself."""
        isolation = self.packets.table.isolation(Direction.INGRESS, party)
        for policy in isolation.all:
            for rule in policy.ingress or ():
                for peer in rule.peers:
                    if peer.block is None and not peer.is_every_pod:
                        yield from self._selected(peer)
        if endpoint.workload is not None and party.is_alone and self._clients is not None:
            own = self._clients.class_of(endpoint.workload)
            if own is not None:
                yield own

    def _let_out(self, party: Party, port: int) -> Iterator[ClientClass]:
        """The classes of which some rule may let calls out to a port of an endpoint."""
        rules = [*self._rules_to_all, *self._rules_to.get(party.namespace, ())]
        if not party.namespace:
            rules = list(self._senders)
        for rule in rules:
            sender = self.packets.parties.of_workload(self._senders[rule][0].members[0])
            ends = sender, party
            passes = self.packets.table.rule_passes(Direction.EGRESS, rule, ends, Packets(port))
            if passes is not False:
                yield from self._senders[rule]

    def _selected(self, peer: Peer) -> list[ClientClass]:
        """The classes that a peer selects, or may select."""
        found = self._by_peer.get(peer)
        if found is None:
            places = [peer.namespace] if peer.namespaces is None else list(self._by_namespace)
            found = self._by_peer[peer] = [
                each
                for place in places
                for each in self._by_namespace.get(place, ())
                if selects(peer, self.packets.parties.of_workload(each.members[0])) is not False
            ]
        return found


def _with(sent: Delivery, found: PacketVerdict, port: int) -> Delivery:
    """A delivery with what becomes of its packets."""
    if found.passes is True:
        return sent
    on_wire = sent.by_transport
    if found.passes is False:
        blocking = Blocking(found.stopping, port, found.policies, on_wire)
        return sent._replace(
            outcome=Outcome.BLOCKED, reason="", on_wire=None, admission=None, blocking=blocking
        )
    if verdict(on_wire, sent.transport) not in _MAY_WORK:
        # What fails anyway still fails.
        return sent
    reason = "; ".join(filter(None, (found.doubt, sent.reason)))
    return sent._replace(outcome=Outcome.UNKNOWN, reason=reason, on_wire=on_wire)
