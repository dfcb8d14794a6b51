"""What a change of NetworkPolicies lets in, or drops, of clients that no inventory has.

Clients that files know are reported by call. Others may be anywhere: a pod of tomorrow with the
labels that a rule names, or anybody at all where a port is open. They are reported where no call of
a client that is known says it already.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from meshgate.effect.access import EVERYTHING
from meshgate.effect.calls import SentCall, state
from meshgate.effect.changes import CallChange
from meshgate.effect.clients import Stranger
from meshgate.effect.strangers import ANYBODY, OTHERS
from meshgate.effect.verdicts import Change
from meshgate.mesh import Delivery, Direction, Mesh, NetworkPolicy, Verdict, Workload, verdict
from meshgate.mesh.network_policies import Packets, Peer, ports_match
from meshgate.model import Resource

# The changes of known calls that say as much.
_LET_IN = frozenset({Change.OPENED, Change.MENDS})
_KEPT_OUT = frozenset({Change.BREAKS, Change.SHUT_OUT, Change.CLOSED})
_MAY_WORK = frozenset({Verdict.WORKS, Verdict.DEPENDS})
# Whether nobody, some or everybody is let in.
_LEVELS = {False: 0, None: 1, True: 2}


def packet_changes(
    before: Mesh, after: Mesh, changed: Sequence[Resource], known: Iterable[CallChange]
) -> Iterator[CallChange]:
    """Who else reaches the pods of changed policies now, or does not any more."""
    if not changed:
        return
    refs = {policy.ref for policy in changed}
    reported = {
        (each.endpoint.namespace, each.endpoint.workload, each.endpoint.port, way)
        for each in known
        if each.endpoint is not None
        for way, changes in ((True, _LET_IN), (False, _KEPT_OUT))
        if each.change in changes
    }
    was = {(each.namespace, each.name, each.kind): each for each in before.workloads}
    for will in after.workloads:
        old = was.get((will.namespace, will.name, will.kind))
        if old is None:
            continue
        policies = (*_isolating(before, old), *_isolating(after, will))
        if refs.isdisjoint(policy.resource.ref for policy in policies):
            continue
        for port in after.ports(will):
            where = _Port(before, after, old, will, port)
            change = _at(where)
            if change is not None:
                key = will.namespace, will.name, port, change[0] is Change.OPENED
                if key not in reported:
                    yield from _changes(where, *change)


class _Port(Struct, frozen=True):
    """A port of a workload that both meshes have."""

    before: Mesh
    after: Mesh
    was: Workload
    will: Workload
    number: int

    @property
    def sides(self) -> tuple[tuple[Mesh, Workload], tuple[Mesh, Workload]]:
        """Both meshes, each with its workload."""
        return (self.before, self.was), (self.after, self.will)


def _isolating(mesh: Mesh, workload: Workload) -> tuple[NetworkPolicy, ...]:
    party = mesh.packets.parties.of_workload(workload)
    return mesh.packets.table.isolation(Direction.INGRESS, party).all


def _at(port: _Port) -> tuple[Change, str] | None:
    """What changes for strangers at a port, and what it hangs on; None: nothing."""
    levels = [
        _LEVELS[mesh.packets.from_anybody(workload, port.number).passes]
        for mesh, workload in port.sides
    ]
    if levels[0] != levels[1]:
        return (Change.OPENED if levels[1] > levels[0] else Change.CLOSED), ""
    if levels[1] != _LEVELS[None]:
        return None
    was, will = (_peers(mesh, workload, port.number) for mesh, workload in port.sides)
    if will <= was:
        return None
    return Change.OPENED, "a rule lets in clients that files do not know, if there are any"


def _peers(mesh: Mesh, workload: Workload, port: int) -> frozenset[Peer]:
    """Whom rules let in at a port."""
    party = mesh.packets.parties.of_workload(workload)
    return frozenset(
        peer
        for policy in _isolating(mesh, workload)
        for rule in policy.ingress or ()
        if ports_match(rule.ports, party, Packets(port)) is not False
        for peer in rule.peers
    )


def _changes(port: _Port, change: Change, reason: str) -> Iterator[CallChange]:
    """The change for whoever gets in as far as mutual TLS and authorization go."""
    for identity, label in ((None, ANYBODY), (port.after.admissions.stranger, OTHERS)):
        was, will = (mesh.met_by(workload, port.number, identity) for mesh, workload in port.sides)
        if _may_work(will if change is Change.OPENED else was):
            yield CallChange(
                Stranger(identity, label),
                str(port.will),
                port.number,
                state(SentCall(None, was)),
                state(SentCall(None, will)),
                change,
                counts=False,
                decided=not reason,
                reason=reason,
                requests=(EVERYTHING,),
            )
            return


def _may_work(delivery: Delivery) -> bool:
    """Whether a call works as far as TLS goes, whatever is not known of its packets."""
    return verdict(delivery.by_transport, delivery.transport) in _MAY_WORK
