"""A rule where no client ever looks.

What it checks
    DestinationRules in a namespace that is neither the root namespace, nor that of a service their
    host covers, nor one with clients that have a sidecar or are gateways; and rules in a namespace
    with clients whose `exportTo` leaves their own namespace out.

    ```yaml
    metadata: {name: userprofile, namespace: policies}   # "all our policies live here"
    spec:
      host: userprofile.boards.svc.cluster.local
    ```

Why it matters
    A client looks for a rule in its own namespace, then in the service's, then in the root
    namespace, and nowhere else: `exportTo: ["*"]` does not change that. A rule in a fourth place is
    accepted and never used.

How to fix
    Move the rule into the service's namespace, or into the root namespace.

Known gaps
    A namespace of which the inventory has no workload is not decidable. Private rules of the root
    namespace are taken to have a gateway there. What a Sidecar resource hides is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import Service
from meshgate.mesh.destination_rule import DestinationRule
from meshgate.model import Severity
from meshgate.rules import destination_rule as dr
from meshgate.rules import inventory
from meshgate.rules.call_repairs import CAUTION
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation
from meshgate.rules.wording import listed


def check(context: Context) -> Iterator[Violation]:
    facts = context.environment.mesh
    known = inventory.of(context)
    if known is None:
        return
    for rule in dr.seen(context):
        services = known.services(rule.host)
        if not services or rule.namespace == facts.root_namespace or not rule.namespace:
            continue
        private = rule.is_private(facts.default_destination_rule_export_to)
        if not private and any(service.namespace == rule.namespace for service in services):
            continue
        clients = known.has_clients(rule.namespace) if rule.sees(rule.namespace) else False
        if not clients:
            homes = listed(dict.fromkeys(service.namespace for service in services))
            others = (
                "the rule is for no other namespace"
                if private
                else f"clients of other namespaces look for {rule.host} in their own, in {homes} "
                f"and in {facts.root_namespace}"
            )
            yield off_path(rule, services[0], others, facts.root_namespace, clients)


def off_path(
    rule: DestinationRule, service: Service, others: str, root: str, clients: bool | None
) -> Violation:
    """The finding on one rule."""
    decided = clients is not None
    if not decided:
        why = f"the inventory has no workload of {rule.namespace}, where its clients would be"
    elif rule.sees(rule.namespace):
        why = f"{rule.namespace} has no client with a sidecar"
    else:
        why = f"its exportTo leaves out {rule.namespace} itself"
    return Violation(
        rule.resource,
        "metadata.namespace",
        f"{why}, and {others}: nobody {'gets' if decided else 'may get'} this rule",
        fix=f"move the rule to namespace {service.namespace}, or to {root}{CAUTION}",
        related=(RelatedResource(service.resource, "is the service", "metadata.name"),),
        decided=decided,
    )


RULE = Rule(
    id="DR006",
    name="off-lookup-path",
    severity=Severity.ERROR,
    summary="The rule is in a namespace where no client looks for its host.",
    fix="move the rule to the service's namespace, or to the root namespace",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset({dr.KIND}),
    check=check,
)
