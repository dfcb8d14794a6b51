"""A workload without a sidecar in a namespace that injects one.

What it checks
    Workloads that have no sidecar though their namespace asks for injection, unless a Service that
    selects them is declared in `mesh.outside`.

    ```yaml
    kind: Namespace                        kind: Deployment      # boards/rogue
    metadata:                              spec:
      labels: {istio-injection: enabled}     template: {metadata: {labels:
                                               {sidecar.istio.io/inject: "false"}}}
    ```

Why it matters
    It sends plaintext, so every STRICT server refuses it, and whatever is PERMISSIVE it can read
    without showing who it is. It is the rogue pod, or an application that somebody forgot.

How to fix
    Let it have a sidecar, or declare its host in `mesh.outside` with the reason.

Known gaps
    A pod in a namespace without injection is no finding; a pod of the host network never gets a
    sidecar and is reported here too.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import DataPlane, Mesh
from meshgate.mesh.injection import injects, is_infrastructure
from meshgate.model import Severity
from meshgate.rules.context import Context
from meshgate.rules.outside import OutsideHosts
from meshgate.rules.rule import Needs, Phase, Rule, Violation

WITHOUT_HOST = (
    "let the workload have a sidecar (for a Job one that ends with it: a native sidecar), or waive "
    "this: no Service selects it, so there is no host to declare in mesh.outside"
)


def check(context: Context) -> Iterator[Violation]:
    mesh = context.mesh
    if mesh is None:
        return
    injected = {
        namespace.name
        for namespace in context.resources.of("Namespace")
        if injects(namespace.labels, mesh.facts)
    }
    declared, served = declared_outside(mesh), behind_services(mesh)
    for workload in mesh.workloads:
        if (
            workload.plane is DataPlane.NONE
            and workload.namespace in injected
            and workload.kind != "WorkloadEntry"
            and not is_infrastructure(workload.labels)
            and id(workload) not in declared
        ):
            yield Violation(
                workload.resource,
                "spec",
                f"{workload} has no sidecar in namespace {workload.namespace}, which injects one"
                + (", and no Service of it is declared outside" if id(workload) in served else "")
                + ": it sends plaintext, and STRICT servers refuse it",
                fix="" if id(workload) in served else WITHOUT_HOST,
            )


def behind_services(mesh: Mesh) -> set[int]:
    """The workloads that some Service selects: a Job or a scraper has no host to declare."""
    return {
        id(endpoint.workload)
        for service in mesh.services
        for ends in service.endpoints.values()
        for endpoint in ends
    }


def declared_outside(mesh: Mesh) -> set[int]:
    """The workloads behind Services that `mesh.outside` declares."""
    outside = OutsideHosts(mesh.facts)
    return {
        id(endpoint.workload)
        for service in mesh.services
        if outside.covers(service.host)
        for ends in service.endpoints.values()
        for endpoint in ends
        if endpoint.workload is not None
    }


RULE = Rule(
    id="CA007",
    name="workload-outside-mesh",
    severity=Severity.WARNING,
    summary="A workload without sidecar in a namespace with injection, not declared outside.",
    fix="let the workload have a sidecar, or declare its host in mesh.outside with the reason",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset({"Namespace"}),
    check=check,
)
