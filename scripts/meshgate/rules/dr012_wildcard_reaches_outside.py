"""A wildcard with mutual TLS that reaches a host without a sidecar.

What it checks
    The rule that each client with a sidecar gets for a host outside the mesh: the API server,
    listed or not, the hosts of `mesh.outside`, and services without a sidecar by the inventory. It
    must not be a wildcard rule with ISTIO_MUTUAL.

    ```yaml
    metadata: {name: mtls, namespace: boards}
    spec:
      host: "*.svc.cluster.local"           # also boards-db, and kubernetes.default
      trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}
    ```

Why it matters
    The client sends the mesh's handshake to an application that knows nothing of it: the database
    drops the connection, the API server answers with another certificate. Auto mTLS would have sent
    plaintext there, but a rule with `tls` overrides it. An exact exception in the root namespace
    does not help a client whose own namespace has the wildcard.

How to fix
    Add an exact rule for the host, with mode DISABLE, in the namespace of the wildcard, since this
    is where these clients look. With auto mTLS on, removing the wildcard repairs all hosts at once.

Known gaps
    A service of which some pods have a sidecar is CA002's. For hosts that the inventory does not
    list, the rule for port 443 is looked at, and Sidecar resources are not. Where rules without an
    age leave open which of them a client gets, the finding is not decided.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence

from meshgate.mesh import MeshMembership, Tls, hosts
from meshgate.model import Resource, Severity
from meshgate.rules import destination_rule as dr
from meshgate.rules import inventory
from meshgate.rules.context import Context
from meshgate.rules.effective_rules import (
    EffectiveRule,
    effective_rules,
    effective_rules_unlisted,
    names,
)
from meshgate.rules.inventory import Inventory
from meshgate.rules.outside import OutsideHosts
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, SharedCause, Violation
from meshgate.rules.wording import listed


def check(context: Context) -> Iterator[Violation]:
    known = inventory.of(context)
    if known is None:
        return
    facts = context.environment.mesh
    declared = OutsideHosts(facts).hosts
    for service in known.mesh.services:
        membership = known.mesh.membership(service)
        empty = membership is MeshMembership.UNKNOWN or inventory.is_gateway(service)
        if membership is MeshMembership.OUTSIDE or (empty and service.host in declared):
            why = declared.get(service.host, "no sidecar")
            effective = effective_rules(known.mesh, service)
            yield from reached(known, service.host, why, effective, (service.resource,))
    for host, why in declared.items():
        if not hosts.is_wildcard(host) and not known.services(host):
            namespace = hosts.service_namespace(host, facts.cluster_domain) or ""
            effective = effective_rules_unlisted(known.mesh, host, namespace)
            yield from reached(known, host, why, effective, ())


def reached(
    known: Inventory,
    host: str,
    why: str,
    effective: Iterable[EffectiveRule],
    services: Iterable[Resource],
) -> Iterator[Violation]:
    """The findings on the wildcards that some clients use for one host, one for each wildcard."""
    caught: dict[int, list[EffectiveRule]] = {}
    for winner in effective:
        if winner.tls is Tls.ISTIO_MUTUAL and hosts.is_wildcard(winner.entry.rules[0].host):
            caught.setdefault(id(winner.deciding), []).append(winner)
    for among in caught.values():
        rule, wide = among[0].deciding, hosts.is_wildcard(host)
        related = [RelatedResource(service, "is reached by it", "spec") for service in services]
        related += [
            RelatedResource(other.resource, "is an exact rule that they do not get", "spec.host")
            for other in known.mesh.rules.covering(host)
            if other.host == host
        ]
        yield Violation(
            rule,
            "spec.host",
            f"for {host} ({why}) this rule for {among[0].entry.rules[0].host} wins at the clients "
            f"{names(among)}: the host gets the mesh's mutual TLS, which nothing there can answer",
            fix=f"add to namespace {rule.namespace} a DestinationRule with host {host} and tls "
            f"mode DISABLE{' (and name it in require.wildcardHosts)' if wide else ''}",
            related=tuple(related),
            decided=any(winner.is_certain for winner in among),
            key=host,
            group=SharedCause(
                f"{rule.ref}",
                f"{host} ({why})",
                functools.partial(several, among[0].entry.rules[0].host, names(among)),
                f"add to namespace {rule.namespace} a DestinationRule with tls mode DISABLE for "
                "each of these hosts",
            ),
        )


def several(wildcard: str, clients: str, reached_hosts: Sequence[str]) -> str:
    """The message on several hosts that one wildcard reaches."""
    return (
        f"for {len(reached_hosts)} hosts this rule for {wildcard} wins at the clients {clients}: "
        f"{listed(reached_hosts)} get the mesh's mutual TLS, which nothing there can answer"
    )


RULE = Rule(
    id="DR012",
    name="wildcard-reaches-outside",
    severity=Severity.ERROR,
    summary="A wildcard rule with ISTIO_MUTUAL wins for a host without a sidecar.",
    fix="add an exact rule with mode DISABLE for the host, in the namespace of the wildcard",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset({dr.KIND}),
    check=check,
)
