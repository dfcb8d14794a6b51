"""An exportTo that reaches nobody.

What it checks
    `exportTo` of a DestinationRule that names more than its own namespace: whether one client
    elsewhere gets the rule by it. In a namespace that is neither the root namespace nor that of a
    service the host covers, nobody can; elsewhere each named namespace is asked.

    ```yaml
    metadata: {name: userprofile, namespace: billing}   # the Service is in boards
    spec:
      host: userprofile.boards.svc.cluster.local
      exportTo: ["*"]   # only clients in billing ever look here
    ```

Why it matters
    The rule reads as if others used it too. Who edits it expects a change that will not come, and
    who looks for the rule of another client looks in the wrong place.

How to fix
    Write `exportTo: ["."]`, or move the rule to where those clients look.

Known gaps
    Named namespaces of which the inventory has no client are taken as reached. A `*` on the lookup
    path is never reported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshgate.mesh import Service, Workload
from meshgate.mesh.destination_rule import DestinationRule
from meshgate.mesh.lookup import HostRules
from meshgate.model import Severity
from meshgate.rules import destination_rule as dr
from meshgate.rules import inventory
from meshgate.rules.context import Context
from meshgate.rules.inventory import Inventory
from meshgate.rules.rule import Needs, Phase, Rule, Violation
from meshgate.rules.wording import listed


def check(context: Context) -> Iterator[Violation]:
    root = context.environment.mesh.root_namespace
    known = inventory.of(context)
    if known is None:
        return
    for rule in dr.seen(context):
        others = rule.export_to - {".", "~", rule.namespace}
        services = known.services(rule.host) if others else []
        if not services or not rule.sees(rule.namespace) or not known.has_clients(rule.namespace):
            continue
        if rule.namespace not in {root, *(service.namespace for service in services)}:
            why = f"only clients of {rule.namespace} look here for {rule.host}"
        elif "*" not in others and not any(
            gets(known, rule, services, name) is not False for name in others
        ):
            why = f"no client of {listed(sorted(others))} gets this rule for {rule.host}"
        else:
            continue
        yield Violation(
            rule.resource,
            "spec.exportTo",
            f"exportTo {', '.join(sorted(rule.export_to))} changes nothing: {why}",
        )


def gets(
    known: Inventory, rule: DestinationRule, services: Sequence[Service], namespace: str
) -> bool | None:
    """Whether some client of a namespace uses the rule; None: it is not known."""
    clients = known.clients(namespace)
    if not clients:
        return None
    return any(uses(known, rule, service, client) for service in services for client in clients)


def uses(known: Inventory, rule: DestinationRule, service: Service, client: Workload) -> bool:
    """Whether a client uses the rule for a service, in some order of creation."""
    if not service.visible_in(client.namespace):
        return False
    choices = HostRules(known.mesh.rules, service).choices(client.namespace, client.labels)
    return any(
        merged.resource is rule.resource
        for choice in choices
        if choice.entry is not None
        for merged in choice.entry.rules
    )


RULE = Rule(
    id="DR018",
    name="export-widens-nothing",
    severity=Severity.INFO,
    summary="exportTo names namespaces in which no client gets the rule.",
    fix='write exportTo ["."], or move the rule to where those clients look',
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset({dr.KIND}),
    check=check,
)
