"""A route to a subset that no DestinationRule defines.

What it checks
    Each destination of a VirtualService with a `subset`: some DestinationRule whose host covers the
    destination must define it.

    ```yaml
    kind: VirtualService                 kind: DestinationRule
    spec:                                spec:
      http:                                host: userprofile.boards.svc.cluster.local
      - route:                             subsets: [{name: v1, labels: {version: v1}}]
        - destination:
            host: userprofile
            subset: v3                   # not there
    ```

Why it matters
    The proxy has no cluster for it and answers 503 (NC) to every request on this route.

How to fix
    Define the subset first, in a change of its own, then route to it.

Known gaps
    Without inventory only routes are judged to whose host some rule is there. Whether the rule with
    the subset is the one that each client gets is CA009's.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import structs

from meshgate.mesh import hosts
from meshgate.mesh.catalog import Catalog
from meshgate.mesh.destination_rules import DestinationRules
from meshgate.model import Resource, Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, SharedCause, Violation
from meshgate.rules.virtual_service import KIND, destinations
from meshgate.rules.wording import listed


def check(context: Context) -> Iterator[Violation]:
    services = list(context.resources.of(KIND))
    if not services:
        # Without routes the rules of thousands of hosts need not be filed.
        return
    facts = context.environment.mesh
    known = None if context.mesh is None else context.mesh.rules
    rules = known or DestinationRules(
        Catalog(context.resources.of("DestinationRule"), facts), facts
    )
    for service in services:
        for path, destination in destinations(service):
            subset = destination.get("subset")
            host = hosts.expand(
                str(destination.get("host")), service.namespace or "", facts.cluster_domain
            )
            covering = [rule.resource for rule in rules.covering(host)]
            # Without inventory these may not be all rules: another file may have the one.
            if subset and (known is not None or covering):
                decided = known is not None or context.complete
                found = unknown(covering, service, path, host, str(subset))
                yield from (structs.replace(each, decided=decided) for each in found)


def unknown(
    rules: list[Resource], service: Resource, path: str, host: str, subset: str
) -> Iterator[Violation]:
    """The finding on one destination, unless some rule for the host has the subset."""
    defined = {each.get("name") for rule in rules for each in rule.spec.get("subsets") or ()}
    if subset not in defined:
        known = f"; there is {listed(sorted(map(str, defined)))}" if defined else ""
        yield Violation(
            service,
            f"{path}.subset",
            f"no DestinationRule for {host} defines subset {subset}{known}: requests on this "
            "route are answered with 503",
            related=tuple(RelatedResource(rule, "covers the host", "spec") for rule in rules[:3]),
            group=SharedCause(
                f"{host} {subset}",
                str(service),
                lambda names: (
                    f"no DestinationRule for {host} defines subset {subset}{known}: requests on "
                    f"routes of {listed(names)} are answered with 503"
                ),
            ),
            about=host,
        )


RULE = Rule(
    id="VS002",
    name="unknown-subset",
    severity=Severity.ERROR,
    summary="A route names a subset that no DestinationRule defines.",
    fix="define the subset in the DestinationRule of the host, then route to it",
    phase=Phase.STATE,
    needs=Needs.POLICIES,
    sharper_with=Needs.INVENTORY,
    kinds=frozenset({KIND, "DestinationRule"}),
    check=check,
)
