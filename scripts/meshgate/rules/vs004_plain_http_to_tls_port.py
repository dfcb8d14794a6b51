"""HTTP requests that are routed to a TLS port without TLS.

What it checks
    Every `http` route of a VirtualService whose destination is a port declared HTTPS or TLS, for
    the clients it is for: gateways that end TLS, or sidecars. The clients must originate TLS there,
    by a DestinationRule with SIMPLE or MUTUAL.

    ```yaml
    kind: VirtualService
    spec:
      hosts: [dash.example.org]
      gateways: [gate/front]           # ends TLS: what is routed is plain HTTP
      http:
        - route:
            - destination: {host: dash.panel.svc.cluster.local, port: {number: 443}}   # https
    ```

Why it matters
    The proxy sends plain HTTP to a server that expects TLS and answers 400 or closes: clients see
    400 or 503 for every request. Mutual TLS of the mesh does not help: the server's sidecar ends
    it and hands plain HTTP to the application.

How to fix
    Add a DestinationRule with mode SIMPLE for this host and port in a namespace where these clients
    look, or route to a port that takes HTTP. If the application speaks HTTP there, correct the name
    of the Service port.

Known gaps
    What the application really speaks is not known: the declared protocol is believed. Ports of
    gateways, which end TLS themselves, are left out.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import CallClass, DataPlane, Transport, protocols
from meshgate.model import Severity
from meshgate.rules import inventory
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation
from meshgate.rules.virtual_service import KIND, HttpTarget, http_targets
from meshgate.rules.wording import listed
from meshgate.wording import agree

PLAIN = frozenset({Transport.PLAINTEXT, Transport.MTLS})


def check(context: Context) -> Iterator[Violation]:
    mesh = context.mesh
    if mesh is None:
        return
    for target in http_targets(context.resources, mesh):
        for service in mesh.services_of(target.host):
            port = service.port(target.port)
            if port is None or port.protocol != protocols.TLS or inventory.is_gateway(service):
                continue
            calls = [call for call in mesh.call_classes([service]) if is_plain(call, target)]
            clients = list({str(each): None for call in calls for each in call.clients.members})
            if clients:
                yield Violation(
                    target.routing,
                    target.path,
                    f"requests are routed to {service.host}:{target.port}, which is declared "
                    f"{port.name or 'TLS'}, and {listed(clients)} "
                    f"{agree(len(clients), 'sends', 'send')} it plain HTTP: the server expects TLS",
                    related=(RelatedResource(service.resource, "declares the port", "spec.ports"),),
                )


def is_plain(call: CallClass, target: HttpTarget) -> bool:
    """Whether these clients send requests of a route without TLS that reaches the application."""
    planes = {DataPlane.GATEWAY} if target.at_gateways else set()
    if target.at_sidecars:
        planes.add(DataPlane.SIDECAR)
    return (
        call.port.number == target.port
        and call.clients.plane in planes
        and call.clients.count > 0
        and not call.hidden
        and call.subset == target.subset
        and any(each.transport in PLAIN for each in call.deliveries)
    )


RULE = Rule(
    id="VS004",
    name="plain-http-to-tls-port",
    severity=Severity.ERROR,
    summary="HTTP requests are routed to a port that expects TLS, without TLS.",
    fix="originate TLS by a DestinationRule with SIMPLE, or route to a port that takes HTTP",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset({KIND}),
    check=check,
)
