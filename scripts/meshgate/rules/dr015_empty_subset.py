"""A subset that divides nothing.

What it checks
    Subsets of DestinationRules: without labels, and, with an inventory, with labels that no
    endpoint of the host carries.

    ```yaml
    spec:
      host: userprofile.boards.svc.cluster.local
      subsets:
        - name: v1
          labels: {version: v1}   # the pods carry version: "1"
    ```

Why it matters
    A route to a subset that selects no pod answers 503. A subset without labels holds every
    endpoint of the host: a route to `v1` then reaches all versions, and a canary's share means
    nothing.

How to fix
    Write the labels that the pods of this subset carry. If a subset without labels is only a name
    for other settings, keep it and waive the note.

Known gaps
    A rule for a gateway (its pods by the inventory, or a host whose name ends in `gateway`) is left
    alone: a subset there is a usual way to give each outside host its own settings. A host
    without a known endpoint is not decidable. Labels that Istio takes from the node or the cluster
    (`topology.kubernetes.io/…`, `topology.istio.io/…`) are taken to match.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshgate.mesh import Service, selectors
from meshgate.mesh.destination_rule import DestinationRule
from meshgate.model import JSONObject, Severity, join_path
from meshgate.rules import destination_rule as dr
from meshgate.rules import inventory
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation

# Istio adds these to an endpoint, from its node and cluster.
LOCALITY = ("topology.kubernetes.io/", "topology.istio.io/")


def check(context: Context) -> Iterator[Violation]:
    known = inventory.of(context)
    for rule in dr.seen(context):
        subsets = rule.resource.spec.get("subsets") or ()
        services = known.services(rule.host) if known and subsets else []
        for i, subset in enumerate(subsets):
            if subset.get("labels"):
                if services:
                    yield from unselected(rule, i, subset, services)
            elif not is_gateway(rule.host, services):
                yield Violation(
                    rule.resource,
                    join_path("spec", "subsets", i, "name"),
                    f"subset {subset.get('name')} has no labels: "
                    f"it holds every endpoint of {rule.host}",
                    severity=Severity.INFO,
                )


def unselected(
    rule: DestinationRule, i: int, subset: JSONObject, services: Sequence[Service]
) -> Iterator[Violation]:
    """The finding on a subset whose labels no endpoint carries."""
    wanted = {
        name: value
        for name, value in selectors.labels(subset["labels"]).items()
        if not name.startswith(LOCALITY)
    }
    endpoints = [endpoint for service in services for endpoint in inventory.endpoints(service)]
    if not wanted or any(selectors.matches(wanted, each.labels) for each in endpoints):
        return
    asked = ", ".join(f"{key}={value}" for key, value in wanted.items())
    none = f"the inventory knows no endpoint of {rule.host}, with or without {asked}"
    yield Violation(
        rule.resource,
        join_path("spec", "subsets", i, "labels"),
        f"subset {subset.get('name')}: "
        + (
            f"no pod behind {rule.host} carries {asked}, and a route to the subset answers 503"
            if endpoints
            else none
        ),
        decided=bool(endpoints),
    )


def is_gateway(host: str, services: Sequence[Service]) -> bool:
    """Whether gateways stand behind the host, by the inventory or by its name."""
    if services:
        return all(map(inventory.is_gateway, services))
    return host.partition(".")[0].endswith("gateway")


RULE = Rule(
    id="DR015",
    name="empty-subset",
    severity=Severity.WARNING,
    summary="A subset without labels, or whose labels select no pod.",
    fix="write the labels that the pods of the subset carry",
    phase=Phase.STATE,
    needs=Needs.POLICIES,
    sharper_with=Needs.INVENTORY,
    kinds=frozenset({dr.KIND}),
    check=check,
)
