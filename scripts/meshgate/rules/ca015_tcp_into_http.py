"""Bytes of TCP reach a port that another Service declares HTTP.

What it checks
    The calls of clients with a sidecar to a Service port that is declared TCP, where the sidecar
    of the server takes HTTP on the port behind it: two Services with different protocols lead
    there, and the oldest decides.

    ```yaml
    kind: Service                                kind: Service            # the older one
    metadata: {name: ledger-tcp}                 metadata: {name: ledger}
    spec:                                        spec:
      selector: {app: ledger}                      selector: {app: ledger}
      ports: [{name: tcp, port: 9080}]             ports: [{name: http, port: 9080}]
    ```

Why it matters
    A sidecar has one inbound filter chain for a port, and what it takes is the protocol of the
    oldest Service. It parses what clients of the other Service send as HTTP, and answers 400 to all
    that is none. mTLS modes change nothing: auto mTLS or a DestinationRule is no cure.

How to fix
    Declare one protocol: give the port the same name prefix or appProtocol in both Services. Where
    the application speaks both, let it listen on two ports.

Known gaps
    Clients that send HTTP to the port that is declared TCP are served: what an application really
    sends is not known. A client that declares HTTP for a port that takes TCP works, too.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import Mesh, protocols
from meshgate.model import Severity
from meshgate.rules.broken_calls import Broken, broken_calls, violation
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation


def check(context: Context) -> Iterator[Violation]:
    if context.mesh is None:
        return
    for broken in broken_calls(context):
        if broken.is_misread:
            declaring = list(http_services(context.mesh, broken))
            who = f", as {declaring[0].resource} declares it" if declaring else ""
            yield violation(
                broken,
                f"calls from {broken.clients} to {broken.target} are declared TCP, and the "
                f"{broken.of_servers('sidecar', 'sidecars')} of {broken.servers} "
                f"{broken.of_servers('parses', 'parse')} them as HTTP{who}",
                "declare one protocol in all Services of that port, or let the application listen "
                "on a port of its own for each",
                at=lambda found: (found.call.service.resource, "spec.ports"),
                related=tuple(declaring[:1]),
            )


def http_services(mesh: Mesh, broken: Broken) -> Iterator[RelatedResource]:
    """The other Services that lead to the same port of the same server by HTTP."""
    end = broken.delivery.endpoint
    for service in mesh.services if end is not None else ():
        for port in service.ports:
            if (
                end is not None
                and port.protocol == protocols.HTTP
                and service is not broken.call.service
                and any(
                    each.workload is end.workload and each.port == end.port
                    for each in service.endpoints.get(port.number, ())
                )
            ):
                yield RelatedResource(service.resource, "declares the same port HTTP", "spec.ports")


RULE = Rule(
    id="CA015",
    name="tcp-into-http",
    severity=Severity.ERROR,
    summary="A TCP port leads to a server port that another Service declares HTTP.",
    fix="declare one protocol in all Services that lead to the port",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset(),
    check=check,
)
