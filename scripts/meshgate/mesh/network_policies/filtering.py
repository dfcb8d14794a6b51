"""Which connections the NetworkPolicies of a cluster let through."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from meshgate.mesh.network_policies.addresses import AddressSet, ordinary, union
from meshgate.mesh.network_policies.label_selectors import any_of
from meshgate.mesh.network_policies.parties import EndKind, Party
from meshgate.mesh.network_policies.policies import (
    Direction,
    FilterRule,
    NetworkPolicy,
    Peer,
    PortRule,
)

TCP = "TCP"


class Isolation(Struct, frozen=True):
    """The policies that isolate a pod in one direction.

    possible  those that may select it or not, since files do not tell its labels
    """

    certain: tuple[NetworkPolicy, ...] = ()
    possible: tuple[NetworkPolicy, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.certain or self.possible)

    @property
    def all(self) -> tuple[NetworkPolicy, ...]:
        """Both."""
        return (*self.certain, *self.possible)


class Packets(Struct, frozen=True):
    """A connection to a port of a pod, as it is on the wire."""

    port: int
    protocol: str = TCP


class FilterAnswer(Struct, frozen=True):
    """Whether a connection passes the policies of one end.

    passes    None: `doubt` says what that hangs on
    policies  those that isolate the end
    """

    passes: bool | None
    policies: tuple[NetworkPolicy, ...] = ()
    doubt: str = ""


OPEN = FilterAnswer(passes=True)


class PolicyTable:
    """The NetworkPolicies of one cluster, asked about pairs of pods.

    A pod that no policy selects is open; else it takes what any of the policies that select it
    lets through. What goes out of one pod and what comes into the other must both pass.
    `families`: the address families (4, 6) that its pods may have.
    """

    def __init__(self, policies: Iterable[NetworkPolicy], families: Sequence[int] = (4,)) -> None:
        self.policies = tuple(policies)
        self._universe = union(map(ordinary, families))
        self._by_namespace: dict[str, _Index] = {}
        for policy in self.policies:
            self._by_namespace.setdefault(policy.namespace, _Index()).add(policy)
        # By identity: the party is stored with the answer, so that no other takes its identity.
        self._isolations: dict[tuple[int, Direction], tuple[Party, Isolation]] = {}

    def isolation(self, direction: Direction, subject: Party) -> Isolation:
        """The policies that isolate an end in a direction."""
        if subject.kind is EndKind.OUTSIDE:
            return Isolation()
        key = id(subject), direction
        cached = self._isolations.get(key)
        if cached is None:
            isolation = self._isolation(direction, subject)
            cached = self._isolations[key] = subject, isolation
        return cached[1]

    def passage(
        self, direction: Direction, subject: Party, other: Party, packets: Packets
    ) -> FilterAnswer:
        """Whether a connection passes what isolates `subject`; `other` is the other end.

        A pod never loses the way to itself, nor that of its node.
        """
        isolation = self.isolation(direction, subject)
        if not isolation or (subject is other and subject.is_alone):
            return OPEN
        policies = isolation.all
        passes, doubt = self._passes(isolation, direction, (subject, other), packets)
        if passes is True:
            return FilterAnswer(True, policies)
        if EndKind.HOST in {subject.kind, other.kind}:
            whose = subject if subject.kind is EndKind.HOST else other
            doubt = (
                f"{_names(policies)} may stop it or not: {whose.name} is in the network of its "
                "node, which Kubernetes leaves to the network plugin"
            )
            passes = None
        return FilterAnswer(passes, policies, doubt if passes is None else "")

    def rule_passes(
        self, direction: Direction, rule: FilterRule, ends: tuple[Party, Party], packets: Packets
    ) -> bool | None:
        """Whether one rule alone lets a connection of a subject and its other end through."""
        return _Union(self._universe).of([rule], direction, ends, packets)[0]

    def _isolation(self, direction: Direction, subject: Party) -> Isolation:
        certain, possible = [], []
        places = [subject.namespace] if subject.namespace else list(self._by_namespace)
        is_pod = subject.kind is not EndKind.ANY
        for place in places:
            index = self._by_namespace.get(place)
            for policy in index.candidates(subject) if index is not None else ():
                if policy.rules(direction) is None:
                    continue
                selects = policy.pods.selects(subject.labels)
                if selects and is_pod and subject.namespace:
                    certain.append(policy)
                elif selects is not False:
                    possible.append(policy)
        return Isolation(tuple(certain), tuple(possible))

    def _passes(
        self,
        isolation: Isolation,
        direction: Direction,
        ends: tuple[Party, Party],
        packets: Packets,
    ) -> tuple[bool | None, str]:
        """Whether it passes whichever of the possible policies select the subject."""
        table = _Union(self._universe)
        certain = _rules(isolation.certain, direction)
        if isolation.certain:
            passes, doubt = table.of(certain, direction, ends, packets)
            if passes is not False or not isolation.possible:
                return passes, f"{_names(isolation.certain)}: {doubt}"
            least: bool | None = False
            most = table.of(_rules(isolation.all, direction), direction, ends, packets)[0]
        else:
            # None of them may select it, and then it is open.
            least = True
            for policy in isolation.possible:
                alone = table.of(_rules([policy], direction), direction, ends, packets)[0]
                least = least and alone
            most = True
        if least is True or most is False:
            return least, ""
        who = ends[0].name or "the pod there"
        return None, f"files do not tell whether {_names(isolation.possible)} selects {who}"


class _Index:
    """The policies of a namespace by one label that the pods they select must have."""

    def __init__(self) -> None:
        self._plain: list[NetworkPolicy] = []
        self._by_pair: dict[tuple[str, str], list[NetworkPolicy]] = {}
        self._by_key: dict[str, set[tuple[str, str]]] = {}

    def add(self, policy: NetworkPolicy) -> None:
        """File a policy."""
        if policy.pods.pairs:
            pair = policy.pods.pairs[0]
            self._by_pair.setdefault(pair, []).append(policy)
            self._by_key.setdefault(pair[0], set()).add(pair)
        else:
            self._plain.append(policy)

    def candidates(self, subject: Party) -> Iterator[NetworkPolicy]:
        """The policies that may select a pod."""
        yield from self._plain
        for pair in subject.labels.labels.items():
            yield from self._by_pair.get(pair, ())
        for key, pairs in self._by_key.items():
            if subject.labels.is_unknown(key):
                for pair in pairs:
                    yield from self._by_pair[pair]


class _Union:
    """What several rules let through together: the addresses of their blocks add up."""

    def __init__(self, universe: AddressSet) -> None:
        self._universe = universe

    def of(
        self,
        rules: Iterable[FilterRule],
        direction: Direction,
        ends: tuple[Party, Party],
        packets: Packets,
    ) -> tuple[bool | None, str]:
        """Whether some rule lets a connection through, and what that hangs on."""
        subject, other = ends
        target = subject if direction is Direction.INGRESS else other
        passes: bool | None = False
        doubt = ""
        blocks: list[Peer] = []
        for rule in rules:
            through = ports_match(rule.ports, target, packets)
            if through is False:
                continue
            selected = self._selected(rule, other)
            if through and other.address is None:
                blocks += (peer for peer in rule.peers if peer.block is not None)
            elif selected is False and other.address is None and self._may_hold(rule):
                selected = None
            if through and selected:
                return True, ""
            if selected is not False:
                passes = None
                doubt = doubt or _doubt(rule, other, _name(other, direction), through)
        covered = union(peer.block for peer in blocks if peer.block is not None)
        if blocks and not self._universe.without(covered):
            return True, ""
        if blocks and covered.within(self._universe):
            names = " and ".join(dict.fromkeys(peer.text for peer in blocks))
            who = _name(other, direction)
            return None, doubt or f"files do not tell whether the address of {who} is in {names}"
        return passes, doubt

    def _selected(self, rule: FilterRule, other: Party) -> bool | None:
        """Whether the peers of a rule select an end; an address that is not known: in no block."""
        if not rule.peers:
            return True
        return any_of(
            selects(peer, other)
            if peer.block is None
            else other.address is not None and peer.block.has(other.address)
            for peer in rule.peers
        )

    def _may_hold(self, rule: FilterRule) -> bool:
        """Whether an address that is not known may be in a block of a rule."""
        return any(
            peer.block is not None and peer.block.within(self._universe) for peer in rule.peers
        )


def selects(peer: Peer, other: Party) -> bool | None:
    """Whether a peer that is no block selects an end."""
    if other.kind is EndKind.OUTSIDE:
        return False
    if peer.namespaces is None:
        is_here: bool | None = peer.namespace == other.namespace
        if not other.namespace:
            is_here = None
    else:
        is_here = peer.namespaces.selects(other.namespace_labels)
    if is_here is False:
        return False
    chosen = peer.pods.selects(other.labels)
    if chosen is False:
        return False
    # A plugin may take pods of the node's network for what their labels say, or for the node.
    is_certain = is_here and chosen and other.kind is EndKind.POD
    return True if is_certain else None


def ports_match(ports: Sequence[PortRule], target: Party, packets: Packets) -> bool | None:
    """Whether rules of ports let a connection to a pod through; none: they let everything."""
    return True if not ports else any_of(_port_matches(rule, target, packets) for rule in ports)


def _port_matches(rule: PortRule, target: Party, packets: Packets) -> bool | None:
    if rule.protocol != packets.protocol:
        return False
    if not rule.name:
        return rule.first <= packets.port <= rule.last
    if target.kind is EndKind.OUTSIDE:
        return False
    if target.ports is None:
        return None
    return any(
        (each.name, each.protocol, each.number) == (rule.name, rule.protocol, packets.port)
        for each in target.ports
    )


def _name(other: Party, direction: Direction) -> str:
    """The other end: clients of one class are described alike."""
    return "the client" if direction is Direction.INGRESS else other.name or "the other end"


def _doubt(rule: FilterRule, other: Party, name: str, through: bool | None) -> str:
    """What an answer hangs on."""
    if through is None:
        names = ", ".join(each.name for each in rule.ports if each.name)
        return f"files do not tell which port of the server is named {names}"
    if other.namespace_labels.is_open and other.namespace:
        return f"no Namespace object tells the labels of namespace {other.namespace}"
    if other.labels.is_open:
        return "files do not tell which pod stands at the other end"
    return f"files do not tell all labels of {name}"


def _rules(policies: Iterable[NetworkPolicy], direction: Direction) -> list[FilterRule]:
    return [rule for policy in policies for rule in policy.rules(direction) or ()]


def _names(policies: Iterable[NetworkPolicy]) -> str:
    return ", ".join(map(str, policies))
