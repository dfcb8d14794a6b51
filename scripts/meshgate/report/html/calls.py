"""The calls of one mesh as the page draws them: groups of clients, services, and what happens."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from meshgate.effect.describe import named, owner
from meshgate.mesh import CallClass, DataPlane, Delivery, Outcome, Service, Workload
from meshgate.mesh.client_groups import ClientClass
from meshgate.model import JSONObject
from meshgate.report import access, packets
from meshgate.report.calls import PLANE_WORDS
from meshgate.report.escape.visible import visible
from meshgate.report.view import View

# How many clients of a group have their names on the page.
NAMED = 5


class ClientNodes(NamedTuple):
    """Clients that one node of the graph stands for; `namespace` None: of all namespaces."""

    plane: DataPlane
    namespace: str | None
    name: str


def calls(view: View) -> JSONObject:
    """`{"clients", "services", "edges"}`.

    A client is `[label, plane, how many at most, the first names]`, a service `[host, namespace,
    outside]`; an edge `[client, service, port, subset, sends, accepts, outcome, verdict, rule,
    calls, reason]`. Edges are classes of calls: their number grows with services, not workloads.
    """
    nodes = _Nodes()
    edges: Counter[tuple[object, ...]] = Counter()
    services: dict[int, int] = {}
    known: list[list[object]] = []
    for each in view.mesh.call_classes():
        service = each.service
        if id(service) not in services:
            services[id(service)] = len(known)
            known.append(_service(view, service))
        for clients, count, members in clients_of(each):
            node = nodes.index(clients, count, members)
            for delivery in each.deliveries:
                edges[node, services[id(service)], *_edge(each, delivery)] += count
    rows = ([*key[:-1], count, key[-1]] for key, count in edges.items())
    return {"clients": nodes.rows(), "services": known, "edges": list(rows)}


class _Nodes:
    """The groups of clients, each once, with the most members it has for any service."""

    def __init__(self) -> None:
        self._index: dict[ClientNodes, int] = {}
        self._count: dict[ClientNodes, int] = {}
        self._names: dict[ClientNodes, list[str]] = {}

    def index(self, clients: ClientNodes, count: int, members: Iterator[Workload]) -> int:
        if count > self._count.get(clients, 0):
            self._count[clients] = count
            self._names[clients] = [
                visible(named(each)) for each in itertools.islice(members, NAMED)
            ]
        return self._index.setdefault(clients, len(self._index))

    def rows(self) -> list[list[object]]:
        return [
            [label(clients), clients.plane, self._count[clients], self._names[clients]]
            for clients in self._index
        ]


def label(clients: ClientNodes) -> str:
    """The name of a group of clients: `all with sidecar`, `shop, without sidecar`."""
    if clients.name:
        return visible(clients.name)
    plane = PLANE_WORDS[clients.plane]
    return f"all {plane}" if clients.namespace is None else visible(f"{clients.namespace}, {plane}")


def clients_of(each: CallClass) -> Iterator[tuple[ClientNodes, int, Iterator[Workload]]]:
    """The nodes that the clients of a class belong to, how many are in each, and who they are."""
    group = each.clients
    if group.profile is not None:
        yield ClientNodes(group.plane, None, ""), group.count, iter(group.members)
        return
    if group.plane is DataPlane.GATEWAY:
        for member in group.members:
            yield ClientNodes(group.plane, member.namespace, named(member)), 1, iter((member,))
        return
    by_namespace: dict[str, list[ClientClass]] = {}
    for own in group.classes:
        by_namespace.setdefault(own.namespace, []).append(own)
    for namespace, classes in by_namespace.items():
        members = itertools.chain.from_iterable(own.members for own in classes)
        yield ClientNodes(group.plane, namespace, ""), sum(map(len, classes)), members


def _service(view: View, service: Service) -> list[object]:
    outside = view.mesh.is_outside(service)
    return [visible(service.host), visible(service.namespace), outside]


def _access(delivery: Delivery) -> str:
    if delivery.blocking is not None:
        return packets.describe(delivery.blocking)
    return access.describe(delivery.admission) if delivery.admission is not None else ""


def _edge(each: CallClass, delivery: Delivery) -> tuple[object, ...]:
    policy = each.policy
    rule = " + ".join(owner(own) for own in policy.rules) if policy is not None else ""
    answers = delivery.alternatives or (delivery,)
    outcomes = dict.fromkeys(str(answer.outcome) for answer in answers)
    return (
        each.port.number,
        visible(each.subset or ""),
        str(delivery.transport or ""),
        str(delivery.mode or ""),
        " or ".join(outcomes),
        str(delivery.verdict) if delivery.outcome is not Outcome.UNKNOWN else "unknown",
        visible(rule),
        visible(delivery.reason or _access(delivery)),
    )
