"""What becomes of every call, worked out one by one, to hold effect and steps against."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from meshgate.effect import (
    NEW_CLIENT,
    OLD_CLIENT,
)
from meshgate.effect.verdicts import call_verdict
from meshgate.mesh import (
    CallClass,
    DataPlane,
    Delivery,
    Mesh,
    Verdict,
    Workload,
    verdict,
)


def called(before: Mesh, after: Mesh) -> Iterator[tuple[tuple[str, str, str], str, int]]:
    clients = {
        (each.namespace, each.name, each.kind)
        for mesh in (before, after)
        for each in mesh.workloads
        if mesh.clients.class_of(each) is not None
    }
    targets = {
        (service.host, port.number)
        for mesh in (before, after)
        for service in mesh.services
        for port in service.ports
    }
    for client, (host, port) in itertools.product(sorted(clients), sorted(targets)):
        yield client, host, port


def same(mesh: Mesh, client: tuple[str, str, str]) -> Workload | None:
    return next(
        (each for each in mesh.workloads if (each.namespace, each.name, each.kind) == client), None
    )


# The subset, what becomes of it, and the calls; None: the proxy does not know the service.
Routed = tuple[str | None, "Delivery", "CallClass | None"]


def calls(mesh: Mesh, client: tuple[str, str, str], host: str, port: int) -> list[Routed]:
    workload = same(mesh, client)
    services = [service for service in mesh.services if service.host == host]
    if workload is None:
        return []
    own = mesh.clients.class_of(workload)
    return [
        (each.subset, delivery, None if each.hidden else each)
        for each in mesh.call_classes(services)
        if each.port.number == port and own is not None and each.clients.has(own)
        for delivery in each.deliveries
    ]


def both(
    before: Mesh, after: Mesh, client: tuple[str, str, str], host: str, port: int
) -> tuple[list[Routed], list[Routed]]:
    """The calls of both sides; of a side that hides the service what becomes of them there."""
    was, will = calls(before, client, host, port), calls(after, client, host, port)
    if not was and will:
        was = unseen(before, client, host, port)
    elif was and not will:
        will = unseen(after, client, host, port)
    return was, will


def unseen(mesh: Mesh, client: tuple[str, str, str], host: str, port: int) -> list[Routed]:
    workload = same(mesh, client)
    own = mesh.clients.class_of(workload) if workload is not None else None
    if own is None:
        return []
    return [(None, each, None) for each in mesh.unseen(own, host, port)]


def end(routed: Routed) -> tuple[object, ...] | None:
    endpoint = routed[1].endpoint
    if endpoint is None:
        return None
    if endpoint.workload is None:
        return endpoint.namespace, None, "", endpoint.address, endpoint.port
    workload = endpoint.workload
    return workload.namespace, workload.name, workload.kind, None, endpoint.port


def paired(was: list[Routed], will: list[Routed]) -> Iterator[tuple[Routed | None, Routed | None]]:
    """The same call on both sides, as `meshgate.effect` documents it."""
    for here, there, flip in ((was, will, False), (will, was, True)):
        if there and there[0][2] is None and end(there[0]) is None:
            for each in here:
                yield (there[0], each) if flip else (each, there[0])
            return
    lone_was = [each for each in was if route(each) not in map(route, will)]
    lone_will = [each for each in will if route(each) not in map(route, was)]
    for each in was:
        for other in will:
            if route(each) == route(other):
                yield each, other
    for same_call in (lost_its_endpoints, same_workload):
        found = [(a, b) for a in lone_was for b in lone_will if same_call(a, b)]
        yield from found
        lone_was = [each for each in lone_was if all(each is not a for a, _ in found)]
        lone_will = [each for each in lone_will if all(each is not b for _, b in found)]
    yield from ((each, None) for each in lone_was)
    yield from ((None, each) for each in lone_will)


def route(routed: Routed) -> tuple[object, ...]:
    return routed[0], end(routed)


def lost_its_endpoints(was: Routed, will: Routed) -> bool:
    return was[0] == will[0] and (end(was) is None) != (end(will) is None)


def same_workload(was: Routed, will: Routed) -> bool:
    one, other = end(was), end(will)
    return one is not None and other is not None and one[:4] == other[:4]


def at_sidecar(mesh: Mesh, place: Any) -> bool:
    workload = place and same(mesh, place[:3])
    return workload is not None and workload.plane in {DataPlane.SIDECAR, DataPlane.NONE}


def mixed_by_brute_force(before: Mesh, after: Mesh) -> Iterator[tuple[object, ...]]:
    """The calls that work in (old, old) and (new, new) and fail in a mixed combination."""
    for client, host, port in called(before, after):
        for old, new in paired(*both(before, after, client, host, port)):
            if old is None or new is None or not (works(old[1]) and works(new[1])):
                continue
            if not at_sidecar(before, end(old)) or not at_sidecar(after, end(new)):
                continue
            for combination, sent, mesh, at in (
                (OLD_CLIENT, old[1].transport, after, new[1].endpoint),
                (NEW_CLIENT, new[1].transport, before, old[1].endpoint),
            ):
                assert sent is not None
                assert at is not None
                assert at.workload is not None
                outcome, _ = mesh.receive(at.workload, at.port, sent)
                if verdict(outcome, sent) is Verdict.BROKEN:
                    yield (*client[:2], host, port, old[0], end(old), combination, outcome)


def works(delivery: Delivery) -> bool:
    """Whether it surely works, by bytes that arrive as they are sent."""
    certain = not delivery.alternatives and not delivery.tunnel
    return certain and call_verdict(delivery) is Verdict.WORKS
