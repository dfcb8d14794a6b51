"""Which changes the environment before has not been through."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshgate.effect.changes import CallChange, PortChange, Unexercised
from meshgate.effect.ports import port_state
from meshgate.effect.verdicts import Change
from meshgate.mesh import Mesh

# What needs no rehearsal: calls that are no longer made.
_GONE = frozenset({Change.VANISHES})


def unexercised(
    name: str, upstream: Mesh, ports: Iterable[PortChange], calls: Iterable[CallChange]
) -> Iterator[Unexercised]:
    """The changes whose result is not so in the environment before."""
    for port in ports:
        there = _mode(upstream, port)
        if there != str(port.after.mode):
            yield Unexercised(port, name, there)
    known: dict[tuple[str, int], set[str]] = {}
    for call in calls:
        if call.after is not None and call.change not in _GONE:
            key = call.host, call.port
            if key not in known:
                known[key] = _outcomes(upstream, *key)
            if call.after.outcome.value not in known[key]:
                yield Unexercised(call, name, ", ".join(sorted(known[key])))


def _mode(upstream: Mesh, change: PortChange) -> str:
    """What the same port enforces there; empty: it is not there."""
    workload = change.workload
    try:
        same = upstream.workload(workload.namespace, workload.name, workload.kind)
    except LookupError:
        return ""
    return str(port_state(upstream, same, change.port).mode)


def _outcomes(upstream: Mesh, host: str, port: int) -> set[str]:
    """How calls to the same service port end there; empty: it is not there."""
    services = [service for service in upstream.services if service.host == host]
    return {
        delivery.outcome.value
        for call in upstream.call_classes(services)
        if call.port.number == port and call.clients.count and not call.hidden
        for delivery in call.deliveries
    }
