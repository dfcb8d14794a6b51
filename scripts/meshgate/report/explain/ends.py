"""Who calls, and what is called."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import DataPlane, Mesh, Workload
from meshgate.report.explain.explanation import Case, Chapter, Statement

INJECT = "sidecar.istio.io/inject"
INJECTION = "istio-injection"
# How many endpoints are named before they are only counted.
NAMED = 4

ROLES = {
    DataPlane.SIDECAR: "has a sidecar, which decides what goes out",
    DataPlane.AMBIENT: "is in ambient mode: ztunnel carries its calls, whatever a rule says",
    DataPlane.GATEWAY: "is a gateway: a client, with the rules of its own namespace first",
    DataPlane.NONE: "has no sidecar: its bytes go out as the application sends them",
}


def who_calls(case: Case) -> Chapter:
    """What stands between the client and the wire."""
    client = case.client
    role = ROLES.get(client.plane, f"may have a sidecar or not: {client.plane_reason}")
    if client.plane is DataPlane.NONE and (why := without_sidecar(case.view.mesh, client)):
        role += f" ({why})"
    place = case.view.locate(client.resource, "metadata.name")
    return Chapter("Who calls", (Statement(f"{client.kind} {client} {role}.", place),))


def without_sidecar(mesh: Mesh, client: Workload) -> str:
    """Why a workload has no sidecar, as far as labels tell."""
    if client.labels.get(INJECT) == "false":
        return f'its pods are labelled {INJECT}: "false"'
    namespace = mesh.namespaces.get(client.namespace)
    if namespace is not None and namespace.labels.get(INJECTION) != "enabled":
        return f"namespace {client.namespace} is not labelled {INJECTION}: enabled"
    return ""


def what_is_called(case: Case) -> Chapter:
    """The service, its port, and what stands behind it."""
    return Chapter("What is called", tuple(_called(case)))


def _called(case: Case) -> Iterator[Statement]:
    service, port = case.service, case.port
    kind = "Service" if service.kubernetes else "ServiceEntry"
    place = case.view.locate(service.resource, "metadata.name")
    name = f"{service.namespace}/{service.resource.name}"
    yield Statement(f"{kind} {name}: every client knows it as {service.host}.", place)
    name = f" ({port.name})" if port.name else ""
    if case.routed:
        yield Statement(f"VirtualServices send calls of it to {' and '.join(case.routed)}.")
    ends = service.endpoints.get(port.number, ())
    places = ", ".join(f"{end.workload or end.address}:{end.port}" for end in ends[:NAMED])
    more = f" and {len(ends) - NAMED} more" if len(ends) > NAMED else ""
    if ends:
        yield Statement(f"Port {port.number}{name} leads to {places}{more}.")
    else:
        reason = service.endpoints_unknown or "no workload of the inventory is behind it"
        yield Statement(f"Port {port.number}{name} leads nowhere that is known: {reason}.")
