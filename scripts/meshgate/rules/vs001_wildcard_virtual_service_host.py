"""A route for any host.

What it checks
    Every host of every VirtualService, for a wildcard (`*`, `*.example.com`) that the environment
    does not allow.

    ```yaml
    spec:
      hosts: ["*"]                # write boards.example.com
      gateways: [boards-gateway]
    ```

Why it matters
    A VirtualService with `*` takes every request of its gateways that no exact host takes, so the
    route to one application also answers for the names of others, the next one that is added
    included. Bound to the mesh, a wildcard changes the routes of services that its author never
    thought of.

How to fix
    Name the host that the route is for. A wildcard that is meant goes into
    `require.wildcardHosts` of the environment, with its namespace and without a mode.

Known gaps
    `*` on a VirtualService bound to the mesh is refused by istiod; SH004 reports that.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh.hosts import is_wildcard
from meshgate.model import Severity, join_path
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation
from meshgate.rules.wildcards import is_allowed


def check(context: Context) -> Iterator[Violation]:
    floor = context.environment.require
    for route in context.resources.of("VirtualService"):
        gateways = ", ".join(route.spec.get("gateways") or ["mesh (all sidecars)"])
        for index, host in enumerate(route.spec.get("hosts") or ()):
            if is_wildcard(host) and not is_allowed(floor, host, route.namespace):
                names = "every host name" if host == "*" else f"every name that ends in {host[1:]}"
                yield Violation(
                    route,
                    join_path("spec", "hosts", index),
                    f"routes {names} for {gateways}: requests for other applications match too",
                    fix=f"name the hosts that are meant instead of {host!r}",
                )


RULE = Rule(
    id="VS001",
    name="wildcard-virtual-service-host",
    severity=Severity.ERROR,
    summary="A VirtualService has a wildcard host that the environment does not allow.",
    fix="name the hosts that are meant, or allow the wildcard in require.wildcardHosts",
    phase=Phase.STATE,
    needs=Needs.FACTS,
    kinds=frozenset({"VirtualService"}),
    check=check,
)
