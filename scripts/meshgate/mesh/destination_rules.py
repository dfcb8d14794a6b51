"""DestinationRules in the pools where clients look for them."""

from __future__ import annotations

import enum
from collections.abc import Iterator

from meshgate.mesh import export_to, hosts, selectors, traffic_policy
from meshgate.mesh.catalog import Catalog, namespace_of
from meshgate.mesh.destination_rule import DestinationRule
from meshgate.mesh.hosts import HostIndex
from meshgate.mesh.merge import Entries, merge, merge_orders
from meshgate.model import MeshFacts, Resource


class PoolKind(enum.StrEnum):
    """For whom a namespace's rules are pooled (PushContext.setDestinationRules)."""

    # Clients of the namespace itself.
    LOCAL = "local"
    # Clients of other namespaces; for the root namespace, of all.
    EXPORTED = "exported"
    # Private rules of the root namespace, for its own clients.
    ROOT_PRIVATE = "root-private"


class Group:
    """The rules of one pool that have the same expanded host, merged as Istio merges them."""

    __slots__ = ("_is_order_open", "_orders", "host", "namespace", "pool", "rules")

    def __init__(self, pool: PoolKind, namespace: str, host: str) -> None:
        self.pool = pool
        self.namespace = namespace
        self.host = host
        self.rules: list[DestinationRule] = []
        self._orders: tuple[Entries, ...] | None = None
        self._is_order_open = False

    @property
    def orders(self) -> tuple[Entries, ...]:
        """The merged entries, once for each result that an order of creation may give.

        The first is that of a fresh cluster. There are more only where rules carry no
        creationTimestamp and their order matters.
        """
        if self._orders is None:
            merged = merge_orders([self.rules])
            self._is_order_open = not merged.is_complete
            distinct: dict[object, Entries] = {}
            for order in merged.orders:
                entries = merge(order)
                distinct.setdefault(tuple(entry.meaning for entry in entries), entries)
            self._orders = tuple(distinct.values())
        return self._orders

    @property
    def is_order_open(self) -> bool:
        """Whether some order may give a result that `orders` does not hold."""
        return len(self.orders) > 0 and self._is_order_open


Pool = HostIndex[Group]


class DestinationRules:
    """All DestinationRules of one mesh, in the pools where clients look for them."""

    __slots__ = (
        "_by_host",
        "all",
        "default_export_to",
        "everywhere",
        "exported",
        "groups",
        "local",
        "repeated",
        "root",
        "root_private",
    )

    def __init__(self, catalog: Catalog, facts: MeshFacts) -> None:
        self.root = facts.root_namespace
        self.all: dict[int, DestinationRule] = {}
        # For clients of the namespace itself.
        self.local: dict[str, Pool] = {}
        # For clients of other namespaces.
        self.exported: dict[str, Pool] = {}
        # Private rules of the root namespace, for its own clients.
        self.root_private: Pool = HostIndex()
        # All local groups by host, whatever the namespace.
        self.everywhere: HostIndex[list[Group]] = HostIndex()
        # Every group of the local, exported and root-private pools.
        self.groups: list[Group] = []
        self._by_host: HostIndex[list[DestinationRule]] | None = None
        default = self.default_export_to = facts.default_destination_rule_export_to
        for resource in catalog.of("DestinationRule"):
            rule = read(resource, catalog.created(resource), facts.cluster_domain)
            self.all[id(resource)] = rule
            if not rule.host:
                continue
            if rule.is_local:
                pool = self.local.setdefault(rule.namespace, HostIndex())
                self._file(rule, pool, PoolKind.LOCAL)
            if not rule.is_private(default):
                pool = self.exported.setdefault(rule.namespace, HostIndex())
                self._file(rule, pool, PoolKind.EXPORTED)
            elif rule.namespace == self.root:
                self._file(rule, self.root_private, PoolKind.ROOT_PRIVATE)
        # Further copies of rules: in no pool.
        self.repeated = [
            read(resource, catalog.created(resource), facts.cluster_domain)
            for resource in catalog.repeated
            if resource.kind == "DestinationRule"
        ]

    def covering(self, host: str) -> Iterator[DestinationRule]:
        """Every rule whose host covers this one, wherever it lives, the most specific first."""
        if self._by_host is None:
            self._by_host = HostIndex()
            for rule in self.all.values():
                known = self._by_host.get(rule.host)
                if known is None:
                    self._by_host[rule.host] = [rule]
                else:
                    known.append(rule)
        for rules in self._by_host.covering(host):
            yield from rules

    def _file(self, rule: DestinationRule, pool: Pool, kind: PoolKind) -> None:
        group = pool.get(rule.host)
        if group is None:
            group = Group(kind, rule.namespace, rule.host)
            pool[rule.host] = group
            self.groups.append(group)
            if kind is PoolKind.LOCAL:
                known = self.everywhere.get(rule.host)
                if known is None:
                    self.everywhere[rule.host] = [group]
                else:
                    known.append(group)
        group.rules.append(rule)


def read(resource: Resource, created: str, domain: str) -> DestinationRule:
    """The rule that a DestinationRule states."""
    spec = resource.spec
    namespace = namespace_of(resource)
    selector = spec.get("workloadSelector")
    exported = spec.get("exportTo")
    if selector is not None:
        audience = frozenset({export_to.PRIVATE})
    else:
        audience = frozenset(map(str, exported)) if isinstance(exported, list) else frozenset()
    subsets = spec.get("subsets")
    return DestinationRule(
        resource=resource,
        namespace=namespace,
        name=resource.name,
        created=created,
        host=hosts.expand(str(spec.get("host") or ""), namespace, domain),
        selector=selectors.labels(selector.get("matchLabels"))
        if isinstance(selector, dict)
        else None,
        export_to=audience,
        policy=traffic_policy.traffic_policy(spec.get("trafficPolicy")),
        subsets=traffic_policy.subsets(subsets) if subsets else (),
    )
