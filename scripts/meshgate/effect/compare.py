"""Compare two meshes: what a change does to ports and calls, and whether the way there is safe."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping

from meshgate.effect.calls import CallComparison, fingerprint
from meshgate.effect.changes import CallChange, Effect, UndecidedPolicy, Unsafe
from meshgate.effect.clients import AllClients, KnownCall
from meshgate.effect.closures import closures
from meshgate.effect.packets import packet_changes
from meshgate.effect.policies import (
    changed_authorization,
    changed_network_policies,
    open_policies,
)
from meshgate.effect.ports import port_changes
from meshgate.effect.rerouted import Rerouted
from meshgate.effect.strangers import stranger_changes
from meshgate.effect.uncovered import uncovered
from meshgate.effect.unexercised import unexercised
from meshgate.mesh import CallClass, Mesh, Outcome, Service, Verdict, Workload, verdict
from meshgate.model import Expectation


def effect(
    before: Mesh,
    after: Mesh,
    *,
    expected: Iterable[Expectation] = (),
    seen: Iterable[KnownCall] = (),
    upstream: Mapping[str, Mesh] | None = None,
) -> Effect:
    """What the change from one mesh to another does.

    `expected` and `seen` make calls of clients without a proxy count: those that an expectation
    wants to work, and those that were observed. `upstream` are the meshes of the environments
    before this one, by name, which tell what of it was exercised there.
    """
    known_calls = {*seen, *_expected_calls(after, expected)}
    ports = list(port_changes(before, after))
    clients = AllClients(before, after, known_calls)
    calls = list(call_changes(before, after, clients))
    changed = [each for each in calls if isinstance(each, CallChange)]
    authorization = tuple(changed_authorization(before, after))
    strangers = list(stranger_changes(before, after, authorization, changed))
    exercised = tuple(each for each in changed if each.decided)
    network_policies = tuple(changed_network_policies(before, after))
    changed += list(packet_changes(before, after, network_policies, changed))
    changed += [each for each in strangers if isinstance(each, CallChange)]
    certain_ports = tuple(each for each in ports if each.decided)
    certain_calls = tuple(each for each in changed if each.decided)
    return Effect(
        ports=certain_ports,
        calls=certain_calls,
        unsafe=tuple(each for each in calls if isinstance(each, Unsafe)),
        uncovered=tuple(uncovered(before, after, certain_ports, certain_calls)),
        unexercised=tuple(
            itertools.chain.from_iterable(
                unexercised(name, mesh, certain_ports, exercised)
                for name, mesh in (upstream or {}).items()
            )
        ),
        open_ports=tuple(each for each in ports if not each.decided),
        open_calls=tuple(each for each in changed if not each.decided),
        open_policies=(
            *open_policies(before, after),
            *(each for each in strangers if isinstance(each, UndecidedPolicy)),
        ),
        added=tuple(_only(after, before)),
        removed=tuple(_only(before, after)),
        authorization=authorization,
        network_policies=network_policies,
        closures=tuple(closures(before, after)),
        clients=clients.totals(),
    )


def call_changes(before: Mesh, after: Mesh, clients: AllClients) -> Iterator[CallChange | Unsafe]:
    """The calls that change, service port by service port, in groups of clients.

    What a route takes elsewhere is reported by the host that was meant, ahead of the others.
    """
    rerouted = Rerouted(before, after, clients)
    yield from rerouted.changes
    old, new = _by_host(before), _by_host(after)
    for host in dict.fromkeys((*old, *new)):
        then = _by_port(before, old.get(host, ()))
        now = _by_port(after, new.get(host, ()))
        for port in sorted({*then, *now}):
            first, second = then.get(port, []), now.get(port, [])
            for caller in clients.callers(host, port, first, second):
                if fingerprint(caller.before) == fingerprint(caller.after):
                    continue
                comparison = CallComparison(
                    caller.clients,
                    host,
                    port,
                    clients.relies(caller, host, port),
                    before,
                    after,
                    functools.partial(rerouted.has, caller.clients, host, port),
                )
                yield from comparison.changes(caller.before, caller.after)


def _by_host(mesh: Mesh) -> dict[str, list[Service]]:
    by_host: dict[str, list[Service]] = {}
    for service in mesh.services:
        by_host.setdefault(service.host, []).append(service)
    return by_host


def _by_port(mesh: Mesh, services: Iterable[Service]) -> dict[int, list[CallClass]]:
    by_port: dict[int, list[CallClass]] = {}
    for call in mesh.call_classes(services):
        if call.clients.count:
            by_port.setdefault(call.port.number, []).append(call)
    return by_port


def _expected_calls(mesh: Mesh, expected: Iterable[Expectation]) -> Iterator[KnownCall]:
    """The calls that somebody wants to work, with the host that their client means."""
    for each in expected:
        namespace, _, name = each.client.partition("/")
        if verdict(Outcome(each.outcome), None) is Verdict.WORKS:
            try:
                host = mesh.service(each.host, namespace).host
            except LookupError:
                host = each.host
            yield KnownCall(namespace, name, host, each.port)


def _only(here: Mesh, there: Mesh) -> Iterator[Workload]:
    known = set(map(_key, there.workloads))
    return (each for each in here.workloads if _key(each) not in known)


def _key(workload: Workload) -> tuple[str, str, str]:
    return workload.namespace, workload.name, workload.kind
