"""Which DestinationRules hide more specific ones from whom, because clients find them first."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from msgspec import Struct

from meshgate.mesh import Service, export_to, hosts
from meshgate.mesh.destination_rule import DestinationRule
from meshgate.rules.inventory import Inventory

OTHERS = "other namespaces"
# No namespace is called so: it stands for all that no exportTo names.
_ANY = ""


class Shadow(Struct, frozen=True):
    """One rule that another one hides from the clients of a namespace, for one service."""

    hidden: DestinationRule
    hiding: DestinationRule
    # The namespace of the clients, or OTHERS.
    clients: str
    service: Service


def shadows(known: Inventory) -> Iterator[Shadow]:
    """Every pair, for every service; the work grows with the rules that cover a service."""
    facts = known.mesh.facts
    default = facts.default_destination_rule_export_to
    for service in known.mesh.services:
        covering = list(known.mesh.rules.covering(service.host))
        if len(covering) < len(("hidden", "hiding")):
            continue
        exported = [rule for rule in covering if not rule.is_private(default)]
        pools = {
            namespace: _by_host(rule for rule in exported if rule.namespace == namespace)
            for namespace in dict.fromkeys((service.namespace, facts.root_namespace))
        }
        for hidden, hiding, clients in _pairs(known, covering, pools):
            if hidden is not hiding and not _have_equal_content(hidden, hiding):
                yield Shadow(hidden, hiding, clients, service)


Groups = list[list["DestinationRule"]]


def _pairs(
    known: Inventory, covering: Sequence[DestinationRule], pools: dict[str, Groups]
) -> Iterator[tuple[DestinationRule, DestinationRule, str]]:
    facts = known.mesh.facts
    root, default = facts.root_namespace, facts.default_destination_rule_export_to
    first: dict[str, DestinationRule] = {}
    for rule in covering:
        # Clients of the root namespace look at its private rules first, and at no other.
        if rule.is_private(default) if rule.namespace == root else rule.is_local:
            first.setdefault(rule.namespace, rule)
    for namespace, own in first.items():
        if known.has_clients(namespace):
            later = [pool for place, pool in pools.items() if place != namespace or place == root]
            for rule in _answer(later, namespace):
                if _is_narrower(rule, own):
                    yield rule, own, namespace
    yield from _hidden_from_others(list(pools.values()))


def _hidden_from_others(
    pools: Sequence[Groups],
) -> Iterator[tuple[DestinationRule, DestinationRule, str]]:
    """What clients miss that look into the service's namespace before the root namespace."""
    for i, groups in enumerate(pools):
        if not groups:
            continue
        seen = [rule for rule in groups[0] if _sees(rule, _ANY)]
        if seen:
            for rule in _answer(pools[i + 1 :], _ANY):
                if _is_narrower(rule, seen[-1]):
                    yield rule, seen[-1], OTHERS
            return
        # The most specific rules are exported to some only, and hide the next from the rest.
        for wider in groups[1:2]:
            for rule in wider:
                if _sees(rule, _ANY):
                    yield rule, groups[0][0], OTHERS


def _answer(pools: Sequence[Groups], namespace: str) -> list[DestinationRule]:
    """The rules that clients of a namespace find there, the first pool first."""
    for groups in pools:
        seen = [rule for rule in groups[0] if _sees(rule, namespace)] if groups else []
        if seen:
            return seen
    return []


def _by_host(rules: Iterator[DestinationRule]) -> Groups:
    return [list(group) for _, group in itertools.groupby(rules, key=lambda rule: rule.host)]


def _sees(rule: DestinationRule, namespace: str) -> bool:
    return export_to.names(rule.export_to, namespace)


def _is_narrower(rule: DestinationRule, other: DestinationRule) -> bool:
    return rule.host != other.host and hosts.is_subset(rule.host, other.host)


def _have_equal_content(one: DestinationRule, other: DestinationRule) -> bool:
    return all(
        one.resource.spec.get(key) == other.resource.spec.get(key)
        for key in ("trafficPolicy", "subsets")
    )
