"""Copies of requests that go to a host beyond the mesh.

What it checks
    The mirrors of every VirtualService: a host with a ServiceEntry that is not `MESH_INTERNAL`, or
    that lists addresses without a proxy of the mesh, and that `mesh.outside` does not name.

    ```yaml
    http:
    - mirror: {host: collector.example.com}     # gets every request, with its headers and body
      route:
      - destination: {host: cart.shop.svc.cluster.local}
    ```

Why it matters
    The call itself stays as it was: the answer comes from where it came from, under mutual TLS, and
    nobody sees a difference. The copy has the same headers and body, tokens included, and leaves as
    the DestinationRule of that host says; without one in plaintext.

How to fix
    Take the mirror out. If the copies are meant to leave, name the host and the reason under
    `mesh.outside` of the environment.

Known gaps
    Copies to a service of the mesh are left to the rules on calls to it.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import hosts
from meshgate.model import Severity
from meshgate.rules.context import Context
from meshgate.rules.outside import OutsideHosts, ServiceEntryHosts
from meshgate.rules.rule import Needs, Phase, Rule, Violation
from meshgate.rules.virtual_service import KIND, destinations


def check(context: Context) -> Iterator[Violation]:
    facts = context.environment.mesh
    declared, entries = OutsideHosts(facts), ServiceEntryHosts(context)
    for routing in context.resources.of(KIND):
        for path, destination in destinations(routing):
            name = str(destination.get("host") or "")
            if ".mirror" not in path or not name:
                continue
            host = hosts.expand(name, routing.namespace or "", facts.cluster_domain)
            if entries.leads_out(host) and not declared.covers(host):
                yield Violation(
                    routing,
                    f"{path}.host",
                    f"every request on this route is copied to {host}, which is beyond the mesh",
                    about=host,
                )


RULE = Rule(
    id="VS006",
    name="copies-leave-the-mesh",
    severity=Severity.ERROR,
    summary="A mirror sends copies of requests to a host beyond the mesh.",
    fix="take the mirror out, or name the host and the reason under mesh.outside",
    phase=Phase.STATE,
    needs=Needs.FACTS,
    kinds=frozenset({KIND, "ServiceEntry"}),
    check=check,
)
