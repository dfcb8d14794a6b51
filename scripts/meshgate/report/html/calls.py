"""The calls of one mesh as the page draws them: groups of clients, services, and what happens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from meshgate.effect.describe import named, owner
from meshgate.mesh import CallClass, DataPlane, Delivery, Outcome, Service
from meshgate.model import JSONObject
from meshgate.report import access, packets
from meshgate.report.calls import CROWDS
from meshgate.report.escape.visible import visible
from meshgate.report.view import View


class ClientNodes(NamedTuple):
    """ClientNodes that one node of the graph stands for; `namespace` None: of all namespaces."""

    plane: DataPlane
    namespace: str | None
    name: str


def calls(view: View) -> JSONObject:
    """`{"clients", "services", "edges"}`.

    A client is `[label, plane, how many at most]`, a service `[host, namespace, outside]`; an edge
    `[client, service, port, subset, sends, accepts, outcome, verdict, rule, calls, reason]`. Edges
    are classes of calls: their number grows with the services, not with the workloads.
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
        for clients, count in _clients(each):
            node = nodes.index(clients, count)
            for delivery in each.deliveries:
                edges[node, services[id(service)], *_edge(each, delivery)] += count
    rows = ([*key[:-1], count, key[-1]] for key, count in edges.items())
    return {"clients": nodes.rows(), "services": known, "edges": list(rows)}


class _Nodes:
    """The groups of clients, each once, with the most members it has for any service."""

    def __init__(self) -> None:
        self._index: dict[ClientNodes, int] = {}
        self._count: dict[ClientNodes, int] = {}

    def index(self, clients: ClientNodes, count: int) -> int:
        self._count[clients] = max(count, self._count.get(clients, 0))
        return self._index.setdefault(clients, len(self._index))

    def rows(self) -> list[list[object]]:
        return [[label(clients), clients.plane, self._count[clients]] for clients in self._index]


def label(clients: ClientNodes) -> str:
    """The name of a group of clients: `all with sidecar`, `shop, without sidecar`."""
    if clients.name:
        return visible(clients.name)
    crowd = CROWDS[clients.plane]
    return f"all {crowd}" if clients.namespace is None else visible(f"{clients.namespace}, {crowd}")


def _clients(each: CallClass) -> Iterator[tuple[ClientNodes, int]]:
    """The nodes that the clients of a class belong to, and how many are in each."""
    group = each.clients
    if group.profile is not None:
        yield ClientNodes(group.plane, None, ""), group.count
        return
    if group.plane is DataPlane.GATEWAY:
        for member in group.members:
            yield ClientNodes(group.plane, member.namespace, named(member)), 1
        return
    counted: Counter[str] = Counter()
    for own in group.classes:
        counted[own.namespace] += len(own)
    for namespace, count in counted.items():
        yield ClientNodes(group.plane, namespace, ""), count


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
