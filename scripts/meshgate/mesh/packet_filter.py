"""The NetworkPolicies of a mesh, asked about its workloads."""

from __future__ import annotations

import enum
import functools
from collections.abc import Hashable, Iterable

from msgspec import Struct, structs

from meshgate.mesh import selectors
from meshgate.mesh.address_families import address_families
from meshgate.mesh.catalog import Catalog, namespace_of
from meshgate.mesh.coverage import GATEWAY_API as GATEWAY_GROUP
from meshgate.mesh.covers import End
from meshgate.mesh.network_policies import (
    Direction,
    EndKind,
    FilterAnswer,
    FilterRule,
    LabelPattern,
    NetworkPolicy,
    OpenLabels,
    Packets,
    Parties,
    Party,
    Peer,
    PolicyTable,
    network_policies,
)
from meshgate.mesh.services import Endpoint
from meshgate.mesh.undecided import Undecided
from meshgate.mesh.waypoints import Passage
from meshgate.mesh.workloads import GATEWAY_API, Workload
from meshgate.model import MeshFacts, Resource

# What istiod writes to the pods of a waypoint, beside the labels of the Gateway (waypoint.yaml).
_OF_WAYPOINTS = {
    "gateway.istio.io/managed": "istio.io-mesh-controller",
    "istio.io/dataplane-mode": "none",
    "sidecar.istio.io/inject": "false",
}
_ENDS = {Direction.EGRESS: End.CLIENT, Direction.INGRESS: End.SERVER}


class Isolated(enum.Enum):
    """How NetworkPolicies treat what clients send."""

    # No policy isolates them: what they send passes.
    NO = "no"
    # Only what some rule lets through passes.
    YES = "yes"
    # Asked one by one: files leave something open.
    APART = "apart"


class Sending(Struct, frozen=True):
    """What NetworkPolicies make of what clients send.

    anywhere  the rules that let packets out to every pod of the cluster, on their ports
    """

    isolated: Isolated = Isolated.NO
    anywhere: frozenset[FilterRule] = frozenset()


UNFILTERED = Sending()


class PacketVerdict(Struct, frozen=True):
    """Whether a connection passes at both ends; `passes` None: `doubt` says why not known."""

    passes: bool | None
    ends: tuple[tuple[Direction, FilterAnswer], ...] = ()
    doubt: str = ""

    @property
    def stopping(self) -> tuple[Direction, ...]:
        """Where it is stopped."""
        directions = (direction for direction, answer in self.ends if answer.passes is False)
        return tuple(dict.fromkeys(directions))

    @property
    def policies(self) -> tuple[tuple[Direction, NetworkPolicy], ...]:
        """The policies of the ends where it is stopped."""
        return tuple(
            (direction, policy)
            for direction, answer in self.ends
            if answer.passes is False
            for policy in answer.policies
        )


PASSES = PacketVerdict(passes=True)


class PacketFilter:
    """What the NetworkPolicies of a mesh let through. Cheap where there is none."""

    def __init__(
        self,
        catalog: Catalog,
        facts: MeshFacts,
        undecided: Undecided,
        workloads: Iterable[Workload],
    ) -> None:
        self.parties = Parties(catalog, facts.cluster_domain)
        self._undecided = undecided
        policies = tuple(network_policies(catalog))
        is_enforced = facts.network_policies == "enforced"
        # Policies that the cluster's network plugin is declared to ignore.
        self.ignored = () if is_enforced else policies
        self.table = PolicyTable(policies if is_enforced else (), address_families(catalog))
        # The pods of gateways by namespace and the Gateway's name.
        self._gateways = {
            (each.namespace, each.labels[GATEWAY_API]): each
            for each in workloads
            if GATEWAY_API in each.labels
        }
        self._waypoint_labels = {
            (namespace_of(each), each.name): {
                **selectors.labels(each.labels),
                **_infrastructure_labels(each),
                **_OF_WAYPOINTS,
            }
            for each in catalog.of_group(GATEWAY_GROUP, "Gateway")
        }
        self._waypoints: dict[tuple[str, str], Party] = {}
        self._selectors: dict[str, tuple[LabelPattern, ...]] = {}

    @property
    def is_empty(self) -> bool:
        """Whether no policy says anything of any call."""
        return not self.table.policies

    @property
    def policies(self) -> tuple[NetworkPolicy, ...]:
        """The policies that are enforced."""
        return self.table.policies

    def client_key(self, workload: Workload) -> Hashable:
        """Equal for workloads of a namespace whose calls no policy tells apart."""
        if self.is_empty:
            return ()
        party = self.parties.of_workload(workload)
        egress = self.table.isolation(Direction.EGRESS, party)
        ingress = self.table.isolation(Direction.INGRESS, party)
        return (
            tuple(map(id, egress.certain)),
            tuple(map(id, egress.possible)),
            party.kind,
            # A pod never loses the way to itself.
            id(workload) if party.is_alone and (egress or ingress) else 0,
            self._undecided.packet_filter(workload, End.CLIENT) is not None,
            tuple(selector.selects(party.labels) for selector in self._peers_in(party)),
        )

    def sending(self, workload: Workload) -> Sending:
        """What policies make of what a client sends."""
        if self.is_empty:
            return UNFILTERED
        party = self.parties.of_workload(workload)
        isolation = self.table.isolation(Direction.EGRESS, party)
        is_open = isolation.possible or self._undecided.packet_filter(workload, End.CLIENT)
        if party.kind is not EndKind.POD or (isolation and is_open):
            return Sending(Isolated.APART)
        if not isolation:
            return UNFILTERED
        rules = (rule for policy in isolation.certain for rule in policy.egress or ())
        return Sending(Isolated.YES, frozenset(rule for rule in rules if rule.is_for_every_pod))

    def between(self, client: Workload | Party, endpoint: Endpoint, port: int) -> PacketVerdict:
        """Whether a client's connection to a port of an endpoint passes."""
        if endpoint.address is not None and endpoint.address.startswith("unix:"):
            return PASSES
        return self.of_parties(client, self.parties.of_endpoint(endpoint), port, endpoint.workload)

    def by_way_of(
        self, passage: Passage, client: Workload | Party, endpoint: Endpoint, port: int
    ) -> PacketVerdict:
        """Whether the connections to a waypoint, and from it to an endpoint, pass."""
        pods = self._gateways.get((passage.namespace, passage.name))
        hops = (
            self.of_parties(client, self.waypoint(passage), port, pods),
            self.between(pods or self.waypoint(passage), endpoint, port),
        )
        ends = tuple(end for hop in hops for end in hop.ends)
        doubt = "; ".join(filter(None, (hop.doubt for hop in hops)))
        if any(hop.passes is False for hop in hops):
            return PacketVerdict(False, ends)
        return PacketVerdict(None if doubt else True, ends, doubt)

    def waypoint(self, passage: Passage) -> Party:
        """The pods of a waypoint: where the inventory has none, those that istiod makes for it."""
        key = passage.namespace, passage.name
        if key in self._gateways:
            return self.parties.of_workload(self._gateways[key])
        if key not in self._waypoints:
            labels = {**self._waypoint_labels.get(key, {}), GATEWAY_API: passage.name}
            self._waypoints[key] = self.parties.pod(str(passage), passage.namespace, labels)
        return self._waypoints[key]

    def of_parties(
        self, client: Workload | Party, target: Party, port: int, server: Workload | None = None
    ) -> PacketVerdict:
        """The same of any other end; `server` is the workload there."""
        caller = client if isinstance(client, Workload) else None
        source = self.parties.of_workload(client) if isinstance(client, Workload) else client
        packets = Packets(port)
        ends = []
        doubts = []
        for direction, subject, other, workload in (
            (Direction.EGRESS, source, target, caller),
            (Direction.INGRESS, target, source, server),
        ):
            answer = self.table.passage(direction, subject, other, packets)
            ends.append((direction, answer))
            if answer.passes is None:
                doubts.append(answer.doubt)
            elif answer.passes is False and workload is not None:
                # Policies of another kind are asked before, or besides, and may let it through.
                cover = self._undecided.packet_filter(workload, _ENDS[direction])
                if cover is not None:
                    ends[-1] = direction, FilterAnswer(None, answer.policies, cover.reason)
                    doubts.append(cover.reason)
        verdict = PacketVerdict(passes=True, ends=tuple(ends))
        if verdict.stopping:
            return structs.replace(verdict, passes=False)
        return structs.replace(verdict, passes=None, doubt="; ".join(doubts)) if doubts else verdict

    def from_anybody(self, workload: Workload, port: int) -> PacketVerdict:
        """Whether a connection of a client passes of which nothing is known."""
        if self.is_empty:
            return PASSES
        target = self.parties.of_workload(workload)
        return self.of_parties(self.anybody, target, port, workload)

    def outside(self, client: Workload | Party, port: int) -> PacketVerdict:
        """Whether a client's connection to an address outside the cluster passes."""
        return self.of_parties(client, self.somewhere, port)

    @functools.cached_property
    def somewhere(self) -> Party:
        """An address outside the cluster that files do not tell."""
        return self.parties.unknown("", EndKind.OUTSIDE)

    @functools.cached_property
    def anybody(self) -> Party:
        """A client of which nothing is known: a pod, or an address outside the cluster."""
        return self.parties.unknown("", EndKind.ANY)

    def is_doubted(self, client: Workload) -> bool:
        """Whether policies of another kind may let out what is dropped here."""
        return self._undecided.packet_filter(client, End.CLIENT) is not None

    def isolates(self, party: Party) -> bool:
        """Whether some policy isolates an end for what comes in."""
        return bool(self.table.isolation(Direction.INGRESS, party))

    def _peers_in(self, party: Party) -> tuple[LabelPattern, ...]:
        """The selectors of pods that rules for what comes in apply to a namespace."""
        patterns = self._selectors.get(party.namespace)
        if patterns is None:
            patterns = tuple(self._selecting_in(party.namespace, party.namespace_labels))
            self._selectors[party.namespace] = patterns
        return patterns

    def _selecting_in(self, namespace: str, labels: OpenLabels) -> Iterable[LabelPattern]:
        patterns: dict[LabelPattern, None] = {}
        for peer in self._selecting_pods:
            if peer.pods in patterns:
                continue
            if peer.namespaces is None:
                is_meant: bool | None = peer.namespace == namespace
            else:
                is_meant = peer.namespaces.selects(labels)
            if is_meant is not False:
                patterns[peer.pods] = None
        return patterns

    @functools.cached_property
    def _selecting_pods(self) -> tuple[Peer, ...]:
        """What rules for what comes in say of pods by their labels, each once."""
        peers = (
            peer
            for policy in self.table.policies
            for rule in policy.ingress or ()
            for peer in rule.peers
        )
        return tuple(
            dict.fromkeys(each for each in peers if each.block is None and not each.pods.is_empty)
        )


def _infrastructure_labels(gateway: Resource) -> selectors.Labels:
    """The labels that a Gateway asks for on what is made for it."""
    infrastructure = gateway.spec.get("infrastructure")
    return (
        selectors.labels(infrastructure.get("labels")) if isinstance(infrastructure, dict) else {}
    )
