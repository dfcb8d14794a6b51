"""The number of a Service's port where the pod's port is meant.

What it checks
    Keys of `portLevelMtls` that are the `port` of a Service selecting the workload, and neither the
    `targetPort` of one nor a port that a container declares.

    ```yaml
    kind: Service                        kind: PeerAuthentication
    spec:                                spec:
      ports: [{port: 80,                   selector: {matchLabels: {app: boards}}
               targetPort: 8080}]          portLevelMtls: {"80": {mode: PERMISSIVE}}   # 8080
    ```

Why it matters
    `portLevelMtls` counts the pod's ports; a DestinationRule's `portLevelSettings` counts the
    Service's. With the wrong one the exception is for a port that nobody listens on, and the real
    port stays as it was.

How to fix
    Write the target port.

Known gaps
    An application that listens on a port which neither a Service nor its container declares looks
    the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import Mesh, Mode, Service, Workload
from meshgate.model import Severity, join_path
from meshgate.rules import peer_authentication as pa
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation
from meshgate.rules.wording import listed


def check(context: Context) -> Iterator[Violation]:
    mesh = context.mesh
    if mesh is None:
        return
    behind = services_by_workload(mesh)
    for policy in pa.seen(context):
        if not policy.selector or policy.namespace == mesh.facts.root_namespace:
            continue
        selected = mesh.selected(policy.namespace, policy.selector)
        for key in policy.ports:
            for workload in selected:
                mistake = mistaken(workload, key, behind.get(id(workload), ()))
                if mistake is not None:
                    service, targets = mistake
                    closes = policy.ports[key] is Mode.STRICT
                    yield Violation(
                        policy.resource,
                        join_path("spec", "portLevelMtls", str(key)),
                        f"{key} is the port of {service.host}; {workload} listens on "
                        f"{listed(map(str, targets))}, and only that number means anything here",
                        fix=f"write {listed(map(str, targets))} instead of {key}",
                        related=(RelatedResource(service.resource, "has this port", "spec.ports"),),
                        explains=frozenset(
                            f"{each}:{target}" for each in selected for target in targets if closes
                        ),
                    )
                    break


def services_by_workload(mesh: Mesh) -> dict[int, list[Service]]:
    """The Services in front of each workload."""
    by_workload: dict[int, list[Service]] = {}
    for service in mesh.services:
        if service.kubernetes:
            for each in {
                id(endpoint.workload): endpoint.workload
                for endpoints in service.endpoints.values()
                for endpoint in endpoints
                if endpoint.workload is not None
            }:
                by_workload.setdefault(each, []).append(service)
    return by_workload


def mistaken(
    workload: Workload, number: int, services: Iterator[Service] | list[Service] | tuple[()]
) -> tuple[Service, list[int]] | None:
    """The Service whose port this is, and where it leads; None: it is a port of the pod."""
    if any(port.number == number for port in workload.ports):
        return None
    leads: dict[int, tuple[Service, list[int]]] = {}
    for service in services:
        for port, endpoints in service.endpoints.items():
            targets = sorted({each.port for each in endpoints if each.workload is workload})
            if number in targets:
                return None
            if targets:
                leads.setdefault(port, (service, targets))
    return leads.get(number)


RULE = Rule(
    id="PA006",
    name="service-port-in-port-level-mtls",
    severity=Severity.ERROR,
    summary="portLevelMtls names the port of a Service, not the port of the pod.",
    fix="write the target port of the Service",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset({pa.KIND}),
    check=check,
)
