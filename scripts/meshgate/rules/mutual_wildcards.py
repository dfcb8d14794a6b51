"""Wildcard rules with ISTIO_MUTUAL, and the more specific rules that stand before them."""

from __future__ import annotations

from collections.abc import Iterable

from meshgate.mesh import Tls, hosts
from meshgate.mesh.destination_rule import DestinationRule
from meshgate.mesh.hosts import HostIndex
from meshgate.model import MeshFacts


def mutual_wildcards(
    rules: Iterable[DestinationRule],
) -> HostIndex[dict[str, DestinationRule]] | None:
    """The wildcard rules with ISTIO_MUTUAL by host and namespace; None: there is none."""
    index: HostIndex[dict[str, DestinationRule]] | None = None
    for rule in rules:
        if rule.mode == Tls.ISTIO_MUTUAL and hosts.is_wildcard(rule.host):
            index = HostIndex() if index is None else index
            by_namespace = index.get(rule.host)
            if by_namespace is None:
                by_namespace = index[rule.host] = {}
            by_namespace.setdefault(rule.namespace, rule)
    return index


def first_hidden(
    rule: DestinationRule,
    wildcards: HostIndex[dict[str, DestinationRule]],
    facts: MeshFacts,
) -> DestinationRule | None:
    """The wildcard that some client of this rule would get without it."""
    service = hosts.service_namespace(rule.host, facts.cluster_domain)
    places = [rule.namespace]
    if rule.namespace != facts.root_namespace:
        places += [service or "", facts.root_namespace]
    for by_namespace in wildcards.covering(rule.host):
        for namespace in dict.fromkeys(places):
            other = by_namespace.get(namespace)
            if other and other.host != rule.host and share_a_client(rule, other, service, facts):
                return other
    return None


def share_a_client(
    rule: DestinationRule, other: DestinationRule, service: str | None, facts: MeshFacts
) -> bool:
    """Whether a client can see both."""
    if rule.sees(rule.namespace) and other.sees(rule.namespace):
        return True
    default = facts.default_destination_rule_export_to
    on_path = service is None or rule.namespace in (service, facts.root_namespace)
    return on_path and not rule.is_private(default) and not other.is_private(default)
