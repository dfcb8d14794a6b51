"""The object behind what a change does to ports and calls, so that one cause is one finding."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec import Struct

from meshgate.effect import (
    CallChange,
    CallState,
    Change,
    Effect,
    EndpointName,
    PortState,
    Unsafe,
)
from meshgate.effect.changes import port_name
from meshgate.mesh import Outcome
from meshgate.model import Resource, ResourceRef
from meshgate.rules import peer_authentication as pa
from meshgate.rules.rule import RelatedResource
from meshgate.rules.wording import listed

SHOWN = 3
# Where calls end that end at no endpoint.
PLACES = {
    Outcome.ANSWERED: "an answer of the client's own proxy",
    Outcome.EXTERNAL: "outside the mesh",
}


class Blame(Struct, frozen=True):
    """The object that a person edits; None: nothing that is managed here is to blame."""

    resource: Resource | None
    path: str
    related: tuple[RelatedResource, ...] = ()

    @property
    def key(self) -> object:
        """Equal for what is one finding."""
        return (self.resource.ref if self.resource is not None else None), self.path


class BlameIndex:
    """The causes in one effect."""

    def __init__(self, effect: Effect) -> None:
        self._changed = {policy.ref for policy in effect.authorization}
        self._filters = {policy.ref for policy in effect.network_policies}
        self._ports: dict[tuple[str, str, int | None], tuple[PortState, PortState]] = {}
        for each in (*effect.ports, *effect.open_ports):
            key = each.namespace, each.workload.name, each.port
            self._ports[key] = each.before, each.after

    def of(self, each: CallChange | Unsafe) -> Blame:
        """What makes calls change: the server's policy, else the clients' rules."""
        if isinstance(each, CallChange) and each.route is not None:
            if not each.route.foreign:
                return Blame(each.route, "spec")
            return Blame(None, "", (RelatedResource(each.route, "routes these calls"),))
        return (
            _by_packets(each, self._filters)
            or _by_authorization(each, self._changed)
            or self._by_transport(each)
        )

    def _by_transport(self, each: CallChange | Unsafe) -> Blame:
        """What makes calls change as far as TLS goes."""
        if each.endpoint is not None:
            blame = self._at_server(each.endpoint)
            if blame is not None:
                return blame
        after = each.after.rules if each.after is not None else ()
        before = each.before.rules if each.before is not None else ()
        gone = [rule for rule in before if rule.ref not in {other.ref for other in after}]
        for rule in sorted((*gone, *after, *before), key=lambda rule: rule.foreign):
            related = tuple(
                RelatedResource(other, "decides what is sent now")
                for other in after
                if other is not rule
            )
            return Blame(rule, "spec", related)
        service = each.service
        if service is not None and not service.foreign:
            return Blame(service, "spec")
        # An object of the inventory would turn an error into a warning.
        called_service = (RelatedResource(service, "is called"),) if service is not None else ()
        return Blame(None, "", called_service)

    def _at_server(self, end: EndpointName) -> Blame | None:
        states = self._ports.get((end.namespace, end.workload or "", end.port))
        if states is None:
            return None
        before, after = states
        policy, was = after.decided_by.policy, before.decided_by.policy
        if policy is not None and (was is None or was.foreign or not policy.foreign):
            decided_before = (
                RelatedResource(was, "decided before") if was and was.ref != policy.ref else None
            )
            return Blame(
                policy, pa.port_path(policy, end.port), (decided_before,) if decided_before else ()
            )
        return Blame(was, pa.port_path(was, end.port)) if was is not None else None


def _by_packets(each: CallChange | Unsafe, changed: Collection[ResourceRef]) -> Blame | None:
    """The NetworkPolicy that decides, where packets are dropped on one side."""
    if not isinstance(each, CallChange):
        return None
    states = [state for state in (each.after, each.before) if state and state.blocking]
    deciding = [
        policy.resource
        for state in states
        if state.blocking is not None
        for _, policy in state.blocking.policies
    ]
    return _first_to_blame(deciding, changed) if len(states) == 1 else None


def _first_to_blame(deciding: Iterable[Resource], changed: Collection[ResourceRef]) -> Blame | None:
    """One that is changed before others, one that is managed here before a foreign one."""
    candidates = dict.fromkeys(
        sorted(deciding, key=lambda policy: (policy.ref not in changed, policy.foreign))
    )
    if not candidates:
        return None
    first, *others = candidates
    related = {other.ref: other for other in others if other.ref != first.ref}
    return Blame(
        first,
        "spec",
        tuple(RelatedResource(other, "decides with it") for other in related.values()),
    )


def _by_authorization(each: CallChange | Unsafe, changed: Collection[ResourceRef]) -> Blame | None:
    """The policy of authorization that decides, where it is such policies that make the change."""
    before, after = each.before, each.after
    if not isinstance(each, CallChange) or not (before and after):
        return None
    is_denied = after.outcome is Outcome.DENIED and after.admission is not None
    if not is_denied and each.change not in {Change.OPENED, Change.CLOSED}:
        return None
    deciding = [
        decided.resource
        for state in (after, before)
        if state.admission is not None
        for decided in state.admission.decision.decided_by
    ]
    return _first_to_blame(deciding, changed)


def callers(changes: Iterable[CallChange | Unsafe]) -> str:
    """Some of the clients by name, those first that are no workload of the inventory."""
    changes = list(changes)
    names = {each.clients.label: None for each in changes if each.clients.label}
    for each in changes:
        for client in each.clients.members:
            if len(names) > SHOWN:
                break
            names[str(client)] = None
    first = list(names)[:SHOWN]
    return ", ".join(first) + (" and others" if len(names) > SHOWN else "")


def called(changes: Iterable[CallChange | Unsafe]) -> str:
    """The service ports that are called."""
    return listed(dict.fromkeys(f"{each.host}:{port_name(each.port)}" for each in changes))


def destinations(changes: Iterable[CallChange]) -> str:
    """Where calls end after a change; without an endpoint what stands in its place."""
    places = (
        str(each.after.endpoint or PLACES.get(each.after.outcome, each.after.outcome))
        for each in changes
        if each.after is not None
    )
    return listed(dict.fromkeys(places))


def ends(changes: Iterable[CallChange]) -> str:
    """How calls end: `ok-plaintext to refused`."""
    texts = (
        f"{_end(each.before)} to {_end(each.after)}"
        for each in changes
        if each.before and each.after
    )
    return listed(dict.fromkeys(texts))


def _end(state: CallState) -> str:
    return " or ".join(state.outcomes or (state.outcome,))
