"""A rule for a service that is not there.

What it checks
    The host of each DestinationRule, against the Services and ServiceEntries of the policies and
    the inventory. A wildcard must cover at least one of them.

    ```yaml
    metadata: {name: userprofile, namespace: billing}
    spec:
      host: userprofile   # userprofile.billing.svc.cluster.local; the Service is in boards
    ```

Why it matters
    A rule whose host no service has does nothing, and nobody says so. A short name means the
    service of that name in the rule's own namespace, never another one. An ExternalName Service is
    another name for its target: a rule must name the target. A ServiceEntry with a wildcard host is
    one service with that name, so a rule for one host under it matches nothing either.

How to fix
    Write the full name of the service, remove the rule if the service is gone, or add the missing
    object to the inventory.

Known gaps
    Where the inventory has nothing of a namespace its hosts are not decidable; nor are hosts beyond
    the cluster domain, whose ServiceEntry may live anywhere. Hosts that DR004 names are left to it.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import Service, hosts
from meshgate.mesh.destination_rule import DestinationRule
from meshgate.model import MeshFacts, Severity
from meshgate.rules import destination_rule as dr
from meshgate.rules import inventory
from meshgate.rules.call_repairs import CAUTION
from meshgate.rules.context import Context
from meshgate.rules.inventory import Inventory
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation
from meshgate.rules.spelling import Spelling


def check(context: Context) -> Iterator[Violation]:
    facts = context.environment.mesh
    known = inventory.of(context)
    if known is None:
        return
    spelling = Spelling(context)
    for rule in dr.seen(context):
        if known.services(rule.host) or hosts.is_subset(facts.api_server_host, rule.host):
            continue
        if spelling.flaw(rule) is None:
            yield unknown(rule, known, facts)


def unknown(rule: DestinationRule, known: Inventory, facts: MeshFacts) -> Violation:
    """The finding on one rule, with the service that was probably meant."""
    host, decided = rule.host, True
    namespace = hosts.service_namespace(host, facts.cluster_domain)
    target, wider = known.aliases.get(host), known.wildcard_over(host)
    meant = known.namesake(host)
    fix = instead(known, rule, meant) if meant else ""
    if target:
        why, fix = f"is an ExternalName, another name for {target}", f"write {target}"
    elif wider:
        why = f"is only a part of {wider.host}, and a rule must have that host or a wider one"
        fix = f"write {wider.host}, or add a ServiceEntry for {host}"
    elif meant and (
        hosts.is_in_cluster(host, facts.cluster_domain) or known.is_same_service(host, meant)
    ):
        why = f"is no service; {meant.host} is"
        decided = namespace is None or known.mesh.knows(namespace)
    elif not hosts.is_in_cluster(host, facts.cluster_domain):
        why, decided = "has no ServiceEntry at hand", False
    elif namespace and not known.mesh.knows(namespace):
        why, decided = f"may be there, but the inventory has nothing of {namespace}", False
    else:
        why = "is no Service and no ServiceEntry"
    return Violation(
        rule.resource,
        "spec.host",
        f"{host} {why}: the rule {'does' if decided else 'may do'} nothing",
        fix=fix,
        related=(RelatedResource(meant.resource, "has that name", "metadata.name"),)
        if meant and meant.host in fix
        else (),
        decided=decided,
        about=host,
    )


def instead(known: Inventory, rule: DestinationRule, meant: Service) -> str:
    """The host that was meant, unless a rule beside this one is for it."""
    for other in known.mesh.rules.covering(meant.host):
        if other.host == meant.host and other.resource.namespace == rule.resource.namespace:
            return f"merge it into {other.resource}, which is for {meant.host}"
    return f"write {meant.host}{CAUTION}"


RULE = Rule(
    id="DR005",
    name="unknown-host",
    severity=Severity.ERROR,
    summary="No Service and no ServiceEntry has the host.",
    fix="write the host of a service that is there, remove the rule, or complete the inventory",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset({dr.KIND, "ServiceEntry"}),
    check=check,
)
