"""A gateway that takes requests for any host.

What it checks
    Every host of every server of an Istio Gateway, for a wildcard (`*`, `*.example.com`) that the
    environment does not allow. The part before a slash names the namespaces whose VirtualServices
    may use the host; a `*` there is not a wildcard host.

    ```yaml
    spec:
      servers:
        - port: {number: 80, name: http, protocol: HTTP}
          hosts: ["*"]   # write boards.example.com
    ```

Why it matters
    A gateway with `*` serves names that nobody meant to publish: any VirtualService that binds to
    it can open a route from outside, for any host, and two gateways with overlapping hosts on one
    port fight for the request. The host list is the one place where a reviewer sees what the mesh
    shows to the world.

How to fix
    List the real hosts. A wildcard that is meant, such as a wildcard domain of one team, goes into
    `require.wildcardHosts` of the environment with its namespace.

Known gaps
    A server in mode AUTO_PASSTHROUGH, as east-west gateways have, publishes nothing by its hosts:
    the server name of mesh mTLS alone leads it, and it is left out.
    Gateways of the Kubernetes Gateway API are not read.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh.gateways import AUTO_PASSTHROUGH
from meshgate.mesh.hosts import is_wildcard
from meshgate.model import JSONObject, Resource, Severity, join_path
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation
from meshgate.rules.wildcards import is_allowed


def check(context: Context) -> Iterator[Violation]:
    for gateway in context.resources.of("Gateway"):
        if gateway.group == "networking.istio.io":
            for index, server in enumerate(gateway.spec.get("servers") or ()):
                yield from wildcards(context, gateway, index, server)


def wildcards(
    context: Context, gateway: Resource, index: int, server: JSONObject
) -> Iterator[Violation]:
    """The wildcard hosts of one server that nobody allowed."""
    mode = (server.get("tls") or {}).get("mode")
    if mode == AUTO_PASSTHROUGH:
        # It takes only names of the mesh's own clusters, which no VirtualService can add to.
        return
    port = (server.get("port") or {}).get("number")
    for at, entry in enumerate(server.get("hosts") or ()):
        host = str(entry).rpartition("/")[2]
        floor = context.environment.require
        if is_wildcard(host) and not is_allowed(floor, host, gateway.namespace, mode):
            yield Violation(
                gateway,
                join_path("spec", "servers", index, "hosts", at),
                f"port {port} takes requests for {names(host)}: any VirtualService bound to this "
                "gateway can publish a service under such a name",
                fix=f"list the hosts that are meant instead of {host!r}",
            )


def names(host: str) -> str:
    """What a wildcard stands for."""
    return "every host name" if host == "*" else f"every host name that ends in {host[1:]}"


RULE = Rule(
    id="GW001",
    name="wildcard-gateway-host",
    severity=Severity.ERROR,
    summary="A Gateway server takes a wildcard host that the environment does not allow.",
    fix="list the hosts that are meant, or allow the wildcard in require.wildcardHosts",
    phase=Phase.STATE,
    needs=Needs.FACTS,
    kinds=frozenset({"Gateway"}),
    check=check,
)
