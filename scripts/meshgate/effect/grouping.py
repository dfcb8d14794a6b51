"""Changes that a person would tell in one breath, in one line: ten thousand calls in a few."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from meshgate.effect.changes import (
    CallChange,
    CallState,
    EndpointName,
    PortChange,
    PortState,
    Unsafe,
)
from meshgate.effect.clients import Clients, CommonClass
from meshgate.effect.verdicts import GRAVEST_FIRST
from meshgate.mesh import DataPlane, Outcome, Request
from meshgate.mesh.client_set import ClientSet
from meshgate.model import ResourceRef

# Over so many namespaces calls are listed in one line for each, over more in one line for all.
MOST_NAMESPACES = 8


class DistinctClients(ClientSet):
    """The clients of several groups of calls, each of them once."""

    def __init__(self) -> None:
        self._wholes: dict[int, tuple[list[CommonClass], frozenset[int]]] = {}
        # Who they are where they are no workloads of the inventory.
        self.label = ""

    def add(self, clients: Clients) -> None:
        """Take some clients in."""
        self.label = self.label or clients.label
        key = id(clients.whole)
        known = self._wholes.get(key)
        left = clients.without if known is None else known[1] & clients.without
        self._wholes[key] = list(clients.whole) if known is None else known[0], left

    @property
    def classes(self) -> list[CommonClass]:
        """Their classes."""
        distinct = {
            id(each): each
            for whole, left in self._wholes.values()
            for each in whole
            if id(each) not in left
        }
        return list(distinct.values())

    @property
    def count(self) -> int:
        """How many clients there are."""
        return 1 if self.label else sum(len(each.members) for each in self.classes)


class CallLine(Struct):
    """Calls that change alike, of clients of one sort, to ports of one namespace or of many.

    `before` or `after` None: the calls are not made on that side. `count` is exact; `ends` are the
    places where they end, `hosts` the service ports where there is none.
    """

    change: str
    before: Outcome | None
    after: Outcome | None
    plane: DataPlane
    counts: bool
    decided: bool
    reason: str
    clients: DistinctClients = field(default_factory=DistinctClients)
    ends: dict[EndpointName, None] = field(default_factory=dict)
    hosts: dict[tuple[str, int], None] = field(default_factory=dict)
    subsets: dict[str | None, None] = field(default_factory=dict)
    count: int = 0
    # The requests that policies treat otherwise, and an example.
    requests: tuple[str, ...] = ()
    witness: Request | None = None

    def add(self, each: CallChange | Unsafe) -> None:
        """Take a group of calls in."""
        self.clients.add(each.clients)
        self.count += each.count
        self.hosts[each.host, each.port] = None
        state = each.before or each.after
        if each.endpoint is not None:
            self.ends[each.endpoint] = None
        if state is not None:
            self.subsets[state.subset] = None
        if isinstance(each, CallChange) and self.witness is None:
            self.requests, self.witness = each.requests, each.witness


def call_lines(changes: Iterable[CallChange]) -> list[CallLine]:
    """The calls in as few lines as tell them apart, the gravest first."""
    return _lines(
        (
            (each.change.value, _outcome(each.before), _outcome(each.after), each)
            for each in changes
        ),
    )


def unsafe_lines(unsafe: Iterable[Unsafe]) -> list[CallLine]:
    """The calls that may fail on the way; `change` is the combination, `after` how they fail."""
    return _lines((each.combination, each.before.outcome, each.outcome, each) for each in unsafe)


def _lines(
    changes: Iterable[tuple[str, Outcome | None, Outcome | None, CallChange | Unsafe]],
) -> list[CallLine]:
    groups: dict[object, tuple[tuple[object, ...], list[CallChange | Unsafe]]] = {}
    for change, before, after, each in changes:
        key = (
            change,
            before,
            after,
            each.clients.plane,
            each.counts,
            each.decided,
            each.reason,
        )
        requests = each.requests if isinstance(each, CallChange) else ()
        group = key, requests, each.clients.label
        groups.setdefault(group, (key, []))[1].append(each)
    lines = [line for key, members in groups.values() for line in _by_namespace(key, members)]
    order = {change.value: rank for rank, change in enumerate(GRAVEST_FIRST)}
    return sorted(lines, key=lambda line: (order.get(line.change, 0), not line.counts, -line.count))


def _by_namespace(
    key: tuple[object, ...], members: list[CallChange | Unsafe]
) -> Iterable[CallLine]:
    namespaces = {_namespace(each) for each in members}
    apart = len(namespaces) <= MOST_NAMESPACES
    by_namespace: dict[str, CallLine] = {}
    for each in members:
        own = _namespace(each) if apart else ""
        if own not in by_namespace:
            by_namespace[own] = CallLine(*key)  # type: ignore[arg-type] # its first fields
        by_namespace[own].add(each)
    return by_namespace.values()


def _namespace(each: CallChange | Unsafe) -> str:
    return each.endpoint.namespace if each.endpoint is not None else each.host


def _outcome(state: CallState | None) -> Outcome | None:
    return state.outcome if state is not None else None


class PortLine(Struct):
    """Ports that change alike, decided by the same policies."""

    first: PortChange
    ports: list[PortChange]


def port_lines(changes: Iterable[PortChange]) -> list[PortLine]:
    """The ports in as few lines as tell them apart, loosened ones first."""
    groups: dict[tuple[object, ...], list[PortChange]] = {}
    for each in changes:
        key = each.change, each.decided, each.reason, _side(each.before), _side(each.after)
        groups.setdefault(key, []).append(each)
    lines = [PortLine(members[0], members) for members in groups.values()]
    return sorted(lines, key=lambda line: (line.first.change != "loosened", -len(line.ports)))


def _side(state: PortState) -> tuple[object, ...]:
    level, policy = state.decided_by
    ref: ResourceRef | None = policy.ref if policy is not None else None
    return state.mode, level, ref


def everybody(line: CallLine, totals: Mapping[DataPlane, int]) -> bool:
    """Whether these are all clients of their sort."""
    return not line.clients.label and line.clients.count == totals.get(line.plane, 0)
