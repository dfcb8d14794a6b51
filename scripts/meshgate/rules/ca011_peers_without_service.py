"""Pods of a StatefulSet that call each other by address, past the mesh.

What it checks
    The governing Service of every StatefulSet whose pods have a sidecar: `serviceName` has to name
    a Service of the namespace that is headless and selects these pods.

    ```yaml
    kind: StatefulSet
    metadata: {name: cache, namespace: shop}
    spec:
      serviceName: cache-peers       # there is no such Service
    ```

Why it matters
    The members of a cluster call each other by pod name or address. Sidecars know the addresses of
    pods by headless Services only: without one such calls are passed through in plaintext, and
    peers that are STRICT refuse them. With a Service of another sort the pods have no names.

How to fix
    Add the headless Service (`clusterIP: None`) that `serviceName` names, with the selector of the
    StatefulSet and every port that its members call.

Known gaps
    Whether the members call each other at all is not known, nor by which ports.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import Mesh, Workload, hosts
from meshgate.mesh.services import Resolution
from meshgate.model import Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation


def check(context: Context) -> Iterator[Violation]:
    mesh = context.mesh
    for workload in mesh.workloads if mesh is not None else ():
        if mesh is not None and workload.kind == "StatefulSet" and workload.has_sidecar:
            yield from governing(mesh, workload)


def governing(mesh: Mesh, workload: Workload) -> Iterator[Violation]:
    """What is wrong with the Service that a StatefulSet names."""
    name = workload.resource.spec.get("serviceName")
    if not name:
        return
    host = hosts.of_service(str(name), workload.namespace, mesh.facts.cluster_domain)
    services = [service for service in mesh.services_of(host) if service.kubernetes]
    related: tuple[RelatedResource, ...] = ()
    if not services:
        what = "is no Service here"
    elif services[0].resolution is not Resolution.PASSTHROUGH:
        what = "is no headless Service"
    elif all(
        end.workload is not workload for ends in services[0].endpoints.values() for end in ends
    ):
        what = "selects none of its pods"
    else:
        return
    if services:
        related = (RelatedResource(services[0].resource, "is the Service", "spec"),)
    ports = ", ".join(str(port.number) for port in workload.ports)
    yield Violation(
        workload.resource,
        "spec.serviceName",
        f"{name}, which serviceName names, {what}: members of {workload} that call each other by "
        "address do so in plaintext past the mesh, and STRICT peers refuse them",
        fix=f"add a headless Service {name} in {workload.namespace}"
        + (f" with every port that members call, of {ports}" if ports else ""),
        related=related,
    )


RULE = Rule(
    id="CA011",
    name="peers-without-service",
    severity=Severity.ERROR,
    summary="The members of a StatefulSet have no headless Service, and call past the mesh.",
    fix="add the headless Service that serviceName names",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset(),
    check=check,
)
