"""What one client sends to one service port, and which rules decide it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, structs

from meshgate.mesh.cluster import MISSING, Cluster, PortClusters
from meshgate.mesh.delivery import Delivery, combined
from meshgate.mesh.lookup import Choice
from meshgate.mesh.merge import UNTRIED, Entry
from meshgate.mesh.order import ORDER
from meshgate.mesh.services import Resolution, Service, ServicePort
from meshgate.mesh.terms import DataPlane, Discovery, Outcome, Place, Tls
from meshgate.mesh.traffic_policy import UNSET, Resolved, Subset, resolve
from meshgate.model import Resource


class ClientPolicy(Struct, frozen=True, eq=False):
    """What a client sends to a service port.

    place            where the deciding rules were found
    rules            the DestinationRules merged into the deciding one, in merge order
    rule_host        their expanded host, a wildcard perhaps; empty: no rule
    tls              the mode of the resolved `tls` block; NONE: auto mTLS decides
    dropped          TLS that a sidecar drops, since the rule names a secret without a selector
    discovery        None: the call bypasses every cluster that Istio builds
    auto             whether auto mTLS may send mesh mTLS
    deliveries       what each endpoint is sent, and what becomes of it
    """

    service: Service
    port: ServicePort
    subset: str | None
    place: Place
    rules: tuple[Resource, ...]
    rule_host: str
    tls: Tls
    dropped: bool
    discovery: Discovery | None
    auto: bool
    deliveries: tuple[Delivery, ...]
    # The merged rule itself, for those who explain.
    entry: Entry | None = None
    # False: `reason` tells what files leave open, and `alternatives` holds every answer.
    decided: bool = True
    reason: str = ""
    alternatives: tuple[ClientPolicy, ...] = ()


def meaning(entry: Entry | None, port: int, subset: str | None) -> Resolved:
    """What a merged rule means for a service port and subset."""
    if entry is None:
        return UNSET
    key = port, subset
    resolved = entry.resolved.get(key)
    if resolved is None:
        resolved = entry.resolved[key] = resolve(entry.policy, entry.subsets, port, subset)
    return resolved


def build(
    clusters: PortClusters, choice: Choice, subset: str | None, plane: DataPlane
) -> tuple[Resolved, Cluster]:
    """The cluster that a client's rule gives."""
    entry = choice.entry
    if subset is not None and _subset(entry, subset) is None:
        # A route to a subset that no rule defines: Envoy answers without a cluster.
        return UNSET, MISSING
    resolved = meaning(entry, clusters.port.number, subset)
    if subset is not None and clusters.service.resolution is Resolution.DYNAMIC_DNS:
        # Such a cluster has no subsets (applyDestinationRule in cluster_builder.go).
        return resolved, MISSING
    cluster = clusters.cluster(
        resolved,
        _subset(entry, subset),
        plane,
        selector=entry is not None and entry.selector is not None,
    )
    if resolved.doubt:
        unknown = clusters.unknown(f"the client: {resolved.doubt}")
        return resolved, structs.replace(cluster, deliveries=unknown)
    return resolved, cluster


def deliveries(
    clusters: PortClusters, choices: Sequence[Choice], subset: str | None, plane: DataPlane
) -> tuple[Delivery, ...]:
    """What becomes of the calls, whatever the order of creation."""
    if any(choice.is_open for choice in choices):
        return clusters.unknown(UNTRIED)
    if len(choices) == 1:
        return build(clusters, choices[0], subset, plane)[1].deliveries
    return _combined([build(clusters, choice, subset, plane)[1] for choice in choices])


def policy(
    clusters: PortClusters, choices: Sequence[Choice], subset: str | None, plane: DataPlane
) -> ClientPolicy:
    """The full answer for a client."""
    answers = [_policy(clusters, choice, subset, plane) for choice in choices]
    first = answers[0]
    is_open = any(choice.is_open for choice in choices)
    if len(answers) == 1 and not is_open:
        return first
    return ClientPolicy(
        first.service,
        first.port,
        subset,
        first.place,
        first.rules,
        first.rule_host,
        first.tls,
        first.dropped,
        first.discovery,
        first.auto,
        deliveries(clusters, choices, subset, plane),
        first.entry,
        decided=False,
        reason=UNTRIED if is_open else ORDER,
        alternatives=tuple(answers) if len(answers) > 1 else (),
    )


def without_rules(clusters: PortClusters, sent: tuple[Delivery, ...], reason: str) -> ClientPolicy:
    """The answer for calls that no rule applies to; `reason` says why where it is not obvious."""
    return ClientPolicy(
        clusters.service,
        clusters.port,
        None,
        Place.NOWHERE,
        (),
        "",
        Tls.NONE,
        dropped=False,
        discovery=None,
        auto=False,
        deliveries=sent,
        decided=all(delivery.outcome is not Outcome.UNKNOWN for delivery in sent),
        reason=reason,
    )


def _policy(
    clusters: PortClusters, choice: Choice, subset: str | None, plane: DataPlane
) -> ClientPolicy:
    resolved, cluster = build(clusters, choice, subset, plane)
    entry = choice.entry
    return ClientPolicy(
        clusters.service,
        clusters.port,
        subset,
        choice.place if entry is not None else Place.NOWHERE,
        tuple(rule.resource for rule in entry.rules) if entry is not None else (),
        entry.rules[0].host if entry is not None else "",
        resolved.tls,
        resolved.dropped(selector=entry is not None and entry.selector is not None)
        and plane is not DataPlane.GATEWAY,
        cluster.discovery,
        cluster.auto,
        cluster.deliveries,
        entry,
    )


def _subset(entry: Entry | None, name: str | None) -> Subset | None:
    if entry is None or name is None:
        return None
    return next((item for item in entry.subsets if item.name == name), None)


def _combined(clusters: Sequence[Cluster]) -> tuple[Delivery, ...]:
    """Each endpoint's answers over all orders, endpoints in the order of the fullest cluster."""
    by_cluster = [cluster.deliveries for cluster in clusters]
    by_endpoint = [{id(each.endpoint): each for each in sent} for sent in by_cluster]
    keys: dict[int, Delivery] = {}
    for sent in by_cluster:
        for each in sent:
            keys.setdefault(id(each.endpoint), each)
    if len(keys) > 1:
        # A cluster that is missing in one order only is an alternative of every endpoint.
        keys.pop(id(None), None)
    return tuple(
        combined(
            own.get(key) or own.get(id(None)) or each._replace(outcome=Outcome.NO_ENDPOINT)
            for own in by_endpoint
        )
        for key, each in keys.items()
    )
