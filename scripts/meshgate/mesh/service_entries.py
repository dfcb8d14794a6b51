"""ServiceEntries and WorkloadEntries: services and endpoints that Kubernetes does not know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from meshgate.mesh import hosts, protocols, selectors
from meshgate.mesh.catalog import Catalog, namespace_of
from meshgate.mesh.selectors import LabelIndex, Labels
from meshgate.mesh.services import Endpoint, Resolution, Service, ServicePort
from meshgate.mesh.terms import DataPlane
from meshgate.mesh.workloads import TLS_MODE, ContainerPort, Workload
from meshgate.model import JSON, JSONObject, Resource

_RESOLUTIONS = {
    "NONE": Resolution.PASSTHROUGH,
    "STATIC": Resolution.STATIC,
    "DNS": Resolution.DNS,
    "DNS_ROUND_ROBIN": Resolution.DNS_ROUND_ROBIN,
    "DYNAMIC_DNS": Resolution.DYNAMIC_DNS,
}
_DNS = frozenset({Resolution.DNS, Resolution.DNS_ROUND_ROBIN})
_UNIX = "unix://"


class EntryPort(Struct, frozen=True):
    """A port of a ServiceEntry; `target` is 0 where it is not set."""

    number: int
    name: str
    protocol: str
    target: int


NO_ACCOUNT = (
    "its WorkloadEntry has no serviceAccount, so clients send it plaintext, and whether a proxy "
    "runs there is not known"
)


def workload_entries(catalog: Catalog) -> Iterator[Workload]:
    """The WorkloadEntries as workloads.

    One that has label security.istio.io/tlsMode=istio, or no such label and a service account,
    runs a sidecar (getTLSModeFromWorkloadEntry). Toward one that has neither clients send
    plaintext; whether a proxy stands there all the same is not known.
    """
    for resource in catalog.of("WorkloadEntry"):
        spec = resource.spec
        own = {**selectors.labels(spec.get("labels")), **selectors.labels(resource.labels)}
        account = str(spec.get("serviceAccount") or "")
        if TLS_MODE not in own and account:
            own[TLS_MODE] = "istio"
        plane, reason = DataPlane.NONE, ""
        if own.get(TLS_MODE) == "istio":
            plane = DataPlane.SIDECAR
        elif TLS_MODE not in own:
            plane, reason = DataPlane.UNKNOWN, NO_ACCOUNT
        yield Workload(
            namespace=namespace_of(resource),
            name=resource.name,
            kind=resource.kind,
            labels=own,
            ports=tuple(
                ContainerPort(str(name), number)
                for name, number in _object(spec.get("ports")).items()
                if isinstance(number, int)
            ),
            plane=plane,
            service_account=account or "default",
            resource=resource,
            annotations=selectors.labels(resource.annotations),
            plane_reason=reason,
        )


def entry_services(
    catalog: Catalog, workloads: Mapping[str, LabelIndex[Workload]]
) -> Iterator[Service]:
    """One service per host of each ServiceEntry, with its endpoints.

    `workloads` are pods and WorkloadEntries by namespace: a workloadSelector takes both.
    """
    for resource in catalog.of("ServiceEntry"):
        spec = resource.spec
        namespace = namespace_of(resource)
        ports = tuple(_ports(spec.get("ports")))
        resolution = _RESOLUTIONS.get(str(spec.get("resolution") or "NONE"), Resolution.PASSTHROUGH)
        selector = spec.get("workloadSelector")
        exported: JSON = spec.get("exportTo")
        for host in _strings(spec.get("hosts")):
            service = Service(
                host=host,
                namespace=namespace,
                name=resource.name,
                resource=resource,
                ports=tuple(
                    ServicePort(port.number, port.name, port.protocol, port.target or port.number)
                    for port in ports
                    if port.protocol != protocols.UDP
                ),
                resolution=resolution,
                external=is_external(resource),
                kubernetes=False,
                selector=selectors.labels(_object(selector).get("labels"))
                if isinstance(selector, dict)
                else None,
                export_to=frozenset(_strings(exported)),
                created=catalog.created(resource),
            )
            service.endpoints = {
                port.number: tuple(_endpoints(service, port, workloads)) for port in ports
            }
            yield service


def is_external(entry: Resource) -> bool:
    """Whether a ServiceEntry says that its hosts are outside the mesh, which is Istio's default."""
    return entry.spec.get("location") != "MESH_INTERNAL"


def leads_out(entry: Resource) -> bool:
    """Whether a ServiceEntry names addresses that the mesh does not run.

    One that is said to be in the mesh runs there what it selects, and the endpoints that are
    labelled to have a proxy (LoadBalancingEndpoint.TLSMode).
    """
    if is_external(entry):
        return True
    if entry.spec.get("workloadSelector"):
        return False
    endpoints = entry.spec.get("endpoints") or ()
    return not endpoints or any(_labels(each).get(TLS_MODE) != "istio" for each in endpoints)


def drop_further_round_robins(services: Iterable[Service]) -> None:
    """Leave a round-robin ServiceEntry no endpoint for a port that its host has one for already.

    Of one host in one namespace, for each port number: what an older entry lists, or else the first
    of its own (mergeServicesInstancesByNamespaceHost). `services`: those of ServiceEntries, the
    oldest first.
    """
    taken: set[tuple[str, str, int]] = set()
    for service in services:
        for number, endpoints in service.endpoints.items():
            port = service.host, service.namespace, number
            if service.resolution is Resolution.DNS_ROUND_ROBIN:
                service.endpoints[number] = () if port in taken else endpoints[:1]
            if endpoints:
                taken.add(port)


def share(services: Iterable[Service]) -> None:
    """Give all ServiceEntries of one host in one namespace the endpoints of each.

    Istio keeps endpoints by host and namespace, whichever entry they stand in. Static services
    take only addresses of them (BuildClusterLoadAssignment).
    """
    groups: dict[tuple[str, str], list[Service]] = {}
    for service in services:
        groups.setdefault((service.host, service.namespace), []).append(service)
    for group in groups.values():
        behind: dict[int, list[Endpoint]] = {}
        for service in group:
            for number, endpoints in service.endpoints.items():
                behind.setdefault(number, []).extend(endpoints)
        for service in group:
            service.endpoints = {
                number: tuple(
                    endpoint
                    for endpoint in endpoints
                    if service.resolution is not Resolution.STATIC or is_static(endpoint)
                )
                for number, endpoints in behind.items()
            }


def is_static(endpoint: Endpoint) -> bool:
    """Whether a static cluster takes this endpoint: an address or a socket, no name."""
    address = endpoint.address
    return address is None or address.startswith(_UNIX) or hosts.is_address(address)


def _endpoints(
    service: Service, port: EntryPort, workloads: Mapping[str, LabelIndex[Workload]]
) -> Iterator[Endpoint]:
    spec = service.resource.spec
    if service.selector is not None:
        index = workloads.get(service.namespace)
        selected = index.select(service.selector) if index else []
        # The order counts where one of them is all that is taken; pods come first.
        selected.sort(key=lambda each: (each.kind == "WorkloadEntry", each.name))
        for workload in selected:
            address = _address(workload.resource)
            if service.resolution in _DNS or address is None or hosts.is_address(address):
                yield Endpoint(
                    service.namespace,
                    workload,
                    address,
                    _target(port, _named_ports(workload)),
                    workload.labels,
                    workload.labels.get(TLS_MODE) == "istio",
                )
        return
    inline: JSON = spec.get("endpoints")
    if isinstance(inline, list) and inline:
        yield from _inline(service, port, [item for item in inline if isinstance(item, dict)])
    elif service.resolution in _DNS:
        # No endpoints: the host itself is resolved (convertServiceEntryToInstances).
        number = port.target or port.number
        yield Endpoint(service.namespace, None, service.host, number, {}, mtls=False)


def _inline(service: Service, port: EntryPort, inline: list[JSONObject]) -> Iterator[Endpoint]:
    for item in inline:
        address = str(item.get("address") or "")
        own = _labels(item)
        by_name = item.get("ports")
        number = _target(port, by_name if isinstance(by_name, dict) else {})
        yield Endpoint(
            service.namespace, None, address, number, own, mtls=own.get(TLS_MODE) == "istio"
        )


def _labels(endpoint: JSONObject) -> Labels:
    """The labels of an endpoint; one with a service account has a proxy unless they say no."""
    own = selectors.labels(endpoint.get("labels"))
    if TLS_MODE not in own and endpoint.get("serviceAccount"):
        own[TLS_MODE] = "istio"
    return own


def _target(port: EntryPort, by_name: Mapping[str, JSON]) -> int:
    number = by_name.get(port.name)
    if isinstance(number, int) and number > 0:
        return number
    return port.target or port.number


def _named_ports(workload: Workload) -> Mapping[str, int]:
    """A WorkloadEntry's own port map; pods have none here."""
    if workload.kind != "WorkloadEntry":
        return {}
    return {port.name: port.number for port in workload.ports}


def _address(resource: Resource) -> str | None:
    return str(resource.spec.get("address") or "") if resource.kind == "WorkloadEntry" else None


def _ports(value: JSON) -> Iterator[EntryPort]:
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict) and isinstance(item.get("number"), int):
            target = item.get("targetPort")
            yield EntryPort(
                item["number"],
                str(item.get("name") or ""),
                protocols.parse(str(item.get("protocol") or "")),
                target if isinstance(target, int) else 0,
            )


def _strings(value: JSON) -> Iterator[str]:
    for item in value if isinstance(value, list) else ():
        yield str(item)


def _object(value: JSON) -> JSONObject:
    return value if isinstance(value, dict) else {}
