"""A rule wants a name in the server's certificate that no server has.

What it checks
    `subjectAltNames` of each `tls` block. Under ISTIO_MUTUAL the servers have the identities of
    their service accounts, `spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT`: each server that the
    rule is for has to have one of the names. Under SIMPLE and MUTUAL that verify by the CAs of the
    operating system, names that no public CA signs are reported: those of the cluster and SPIFFE
    ids.

    ```yaml
    spec:
      host: cart.shop.svc.cluster.local       # runs as service account cart
      trafficPolicy:
        tls:
          mode: ISTIO_MUTUAL
          subjectAltNames: [spiffe://cluster.local/ns/shop/sa/default]
    ```

Why it matters
    The names of the rule take the place of those that istiod knows. A server with another name is
    refused by the client, each call ends with 503, and both policies look strict and right.

How to fix
    Remove `subjectAltNames`: Istio knows the service accounts behind a service. Or write the
    identity of every server.

Known gaps
    The certificates of servers outside the mesh are not known. Where the inventory has no workload
    behind the host nothing is reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import Endpoint, Service, Tls, Workload
from meshgate.mesh.destination_rule import DestinationRule, PolicyPlace
from meshgate.mesh.terms import ORIGINATED
from meshgate.model import MeshFacts, Severity
from meshgate.rules import destination_rule as dr
from meshgate.rules import inventory
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation
from meshgate.rules.wording import listed
from meshgate.wording import agree

SPIFFE = "spiffe://"
# What brings a CA of its own.
OWN_CA = ("caCertificates", "credentialName")


def check(context: Context) -> Iterator[Violation]:
    known = inventory.of(context)
    if known is None:
        return
    facts = context.environment.mesh
    for rule in dr.seen(context):
        for place in rule.places:
            names = {str(each) for each in (place.tls or {}).get("subjectAltNames") or ()}
            if not names:
                continue
            if place.mode == Tls.ISTIO_MUTUAL:
                for service in known.services(rule.host):
                    yield from other_identities(rule, place, service, (names, facts))
            elif place.mode in ORIGINATED:
                yield from unsigned(rule, place, names, facts)


def other_identities(
    rule: DestinationRule, place: PolicyPlace, service: Service, wanted: tuple[set[str], MeshFacts]
) -> Iterator[Violation]:
    """The finding on the servers of one service that have none of the names."""
    names, facts = wanted
    others: dict[str, Endpoint] = {}
    decided = True
    for number, ends in service.endpoints.items():
        if place.port is not None and number != place.port:
            continue
        for end in ends:
            workload = end.workload
            if workload is None or not workload.has_sidecar:
                continue
            if not dr.is_in_subset(rule, place.subset, end.labels):
                continue
            own = identity(workload)
            if f"{SPIFFE}{facts.trust_domain}{own}" not in names:
                others[f"{workload} ({SPIFFE}{facts.trust_domain}{own})"] = end
                # Perhaps the trust domain is another one, and only not declared.
                decided = decided and not any(name.endswith(own) for name in names)
    if others:
        first = next(iter(others.values())).workload
        assert first is not None
        yield Violation(
            rule.resource,
            place.path("tls", "subjectAltNames"),
            f"{listed(others)} {agree(len(others), 'has', 'have')} none of the names "
            f"{listed(sorted(names))}: clients refuse "
            f"{agree(len(others), 'its certificate', 'their certificates')}, and every call fails",
            related=(RelatedResource(first.resource, "is the server"),),
            decided=decided,
            key=service.host,
            explains=frozenset({service.host}),
        )


def identity(workload: Workload) -> str:
    """The name in the certificate of a workload, after the trust domain of the mesh."""
    return f"/ns/{workload.namespace}/sa/{workload.service_account}"


def unsigned(
    rule: DestinationRule, place: PolicyPlace, names: set[str], facts: MeshFacts
) -> Iterator[Violation]:
    """The finding on names that no CA of the operating system signs."""
    tls = place.tls or {}
    if tls.get("insecureSkipVerify") or any(tls.get(key) for key in OWN_CA):
        return
    suffix = f".{facts.cluster_domain}"
    never = [name for name in sorted(names) if name.startswith(SPIFFE) or name.endswith(suffix)]
    if never and len(never) == len(names):
        yield Violation(
            rule.resource,
            place.path("tls", "subjectAltNames"),
            f"no public CA signs {listed(never)}, and without caCertificates the proxy trusts "
            "those alone: every call fails",
            fix="name the CA in caCertificates or credentialName, or the server's public name",
        )


RULE = Rule(
    id="DR022",
    name="unmet-server-name",
    severity=Severity.ERROR,
    summary="subjectAltNames of a rule are in the certificate of no server.",
    fix="remove subjectAltNames, or write the identity of every server",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset({dr.KIND}),
    check=check,
)
