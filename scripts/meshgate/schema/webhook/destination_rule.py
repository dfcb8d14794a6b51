"""DestinationRule (validation.ValidateDestinationRule)."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import JSONObject, Resource
from meshgate.schema import golang
from meshgate.schema.webhook.connection_pool import connection_pool
from meshgate.schema.webhook.export_to import export_to
from meshgate.schema.webhook.hosts import fqdn, host, is_dns_label
from meshgate.schema.webhook.load_balancer import load_balancer, outlier_detection
from meshgate.schema.webhook.problem import Path, Problem, duration_format, port_number
from meshgate.schema.webhook.selectors import tags, wildcards
from meshgate.schema.webhook.tls import client_tls

IN_PORT_POLICY = ("outlierDetection", "connectionPool", "loadBalancer", "tls")
IN_POLICY = (*IN_PORT_POLICY, "portLevelSettings", "tunnel", "proxyProtocol", "retryBudget")


def problems(resource: Resource) -> Iterator[Problem]:
    """What the webhook refuses in a DestinationRule."""
    spec, namespace = resource.spec, resource.namespace or ""
    fault = host(spec.get("host", ""))
    if fault is not None:
        yield Problem(("spec", "host"), fault)
    if "trafficPolicy" in spec:
        yield from traffic_policy(namespace, spec["trafficPolicy"], ("spec", "trafficPolicy"))
    names: dict[str, int] = {}
    for index, subset in enumerate(spec.get("subsets", ())):
        path = ("spec", "subsets", index)
        name = subset.get("name", "")
        first = names.setdefault(name, index)
        if first != index:
            yield Problem((*path, "name"), f"subset {first} has the name `{name}` too")
        if not is_dns_label(name):
            yield Problem((*path, "name"), f"`{name}` is no name for a subset (a DNS label)")
        yield from tags(subset.get("labels", {}), (*path, "labels"))
        if "trafficPolicy" in subset:
            yield from traffic_policy(namespace, subset["trafficPolicy"], (*path, "trafficPolicy"))
    selector = spec.get("workloadSelector")
    if "exportTo" in spec:
        yield from export_to(resource, selector=selector is not None)
    if selector is not None:
        labels = selector.get("matchLabels", {})
        yield from wildcards(labels, ("spec", "workloadSelector"))


def traffic_policy(namespace: str, policy: JSONObject, path: Path) -> Iterator[Problem]:
    """One `trafficPolicy`, of the rule or of a subset."""
    # An empty list is no list for istiod.
    if not any(policy.get(name, []) != [] for name in IN_POLICY):
        yield Problem(path, "is empty: it says nothing, and istiod refuses it")
        return
    if "tunnel" in policy and "proxyProtocol" in policy:
        yield Problem((*path, "tunnel"), "cannot stand beside `proxyProtocol`")
        return
    yield from _port_policy(namespace, policy, path)
    for index, entry in enumerate(policy.get("portLevelSettings", ())):
        here = (*path, "portLevelSettings", index)
        if "port" not in entry:
            yield Problem(here, "`port` is missing")
        if not any(name in entry for name in IN_PORT_POLICY):
            yield Problem(here, "says nothing about its port, and istiod refuses it")
        yield from _port_policy(namespace, entry, here)
    if "tunnel" in policy:
        yield from _tunnel(policy["tunnel"], (*path, "tunnel"))
    if "retryBudget" in policy:
        yield from duration_format(policy["retryBudget"], "budgetInterval", (*path, "retryBudget"))


def _port_policy(namespace: str, policy: JSONObject, path: Path) -> Iterator[Problem]:
    """What a whole policy and the policy of one port have in common."""
    if "outlierDetection" in policy:
        yield from outlier_detection(policy["outlierDetection"], (*path, "outlierDetection"))
    if "connectionPool" in policy:
        yield from connection_pool(policy["connectionPool"], (*path, "connectionPool"))
    if "loadBalancer" in policy:
        yield from load_balancer(policy["loadBalancer"], (*path, "loadBalancer"))
    if "tls" in policy:
        yield from client_tls(namespace, policy["tls"], (*path, "tls"))


def _tunnel(tunnel: JSONObject, path: Path) -> Iterator[Problem]:
    if tunnel.get("protocol", "") not in {"", "CONNECT", "POST"}:
        yield Problem((*path, "protocol"), "must be CONNECT or POST")
    target = tunnel.get("targetHost", "")
    fault = fqdn(target)
    if fault is not None and not golang.is_ip(target):
        yield Problem((*path, "targetHost"), f"is neither an address nor a name: {fault}")
    yield from port_number(tunnel.get("targetPort", 0), (*path, "targetPort"))
