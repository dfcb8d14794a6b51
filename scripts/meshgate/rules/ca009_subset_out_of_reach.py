"""Clients are routed to a subset that the rule they get does not define.

What it checks
    Every call of a client with a sidecar, and of a gateway, whose route names a subset that some
    DestinationRule of the host defines, though not the one that this client gets.

    ```yaml
    kind: DestinationRule
    metadata: {name: lamp, namespace: default}     # clients in north never look in default
    spec:
      host: lamp.north.svc.cluster.local
      subsets: [{name: v1, labels: {version: v1}}]
    ---
    kind: VirtualService
    metadata: {name: lamp, namespace: north}
    spec:
      hosts: [lamp]
      http: [{route: [{destination: {host: lamp, subset: v1}}]}]
    ```

Why it matters
    The subset is written down and the route is, too, so all looks well. But a client takes one rule
    for a host: of its own namespace, else of the service's, else of the root namespace. Where that
    one has no such subset its proxy has no cluster, and answers 503 (NC) to every request.

How to fix
    Move the rule with the subset to the service's namespace, or define the subset in the rule that
    these clients get.

Known gaps
    A subset that no rule at all defines is VS002's, a host that no service has VS003's.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import Mesh, Outcome, export_to
from meshgate.mesh.destination_rule import DestinationRule
from meshgate.model import MeshFacts, Severity
from meshgate.rules.broken_calls import Broken, broken_calls, violation
from meshgate.rules.call_repairs import CAUTION
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation
from meshgate.rules.wording import listed
from meshgate.wording import agree


def check(context: Context) -> Iterator[Violation]:
    mesh = context.mesh
    for broken in broken_calls(context):
        subset = broken.call.subset
        if broken.delivery.outcome is not Outcome.NO_CLUSTER or subset is None or mesh is None:
            continue
        defining = rules_with(mesh, broken.call.service.host, subset)
        if defining:
            yield out_of_reach(broken, defining, subset, mesh.facts)


def rules_with(mesh: Mesh, host: str, subset: str) -> list[DestinationRule]:
    """The rules for a host that define a subset."""
    return [
        rule
        for rule in mesh.rules.covering(host)
        if any(each.name == subset for each in rule.subsets)
    ]


def is_for_all(defining: list[DestinationRule], facts: MeshFacts) -> bool:
    """Whether it is one rule, and every client that finds it may have it."""
    rule, *others = defining
    exported = rule.export_to or facts.default_destination_rule_export_to
    return not others and rule.selector is None and export_to.PUBLIC in exported


def out_of_reach(
    broken: Broken, defining: list[DestinationRule], subset: str, facts: MeshFacts
) -> Violation:
    """The finding on one service port and subset."""
    names = listed(str(rule.resource) for rule in defining)
    policy = broken.call.policy
    own = policy.rules if policy is not None else ()
    gets = f"they get {listed(map(str, own))}" if own else "they get no rule for this host"
    home = broken.call.service.namespace
    return violation(
        broken,
        f"calls from {broken.clients} to {broken.target} are answered with 503 (no cluster): "
        f"{names} {agree(len(defining), 'defines', 'define')} the subset, but {gets}",
        f"define {subset} in the rule that these clients get"
        if own or defining[0].namespace == home
        else f"move {defining[0].resource} to namespace {home}, where these clients look{CAUTION}"
        if is_for_all(defining, facts)
        else f"define {subset} in a DestinationRule for {broken.call.service.host} in {home}, "
        "where these clients look",
        at=lambda _: (defining[0].resource, "metadata.namespace"),
    )


RULE = Rule(
    id="CA009",
    name="subset-out-of-reach",
    severity=Severity.ERROR,
    summary="Clients are routed to a subset that the rule they get does not define.",
    fix="define the subset in a rule that these clients get",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset(),
    check=check,
)
