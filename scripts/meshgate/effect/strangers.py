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
from meshgate.effect.policy_differences import PolicyDifferences
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
from meshgate.mesh.authorization.strangers import TooManyIdentitiesError
from meshgate.mesh.waypoints import Passage
from meshgate.model import Resource

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
        for number in comparison.ports(old, will):
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
        self._policies = PolicyDifferences(before, after, changed)
        self._known_changes = known
        self._known: _Known | None = None

    def ports(self, was: Workload, will: Workload) -> Iterator[int]:
        """The ports of a workload at which policies may say something else, ANY_PORT last."""
        return self._policies.ports(was, will)

    def at(self, port: Port, seen: set[object]) -> Iterator[CallChange | UndecidedPolicy]:
        """What changes at one port; `seen` is what was reported of its workload's other ports."""
        undecided: dict[str, None] = {}
        generic = self._after.admissions.stranger
        of_others: set[Change] = set()
        try:
            others = [
                each
                for each in self._policies.identities(port.was, port.will, port.number)
                if each != generic
            ]
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
        deciding = self._policies.deciding(port.was, port.will, port.number)
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
        generic = self._after.admissions.stranger
        of_others: set[Change] = set()
        identities = {generic: None}
        try:
            identities |= dict.fromkeys(self._policies.identities_at_waypoint(was, will))
        except TooManyIdentitiesError as error:
            policy, *_ = self._policies.deciding_at_waypoint(was, will)
            where = f"{will} before {key[0]}:{key[1]}"
            yield UndecidedPolicy(policy, f"who gets in at {where} is not known: {error}")
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
