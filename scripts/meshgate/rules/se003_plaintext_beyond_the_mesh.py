"""Plaintext that proxies send to a host beyond the mesh, which nobody has named.

What it checks
    The calls of clients with a sidecar, and of gateways, to hosts of ServiceEntries that
    `mesh.outside` does not name: ports that are not declared TLS or HTTPS, where no DestinationRule
    that these clients get originates TLS. Where a rule does, also the clients of its namespace or
    of the host's that miss it: a Sidecar resource hides the host, so that calls are passed through
    as they are, or pods leave the port out of what their proxy takes.

    ```yaml
    kind: ServiceEntry
    spec:
      hosts: [rates.example.com]
      location: MESH_EXTERNAL
      ports: [{number: 80, name: http, protocol: HTTP}]   # and no DestinationRule with SIMPLE
    ```

Why it matters
    Whoever is on the way reads and changes what leaves, tokens included, and nothing proves that
    the answer is from that host. A ServiceEntry with `MESH_INTERNAL` changes nothing of that: the
    mesh has no certificate of an address that it does not run.

How to fix
    Originate TLS with a DestinationRule of mode SIMPLE or MUTUAL, or declare the port TLS or HTTPS
    where the application brings TLS itself. Name a host that is called in plaintext on purpose,
    with the reason, in `mesh.outside`; a name with `*` stands for all hosts below it.

Known gaps
    What applications send over a TCP port is not known, and may be TLS: declare the port TLS then.
    Hosts that no ServiceEntry has are passed through as they are; `outboundTrafficPolicy:
    REGISTRY_ONLY` stops them. HTTP to port 443 is SE002's; copies of requests are VS006's; TLS that
    a rule means to originate and loses is DR009's and DR011's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshgate.mesh import (
    CallClass,
    ClientClass,
    DataPlane,
    Mesh,
    Outcome,
    Service,
    Transport,
    protocols,
)
from meshgate.mesh.destination_rule import DestinationRule
from meshgate.mesh.scopes import is_blocking
from meshgate.mesh.terms import ORIGINATED
from meshgate.model import Resource, Severity
from meshgate.rules.context import Context
from meshgate.rules.outside import OutsideHosts
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation
from meshgate.rules.se002_http_to_tls_port import is_http_to_tls_port, is_lost, place
from meshgate.rules.wording import listed
from meshgate.wording import agree

KIND = "ServiceEntry"
PROXIES = frozenset({DataPlane.SIDECAR, DataPlane.GATEWAY})
FIXES = {
    "Sidecar": "import what these clients call, set outboundTrafficPolicy to REGISTRY_ONLY, or "
    "name the hosts and the reason under mesh.outside",
}
AT_PORT = (
    "take the port out of excludeOutboundPorts of these pods, or name the hosts and the reason "
    "under mesh.outside"
)
ARRIVES = frozenset({Outcome.EXTERNAL, Outcome.OK_PLAINTEXT})


def check(context: Context) -> Iterator[Violation]:
    mesh = context.mesh
    if mesh is None:
        return
    declared = OutsideHosts(context.environment.mesh)
    around: dict[str, tuple[Resource, dict[str, None], dict[str, None]]] = {}
    for service in mesh.services:
        if service.kubernetes or declared.covers(service.host):
            continue
        calls = [
            call
            for call in mesh.call_classes([service])
            if leaves_in_plaintext(call) and not is_lost(mesh, call)
        ]
        yield from _sent(mesh, service, calls)
        for client, resource, port in _around_proxies(mesh, service):
            how = _how(resource)
            _, ports, clients = around.setdefault(f"{how}{resource}", (resource, {}, {}))
            ports[f"{service.host}:{port}"] = None
            clients.update({str(each): None for each in client.members})
    for resource, ports, clients in around.values():
        yield Violation(
            resource,
            "spec.egress" if resource.kind == "Sidecar" else "spec.host",
            f"{_how(resource)} {listed(ports)}: what {listed(clients)} "
            f"{agree(len(clients), 'sends', 'send')} leaves as it is, without the TLS that a "
            "DestinationRule has proxies originate",
            fix=FIXES.get(resource.kind, AT_PORT),
            key="around",
        )


def _how(resource: Resource) -> str:
    if resource.kind == "Sidecar":
        return f"{resource} hides"
    return "clients go around their own proxies (excludeOutboundPorts) to"


def _around_proxies(mesh: Mesh, service: Service) -> Iterator[tuple[ClientClass, Resource, int]]:
    """The clients that miss the TLS which a rule of theirs originates, and what makes them.

    A rule or host is theirs where it lies in their namespace: what others import is no promise.
    """
    rules = [rule for rule in mesh.rules.covering(service.host) if originates(rule)]
    places = {service.namespace, *(rule.namespace for rule in rules)} if rules else set()
    for client in mesh.clients.classes:
        if client.plane is not DataPlane.SIDECAR or client.namespace not in places:
            continue
        for port in service.ports:
            if port.protocol == protocols.TLS:
                continue
            if port.number in client.uncaptured:
                yield client, rules[0].resource, port.number
            elif hides := _hidden_by(mesh, client, service, port.number):
                yield client, hides, port.number


def _hidden_by(mesh: Mesh, client: ClientClass, service: Service, number: int) -> Resource | None:
    """The Sidecar resource that has a client's calls of a port passed through; None: none."""
    for scope in client.scopes if client.is_limited else ():
        if number not in scope.ports(service) and not is_blocking(scope.outbound, mesh.facts):
            return scope.policy.resource
    return None


def leaves_in_plaintext(call: CallClass) -> bool:
    """Whether proxies send what they get as it is, to an address that the mesh does not run."""
    return (
        call.clients.plane in PROXIES
        and call.clients.count > 0
        and not (call.is_copy or call.hidden)
        and call.port.protocol != protocols.TLS
        and any(
            each.transport is Transport.PLAINTEXT
            and each.by_transport in ARRIVES
            and (each.endpoint is None or each.endpoint.workload is None)
            for delivery in call.deliveries
            for each in (delivery, *delivery.alternatives)
        )
    )


def originates(rule: DestinationRule) -> bool:
    """Whether a rule has proxies originate TLS somewhere."""
    return any(each.mode in ORIGINATED for each in rule.places)


def _sent(mesh: Mesh, service: Service, calls: Iterable[CallClass]) -> Iterator[Violation]:
    """One finding for each port of a host that is called in plaintext."""
    by_port: dict[int, list[CallClass]] = {}
    for call in calls:
        if not is_http_to_tls_port(call):
            by_port.setdefault(call.port.number, []).append(call)
    for number, own in by_port.items():
        clients = list({str(each): None for call in own for each in call.clients.members})
        rules = {
            id(rule): rule for call in own for rule in (call.policy.rules if call.policy else ())
        }
        protocol = own[0].port.protocol
        declared = "not declared" if protocol == protocols.AUTO else f"declared {protocol}"
        yield Violation(
            service.resource,
            place(service.resource, number),
            f"{listed(clients)} {agree(len(clients), 'sends', 'send')} plaintext to "
            f"{service.host}:{number}, which is beyond the mesh and not named in mesh.outside: "
            f"the protocol is {declared}, and no DestinationRule originates TLS for them",
            fix="add a DestinationRule with mode SIMPLE for this port, declare it TLS where the "
            "application brings TLS itself, or name the host and the reason under mesh.outside",
            related=(
                *(RelatedResource(rule, "decides what they send") for rule in rules.values()),
                *(
                    RelatedResource(each, "routes requests there")
                    for each in routing(mesh, service)
                ),
            ),
            about=service.host,
            key=f"{service.host}:{number}",
        )


def routing(mesh: Mesh, service: Service) -> Iterator[Resource]:
    """The VirtualServices that name a host as a destination."""
    for policy in mesh.virtual_services:
        if any(each.host == service.host for route in policy.routes for each in route.named):
            yield policy.resource


RULE = Rule(
    id="SE003",
    name="plaintext-beyond-the-mesh",
    severity=Severity.WARNING,
    summary="Proxies send plaintext to a host beyond the mesh that mesh.outside does not name.",
    fix="originate TLS by a DestinationRule with SIMPLE, or name the host under mesh.outside",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset({KIND}),
    check=check,
)
