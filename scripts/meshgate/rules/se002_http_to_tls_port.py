"""A port 443 outside the mesh that is declared HTTP, and gets no TLS.

What it checks
    The calls of clients with a sidecar, and of gateways, to hosts outside the mesh: ports of
    ServiceEntries that are declared HTTP (or HTTP2, GRPC) and lead to port 443, by `number` or
    `targetPort`, where no DestinationRule originates TLS.

    ```yaml
    kind: ServiceEntry
    spec:
      hosts: [rates.example.com]
      ports: [{number: 80, name: http, protocol: HTTP, targetPort: 443}]
    ---
    kind: DestinationRule
    spec:
      host: rates.example.com
      trafficPolicy: {tls: {mode: DISABLE}}          # or none at all
    ```

Why it matters
    The proxy takes HTTP from the application and sends it as it is, readable on the way, to a port
    where servers expect TLS: they answer 400 or close. An application that brings TLS itself fails
    too: the proxy parses its bytes as HTTP.

How to fix
    Where the proxy is to originate TLS, add a DestinationRule with mode SIMPLE for this port. Where
    the application brings TLS, declare the port TLS or HTTPS: the proxy then passes it on as it is.

Known gaps
    That a server on port 443 expects TLS is its registered use (RFC 9110, section 4.2.2), and not
    told by the files: waive the finding for one that speaks plain HTTP there. A port that is
    declared HTTPS or TLS is none of these, with mode DISABLE neither: the sidecar adds nothing to
    the TLS that the application brings. HTTP requests that are routed to such a port are VS004's.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import CallClass, DataPlane, Mesh, Outcome, Tls, Transport, protocols
from meshgate.mesh.terms import ORIGINATED
from meshgate.model import Resource, Severity, join_path
from meshgate.rules.context import Context
from meshgate.rules.dr009_port_entry_drops_tls import dropping
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation
from meshgate.rules.wording import listed
from meshgate.wording import agree

KIND = "ServiceEntry"
HTTPS_PORT = 443
PROXIES = frozenset({DataPlane.SIDECAR, DataPlane.GATEWAY})


def check(context: Context) -> Iterator[Violation]:
    mesh = context.mesh
    if mesh is None:
        return
    for service in mesh.services:
        if service.kubernetes:
            continue
        for port in service.ports:
            calls = [
                call
                for call in mesh.call_classes([service])
                if call.port is port and is_http_to_tls_port(call) and not is_lost(mesh, call)
            ]
            clients = list({str(each): None for call in calls for each in call.clients.members})
            if not clients:
                continue
            rules = {
                id(rule): rule
                for call in calls
                for rule in (call.policy.rules if call.policy else ())
            }
            meant = [
                rule.resource
                for rule in mesh.rules.covering(service.host)
                if any(each.mode in ORIGINATED for each in rule.places)
            ]
            meant = [each for each in meant if id(each) not in rules]
            via = "" if port.number == HTTPS_PORT else f" (port {port.number} leads there)"
            yield Violation(
                service.resource,
                place(service.resource, port.number),
                f"{listed(clients)} {agree(len(clients), 'sends', 'send')} plain HTTP to port "
                f"{HTTPS_PORT} of {service.host}{via}: the port is declared HTTP, and no "
                "DestinationRule originates TLS",
                fix="add a DestinationRule with mode SIMPLE for this port, or declare it TLS where "
                "the application brings TLS itself",
                related=(
                    *(RelatedResource(rule, "decides what they send") for rule in rules.values()),
                    *(RelatedResource(rule, "is a rule that they do not get") for rule in meant),
                ),
                key=f"{service.host}:{port.number}",
            )


def is_http_to_tls_port(call: CallClass) -> bool:
    """Whether proxies send requests to port 443 outside the mesh without TLS."""
    return (
        call.port.protocol == protocols.HTTP
        and call.clients.plane in PROXIES
        and call.clients.count > 0
        and not call.hidden
        and any(
            each.transport is Transport.PLAINTEXT
            and each.outcome is Outcome.EXTERNAL
            and (each.endpoint.port if each.endpoint else call.port.target) == HTTPS_PORT
            for each in call.deliveries
        )
    )


def is_lost(mesh: Mesh, call: CallClass) -> bool:
    """Whether a rule that these clients get means to originate TLS, and DR009 or DR011 says so."""
    policy = call.policy
    if policy is None:
        return False
    own = {id(rule) for rule in policy.rules}
    rules = [rule for rule in mesh.rules.covering(call.service.host) if id(rule.resource) in own]
    if policy.dropped:
        return all(rule.namespace != mesh.facts.root_namespace for rule in rules)
    return policy.tls is Tls.NONE and any(
        around.mode in ORIGINATED
        and entry.port == call.port.number
        and entry.subset in {None, call.subset}
        for rule in rules
        for entry, around in dropping(rule)
    )


def place(entry: Resource, number: int) -> str:
    """Where a ServiceEntry declares the protocol of a port."""
    for index, port in enumerate(entry.spec.get("ports") or ()):
        if port.get("number") == number:
            return join_path("spec", "ports", index, "protocol")
    return "spec.ports"


RULE = Rule(
    id="SE002",
    name="http-to-tls-port",
    severity=Severity.WARNING,
    summary="Plain HTTP is sent to port 443 of a host outside the mesh.",
    fix="originate TLS by a DestinationRule with SIMPLE, or declare the port TLS",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset({KIND}),
    check=check,
)
