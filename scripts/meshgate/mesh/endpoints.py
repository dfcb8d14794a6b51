"""What stands behind the ports of a Kubernetes Service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import structs

from meshgate.mesh import hosts, selectors
from meshgate.mesh.catalog import Catalog, namespace_of
from meshgate.mesh.selectors import LabelIndex
from meshgate.mesh.services import Endpoint, Resolution, Service, ServicePort
from meshgate.mesh.workloads import TLS_MODE, Workload
from meshgate.model import JSON, MeshFacts

Slices = dict[tuple[str, str], list["Slice"]]
_SERVICE_NAME = "kubernetes.io/service-name"


class Slice:
    """Endpoints that a dump or a person lists for a Service without selector."""

    __slots__ = ("addresses", "ports", "targets")

    def __init__(
        self, ports: Mapping[str, int], addresses: list[str], targets: list[str | None]
    ) -> None:
        self.ports = ports
        self.addresses = addresses
        # The Pod each address belongs to.
        self.targets = targets


def attach(
    service: Service,
    workloads: Mapping[str, LabelIndex[Workload]],
    slices: Slices,
    pods: Mapping[tuple[str, str], Workload],
    facts: MeshFacts,
) -> None:
    """Fill in the endpoints of a Kubernetes Service.

    With a selector they are the pods it selects, and WorkloadEntries where the Service has a
    cluster address; without one they are those listed in EndpointSlices.
    """
    if service.selector is not None:
        index = workloads.get(service.namespace)
        selected = index.select(service.selector) if index else []
        for port in service.ports:
            service.endpoints[port.number] = tuple(_selected(service, port, selected))
        if selected:
            return
    listed = slices.get((service.namespace, service.name))
    if listed is not None:
        for port in service.ports:
            service.endpoints[port.number] = tuple(_listed(service, port, listed, pods))
    elif is_declared_outside(service.host, facts):
        outside = Endpoint(
            service.namespace, None, service.host, 0, {}, mtls=False, may_be_pod=True
        )
        for port in service.ports:
            number = port.target if isinstance(port.target, int) else port.number
            service.endpoints[port.number] = (structs.replace(outside, port=number),)
    elif service.selector is None:
        service.endpoints_unknown = (
            f"Service {service.namespace}/{service.name} has no selector, "
            "and the inventory does not list its endpoints"
        )


def is_declared_outside(host: str, facts: MeshFacts) -> bool:
    """Whether a host is declared to have no sidecar; the API server's always is."""
    return host == facts.api_server_host or any(item.host == host for item in facts.outside)


def _selected(service: Service, port: ServicePort, selected: list[Workload]) -> Iterator[Endpoint]:
    for workload in selected:
        address = None
        if workload.kind == "WorkloadEntry":
            address = str(workload.resource.spec.get("address") or "")
            if service.resolution is not Resolution.STATIC or not hosts.is_address(address):
                continue
        number = _number(port, workload)
        if number is not None:
            yield Endpoint(
                service.namespace,
                workload,
                address,
                number,
                workload.labels,
                workload.labels.get(TLS_MODE) == "istio",
            )


def _number(port: ServicePort, workload: Workload) -> int | None:
    """The workload's port behind a service port; None: it lacks a port of that name (FindPort).

    A WorkloadEntry may remap a numbered target by the service port's own name
    (serviceInstanceFromWorkloadInstance).
    """
    if isinstance(port.target, int):
        if workload.kind == "WorkloadEntry":
            for candidate in workload.ports:
                if candidate.name == port.name:
                    return candidate.number
        return port.target
    for candidate in workload.ports:
        if candidate.name == port.target and candidate.protocol == "TCP":
            return candidate.number
    return None


def _listed(
    service: Service,
    port: ServicePort,
    listed: list[Slice],
    pods: Mapping[tuple[str, str], Workload],
) -> Iterator[Endpoint]:
    for part in listed:
        number = part.ports.get(port.name)
        if number is None:
            continue
        for address, target in zip(part.addresses, part.targets, strict=True):
            workload = pods.get((service.namespace, target)) if target else None
            own = workload.labels if workload else {}
            yield Endpoint(
                service.namespace,
                workload,
                None if workload else address,
                number,
                own,
                own.get(TLS_MODE) == "istio",
                may_be_pod=workload is None,
            )


def slices(catalog: Catalog) -> Slices:
    """EndpointSlices and Endpoints by namespace and Service name; slices win over Endpoints."""
    by_service: Slices = {}
    for resource in catalog.of("EndpointSlice"):
        owner = selectors.labels(resource.labels).get(_SERVICE_NAME)
        if owner:
            part = Slice(_port_map(resource.value.get("ports")), [], [])
            for item in _objects(resource.value.get("endpoints")):
                for address in item.get("addresses") or ():
                    part.addresses.append(str(address))
                    part.targets.append(_pod(item))
            by_service.setdefault((namespace_of(resource), owner), []).append(part)
    for resource in catalog.of("Endpoints"):
        key = (namespace_of(resource), resource.name)
        if key not in by_service:
            by_service[key] = [_subset(item) for item in _objects(resource.value.get("subsets"))]
    return by_service


def _subset(item: dict[str, JSON]) -> Slice:
    part = Slice(_port_map(item.get("ports")), [], [])
    for address in _objects(item.get("addresses")):
        part.addresses.append(str(address.get("ip")))
        part.targets.append(_pod(address))
    return part


def _pod(item: dict[str, JSON]) -> str | None:
    target = item.get("targetRef")
    if isinstance(target, dict) and target.get("kind") == "Pod":
        return str(target.get("name"))
    return None


def _port_map(value: JSON) -> dict[str, int]:
    return {
        str(item.get("name") or ""): item["port"]
        for item in _objects(value)
        if isinstance(item.get("port"), int)
    }


def _objects(value: JSON) -> Iterator[dict[str, JSON]]:
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict):
            yield item
