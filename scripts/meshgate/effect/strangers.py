"""What a change lets in, or denies, of clients that no inventory has.

Policies of authorization hold for everybody who reaches a port: for whoever proves no identity, for
any other workload of the mesh, and for identities that policies name though nothing known runs
under them. Each of these is compared at every port of every workload whose policies change, also
where no Service leads there. That no request of anybody is treated otherwise is proven so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct, structs

from meshgate.effect.access import AccessDifference
from meshgate.effect.calls import SentCall, place, state
from meshgate.effect.changes import ANY_PORT, CallChange, EndpointName, UndecidedPolicy
from meshgate.effect.clients import Stranger
from meshgate.effect.connections import differences_of, paired
from meshgate.effect.verdicts import Change
from meshgate.mesh import (
    Delivery,
    Endpoint,
    Mesh,
    Outcome,
    Transport,
    Verdict,
    Workload,
    verdict,
)
from meshgate.mesh.authorization import Chain
from meshgate.mesh.authorization.matchers import PortMatcher
from meshgate.mesh.authorization.rule_sets import RuleSet
from meshgate.mesh.authorization.strangers import (
    TooManyIdentitiesError,
    content,
    examples,
    holds,
    identity_entries,
    rules_of,
)
from meshgate.mesh.authorization.terms import ProxyRule
from meshgate.mesh.waypoints import Passage
from meshgate.model import Resource, ResourceRef

ANYBODY = "anybody who proves no identity"
OTHERS = "any other workload of the mesh"


class Port(Struct, frozen=True):
    """A port of a workload that both meshes have, and the service port by which it is named.

    `number` ANY_PORT: every port that no file names.
    """

    was: Workload
    will: Workload
    number: int
    host: str
    port: int


def stranger_changes(
    before: Mesh, after: Mesh, changed: Sequence[Resource], known: Iterable[CallChange]
) -> Iterator[CallChange | UndecidedPolicy]:
    """Who else gets in now, or does not any more; `known` are the changes of clients' calls.

    `changed` are the policies of authorization that are not what they were.
    """
    if before.authorization.is_empty and after.authorization.is_empty:
        return
    comparison = _Comparison(before, after, changed, known)
    served = {
        (id(end.workload), end.port): (service.host, number)
        for service in reversed(after.services)
        for number, ends in service.endpoints.items()
        for end in ends
        if end.workload is not None
    }
    was = {(each.namespace, each.name, each.kind): each for each in before.workloads}
    for will in after.workloads:
        old = was.get((will.namespace, will.name, will.kind))
        if old is None:
            continue
        seen: set[object] = set()
        for number in comparison.numbers(old, will):
            where = served.get((id(will), number), (str(will), number))
            yield from comparison.at(Port(old, will, number, *where), seen)
    yield from comparison.at_waypoints()


class _Known:
    """Which clients are reported already at an endpoint."""

    def __init__(self, changes: Iterable[CallChange]) -> None:
        # By endpoint, for ANY_PORT by workload, and by service port.
        self._at: dict[object, list[CallChange]] = {}
        self._names: dict[int, tuple[frozenset[str], frozenset[str]]] = {}
        for each in changes:
            self._at.setdefault((each.host, each.port), []).append(each)
            if each.endpoint is not None:
                for end in (each.endpoint, each.endpoint._replace(port=ANY_PORT)):
                    self._at.setdefault(end, []).append(each)

    def has(self, end: EndpointName | tuple[str, int], identity: str) -> bool:
        """Whether a client with this identity is; without an account, one of its namespace."""
        _, _, namespace, _, account = identity.split("/")
        for each in self._at.get(end, ()):
            if id(each) not in self._names:
                members = list(each.clients.members)
                self._names[id(each)] = (
                    frozenset(client.namespace for client in members),
                    frozenset(f"{client.namespace}/{client.service_account}" for client in members),
                )
            namespaces, accounts = self._names[id(each)]
            if f"{namespace}/{account}" in accounts or ("?" in account and namespace in namespaces):
                return True
        return False


class _Comparison:
    """Two meshes, asked port by port."""

    def __init__(
        self,
        before: Mesh,
        after: Mesh,
        changed: Sequence[Resource],
        known: Iterable[CallChange],
    ) -> None:
        self._before = before
        self._after = after
        self._changed = {each.ref: each for each in changed}
        self._is_same_mesh = before.authorization.settings == after.authorization.settings
        self._inventory = before.admissions.identities | after.admissions.identities
        self._namespaces = {identity.split("/")[2] for identity in self._inventory}
        self._identities: dict[tuple[int, int], Sequence[str]] = {}
        self._known_changes = known
        self._known: _Known | None = None

    def numbers(self, was: Workload, will: Workload) -> Iterator[int]:
        """The ports of a workload at which policies may say something else, ANY_PORT last."""
        declared = {*self._before.listening(was), *self._after.listening(will)}
        of_policies: set[int] = set()
        for number in (*sorted(declared), ANY_PORT):
            if self._deciding(was, will, number) is None:
                continue
            for chain in self._chains(was, will, number):
                of_policies.update(_named_ports(self._changed_rules(was, will, number, chain)))
            if number != ANY_PORT:
                yield number
        if of_policies or self._deciding(was, will, ANY_PORT) is not None:
            yield from sorted(of_policies - declared)
            yield ANY_PORT

    def at(self, port: Port, seen: set[object]) -> Iterator[CallChange | UndecidedPolicy]:
        """What changes at one port; `seen` is what was reported of its workload's other ports."""
        undecided: dict[str, None] = {}
        generic = self._after.admissions.stranger
        of_others: set[Change] = set()
        try:
            others = [each for each in self._apart(port) if each != generic]
        except TooManyIdentitiesError as error:
            others, undecided[str(error)] = [], None
        for identity in (None, generic, *others):
            for change in self._compared(port, identity):
                if change.change is Change.UNKNOWN:
                    undecided[change.reason] = None
                    continue
                key = change.change, change.requests, change.decided, change.reason
                is_named = identity is not None and identity != generic
                # Where anybody of the mesh gains or loses, that says enough; or clients tell it.
                if is_named and (
                    change.change in of_others or self._is_known(change, str(identity))
                ):
                    continue
                if identity == generic:
                    of_others.add(change.change)
                own = identity, *key
                if port.number != ANY_PORT or own not in seen:
                    seen.add(own)
                    yield change
        deciding = self._deciding(port.was, port.will, port.number)
        if undecided and deciding and (port.number != ANY_PORT or not seen):
            seen.add(None)
            where = str(place(Endpoint.of(port.will, port.number)))
            reasons = "; ".join(undecided)
            yield UndecidedPolicy(deciding[0], f"who gets in at {where} is not known: {reasons}")

    def at_waypoints(self) -> Iterator[CallChange | UndecidedPolicy]:
        """What changes for strangers at the waypoints before services, on both sides.

        Only ztunnel sends calls that way, so that whoever passes one has an identity.
        """
        old, new = self._before.passages(), self._after.passages()
        for key in old.keys() & new.keys():
            yield from self._at_waypoint(key, old[key], new[key])

    def _at_waypoint(
        self, key: tuple[str, int], was: Passage, will: Passage
    ) -> Iterator[CallChange | UndecidedPolicy]:
        rules = [
            mesh.admissions.waypoint_rules(passage)
            for mesh, passage in ((self._before, was), (self._after, will))
        ]
        generic = self._after.admissions.stranger
        identities = {generic: None}
        for chain in {**rules[0], **rules[1]}:
            sides = [each.get(chain, RuleSet()) for each in rules]
            identities |= dict.fromkeys(self._distinguishing(*sides))
        of_others: set[Change] = set()
        for identity in identities:
            pairs = paired(
                self._before.admissions.over_waypoint(was, identity),
                self._after.admissions.over_waypoint(will, identity),
            )
            for difference in differences_of(pairs, self._before, self._after):
                is_known = difference.change in of_others or self._knows(key, identity)
                if identity == generic or not is_known:
                    yield self._through(key, identity, difference)
                if identity == generic:
                    of_others.add(difference.change)

    def _through(
        self, key: tuple[str, int], identity: str, difference: AccessDifference
    ) -> CallChange:
        """A change of calls by way of a waypoint, wherever they end."""
        sent = Delivery(None, Transport.MTLS, None, Outcome.OK_MTLS, tunnel=True)
        return self._change(key, identity, (sent, sent), difference)

    def _deciding(self, was: Workload, will: Workload, number: int) -> tuple[Resource, ...] | None:
        """The policies of one port, those that change first; None: all that decides is the same."""
        old = self._before.admissions.deciding(was, number)
        new = self._after.admissions.deciding(will, number)
        if not old and not new:
            return None
        refs = [each.ref for each in old], [each.ref for each in new]
        if (
            self._is_same_mesh
            and refs[0] == refs[1]
            and not any(ref in self._changed for ref in refs[0])
            and self._place(self._before, was, number) == self._place(self._after, will, number)
        ):
            return None
        by_ref: dict[ResourceRef, Resource] = {each.ref: each for each in (*new, *old)}
        return tuple(sorted(by_ref.values(), key=lambda each: each.ref not in self._changed))

    def _chains(self, was: Workload, will: Workload, number: int) -> tuple[Chain, ...]:
        """The filter chains of both sides."""
        old = self._before.admissions.chains(was, number)
        new = self._after.admissions.chains(will, number)
        return tuple(dict.fromkeys((*old, *new)))

    def _changed_rules(
        self, was: Workload, will: Workload, number: int, chain: Chain
    ) -> list[ProxyRule]:
        """The rules that only one side has."""
        sides = [
            {content(rule): rule for rule in rules_of(mesh.admissions.rules(each, number, chain))}
            for mesh, each in ((self._before, was), (self._after, will))
        ]
        return [{**sides[0], **sides[1]}[key] for key in sides[0].keys() ^ sides[1].keys()]

    @staticmethod
    def _place(mesh: Mesh, workload: Workload, number: int) -> object:
        """What else decides what policies say."""
        return mesh.admissions.chains(workload, number), workload.plane, workload.captures(number)

    def _apart(self, port: Port) -> Iterator[str]:
        """The identities that what changes may treat otherwise than others."""
        for chain in self._chains(port.was, port.will, port.number):
            old = self._before.admissions.rules(port.was, port.number, chain)
            new = self._after.admissions.rules(port.will, port.number, chain)
            key = id(old), id(new)
            if key not in self._identities:
                self._identities[key] = self._distinguishing(old, new)
            yield from self._identities[key]

    def _distinguishing(self, old: RuleSet, new: RuleSet) -> Sequence[str]:
        """One identity for each way in which the rules of both sides may treat one."""
        rules = {content(rule): rule for rule in (*rules_of(old), *rules_of(new))}
        both = [{content(rule) for rule in rules_of(each)} for each in (old, new)]
        changed = [
            entry for key in both[0] ^ both[1] for entry in identity_entries(rules[key]) if entry
        ]
        is_whole_change = old.is_closed is not new.is_closed
        entries = [entry for rule in rules.values() for entry in identity_entries(rule) if entry]
        identities = {
            identity: None
            for domains in (self._before.authorization.domains, self._after.authorization.domains)
            for identity in examples(rules.values(), domains)
            if is_whole_change or any(holds(entry, identity) for entry in changed)
        }
        by_signature: dict[tuple[object, ...], str] = {}
        for identity in identities:
            signature = tuple(holds(entry, identity) for entry in entries)
            # Clients of the inventory are reported one by one, so each of them is asked.
            own = identity if identity in self._inventory else ""
            # Of a namespace with clients these tell it, of another one nobody else does.
            is_inhabited = identity.split("/")[2] in self._namespaces
            by_signature.setdefault((own, is_inhabited, *signature), identity)
        return tuple(by_signature.values())

    def _compared(self, port: Port, identity: str | None) -> Iterator[CallChange]:
        """What changes for one identity at a port."""
        was = self._before.met_by(port.was, port.number, identity)
        will = self._after.met_by(port.will, port.number, identity)
        both = [_wire(each) for each in (was, will)]
        # What TLS refuses is reported by ports that get stronger or weaker.
        if Verdict.BROKEN in both:
            return
        unknown = [each.reason for each in (was, will) if _wire(each) is Verdict.UNKNOWN]
        reason = unknown[0] if unknown else ""
        pairs = paired(
            self._before.admissions.over(was, identity), self._after.admissions.over(will, identity)
        )
        for difference in differences_of(pairs, self._before, self._after):
            open_ended = structs.replace(difference, reason=difference.reason or reason)
            yield self._change((port.host, port.port), identity, (was, will), open_ended)

    def _change(
        self,
        called: tuple[str, int],
        identity: str | None,
        both: tuple[Delivery, Delivery],
        difference: AccessDifference,
    ) -> CallChange:
        return CallChange(
            Stranger(identity, self._label(identity)),
            *called,
            state(SentCall(None, both[0])),
            state(SentCall(None, both[1])),
            difference.change,
            counts=False,
            decided=not difference.reason,
            reason=difference.reason,
            witness=difference.witness,
            requests=difference.requests,
        )

    def _label(self, identity: str | None) -> str:
        if identity is None:
            return ANYBODY
        if identity == self._after.admissions.stranger:
            return OTHERS
        return f"whoever has the identity {identity.replace('?', '*')}"

    def _is_known(self, change: CallChange, identity: str) -> bool:
        assert change.endpoint is not None
        return self._knows(change.endpoint, identity)

    def _knows(self, end: EndpointName | tuple[str, int], identity: str) -> bool:
        """Whether changes of calls tell of clients with an identity there."""
        if self._known is None:
            self._known = _Known(self._known_changes)
        return self._known.has(end, identity)


def _wire(delivery: Delivery) -> Verdict:
    """Whether a call passes as far as TLS goes, whatever policies say of it."""
    if delivery.outcome is Outcome.DENIED and delivery.admission is not None:
        return Verdict.WORKS
    return verdict(delivery.by_transport, delivery.transport)


def _named_ports(rules: Iterable[ProxyRule]) -> Iterator[int]:
    """The ports that rules name."""
    for rule in rules:
        for entry in (*rule.operations, rule.conditions):
            for term in entry:
                for matcher in term.matchers:
                    if isinstance(matcher, PortMatcher):
                        yield matcher.number
