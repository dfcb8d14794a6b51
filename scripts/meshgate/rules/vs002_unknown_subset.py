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
    Whether the rule with the subset is the one that each client gets is CA009's.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import Mesh, hosts
from meshgate.model import Resource, Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, SharedCause, Violation
from meshgate.rules.virtual_service import KIND, destinations
from meshgate.rules.wording import listed


def check(context: Context) -> Iterator[Violation]:
    mesh = context.mesh
    if mesh is None:
        return
    for service in context.resources.of(KIND):
        for path, destination in destinations(service):
            subset = destination.get("subset")
            host = hosts.expand(
                str(destination.get("host")), service.namespace or "", mesh.facts.cluster_domain
            )
            if subset:
                yield from unknown(mesh, service, path, host, str(subset))


def unknown(
    mesh: Mesh, service: Resource, path: str, host: str, subset: str
) -> Iterator[Violation]:
    """The finding on one destination, unless some rule for the host has the subset."""
    rules = [rule.resource for rule in mesh.rules.covering(host)]
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
    needs=Needs.INVENTORY,
    kinds=frozenset({KIND}),
    check=check,
)
