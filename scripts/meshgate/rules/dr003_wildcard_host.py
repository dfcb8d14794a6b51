"""A rule for more hosts than anybody counted.

What it checks
    DestinationRules with a wildcard host that the environment does not allow for this namespace
    and TLS mode (`require.wildcardHosts`).

    ```yaml
    metadata: {name: mtls, namespace: boards}   # not the root namespace
    spec:
      host: "*.svc.cluster.local"
      trafficPolicy:
        tls: {mode: ISTIO_MUTUAL}
    ```

Why it matters
    The host catches every service in its reach, also those that come later: a database without a
    sidecar, the API server, a host that a ServiceEntry brings. With ISTIO_MUTUAL they get a
    handshake they cannot answer. And a client looks into its own namespace first: outside the root
    namespace a wildcard hides every exact rule that the root namespace or the service's own
    namespace has, the needed exceptions among them.

How to fix
    Write one rule for each host. If the whole mesh is meant, put the wildcard into the root
    namespace, an exact exception beside it for each host without a sidecar, and list it in
    `require.wildcardHosts`. With auto mTLS on it is not needed at all.

Known gaps
    The services named are those of the inventory; without one only the declared hosts and the API
    server are. The allowed mode is compared with the rule's own `tls`: DR001 and DR016 look at
    ports and subsets.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import hosts
from meshgate.mesh.destination_rule import DestinationRule
from meshgate.model import MeshFacts, Severity
from meshgate.rules import destination_rule as dr
from meshgate.rules.context import Context
from meshgate.rules.known_hosts import KnownHosts
from meshgate.rules.rule import Needs, Phase, Rule, Violation
from meshgate.rules.wildcards import is_allowed

EFFECT = {
    "ISTIO_MUTUAL": "clients send all of them the mesh's mutual TLS, which only a sidecar answers",
    "DISABLE": "clients send all of them plaintext",
    "SIMPLE": "clients send all of them TLS without a client certificate",
    "MUTUAL": "clients send all of them TLS with one and the same certificate of their own",
    None: "the tls of a wider rule reaches none of them any more",
}


def check(context: Context) -> Iterator[Violation]:
    facts, floor = context.environment.mesh, context.environment.require
    wild = [rule for rule in dr.seen(context) if hosts.is_wildcard(rule.host)]
    known = KnownHosts(context) if wild else None
    for rule in wild:
        if known is None or is_allowed(floor, rule.host, rule.resource.namespace, rule.mode):
            continue
        yield Violation(
            rule.resource,
            "spec.host",
            f"{rule.host} catches {reach(rule.host, facts)}{known.under(rule.host)}: "
            f"{EFFECT[rule.mode]}{shadow(rule, facts)}",
            fix="write one rule for each host; a wildcard for the whole mesh belongs into the root "
            f"namespace {facts.root_namespace}, beside an exact exception for each host without a "
            "sidecar, and into require.wildcardHosts",
        )


def reach(host: str, facts: MeshFacts) -> str:
    """What a wildcard is for, now and later."""
    services = f"*.svc.{facts.cluster_domain}"
    if hosts.is_subset(services, host):
        more = "" if host == services else ", and every ServiceEntry host"
        ending = f" that ends in {host[1:]}" if more and host != "*" else ""
        return f"every Service there is{more}{ending}"
    namespace = hosts.service_namespace(host, facts.cluster_domain)
    if namespace and host.startswith("*."):
        return f"every Service of namespace {namespace}"
    return f"every host that ends in {host[1:]}"


def shadow(rule: DestinationRule, facts: MeshFacts) -> str:
    """What a wildcard hides outside the root namespace, where a client looks first."""
    if rule.namespace == facts.root_namespace or not rule.sees(rule.namespace):
        return ""
    place = rule.resource.namespace or "its namespace"
    return (
        f"; outside the root namespace it also hides the exact rules of all other namespaces, "
        f"exceptions included, from clients of {place}"
    )


RULE = Rule(
    id="DR003",
    name="wildcard-host",
    severity=Severity.ERROR,
    summary="A wildcard host that the environment does not allow.",
    fix="write one rule for each host, or allow the wildcard in require.wildcardHosts",
    phase=Phase.STATE,
    needs=Needs.FACTS,
    kinds=frozenset({dr.KIND, "Service", "ServiceEntry"}),
    check=check,
)
