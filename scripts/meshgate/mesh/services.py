"""Services as a proxy knows them: Kubernetes Services and the hosts of ServiceEntries."""

from __future__ import annotations

import enum
from collections.abc import Iterator

from msgspec import Struct, field

from meshgate.mesh import export_to, hosts, protocols, selectors
from meshgate.mesh.catalog import Catalog, namespace_of
from meshgate.mesh.selectors import Labels
from meshgate.mesh.workloads import Workload
from meshgate.model import JSON, MeshFacts, Resource

_EXPORT_TO = "networking.istio.io/exportTo"


class Resolution(enum.StrEnum):
    """How a proxy finds the endpoints of a service (model.Resolution)."""

    STATIC = "static"
    DNS = "dns"
    DNS_ROUND_ROBIN = "dns-round-robin"
    DYNAMIC_DNS = "dynamic-dns"
    # Headless, or a ServiceEntry with resolution NONE: the caller's own address is kept.
    PASSTHROUGH = "passthrough"


class ServicePort(Struct, frozen=True):
    """A port that clients call, not UDP; `target` is a container port's number or name."""

    number: int
    name: str
    protocol: str
    target: int | str


class Endpoint(Struct, frozen=True):
    """One address behind a service port: a workload, or an address outside the inventory."""

    namespace: str
    workload: Workload | None
    address: str | None
    port: int
    labels: Labels
    # Label security.istio.io/tlsMode=istio: clients may send mesh mTLS.
    mtls: bool
    # Whether an address outside the inventory may be that of a pod.
    may_be_pod: bool = False

    @classmethod
    def of(cls, workload: Workload, port: int) -> Endpoint:
        """A port of a workload that is called by the address of its pods."""
        return cls(workload.namespace, workload, None, port, workload.labels, mtls=False)


class Service(Struct, eq=False):
    """A host that clients call. Compared by identity."""

    host: str
    namespace: str
    name: str
    resource: Resource
    ports: tuple[ServicePort, ...]
    resolution: Resolution
    # ServiceEntry with location MESH_EXTERNAL, which is the default.
    external: bool = False
    # From a Kubernetes Service; else from a ServiceEntry.
    kubernetes: bool = True
    selector: Labels | None = None
    # Empty: the mesh default, everybody.
    export_to: frozenset[str] = frozenset()
    created: str = ""
    # Further names of the host: ExternalName Services.
    aliases: tuple[str, ...] = ()
    # Endpoints by service port number.
    endpoints: dict[int, tuple[Endpoint, ...]] = field(default_factory=dict)
    # What proxies get instead, by port number, where several services share the host and the
    # namespace (`shared_hosts`): in clusters of EDS, and in all others.
    discovered: dict[int, tuple[Endpoint, ...]] = field(default_factory=dict)
    pushed: dict[int, tuple[Endpoint, ...]] = field(default_factory=dict)
    # Why the endpoints are not known; empty: they are.
    endpoints_unknown: str = ""

    def port(self, number: int) -> ServicePort | None:
        """The service port of this number."""
        return next((port for port in self.ports if port.number == number), None)

    def visible_in(self, namespace: str) -> bool:
        """Whether clients of the namespace get this service (PushContext.IsServiceVisible)."""
        if export_to.NOBODY in self.export_to and not self.is_public:
            return False
        return export_to.includes(self.export_to, namespace, self.namespace)

    @property
    def is_public(self) -> bool:
        """Whether clients of every namespace get this service."""
        return not self.export_to or export_to.PUBLIC in self.export_to

    def __str__(self) -> str:
        return self.host


def kubernetes_services(catalog: Catalog, facts: MeshFacts) -> Iterator[Service]:
    """The Services of the inventory, without their endpoints (kube.ConvertService).

    An ExternalName Service is no service of its own but an alias of its target.
    """
    for resource in catalog.of("Service"):
        spec = resource.spec
        if spec.get("type") == "ExternalName" and spec.get("externalName"):
            continue
        namespace = namespace_of(resource)
        headless = spec.get("clusterIP") == "None"
        selector = spec.get("selector")
        exported = str(resource.annotations.get(_EXPORT_TO) or "")
        yield Service(
            host=hosts.of_service(resource.name, namespace, facts.cluster_domain),
            namespace=namespace,
            name=resource.name,
            resource=resource,
            ports=tuple(_ports(spec.get("ports"))),
            resolution=Resolution.PASSTHROUGH if headless else Resolution.STATIC,
            selector=selectors.labels(selector) if selector else None,
            export_to=frozenset(part.strip() for part in exported.split(",")) - {""},
            created=catalog.created(resource),
        )


def aliases(catalog: Catalog, facts: MeshFacts) -> dict[str, str]:
    """ExternalName hosts with the host they stand for, chains followed, loops dropped."""
    targets: dict[str, str] = {}
    for resource in catalog.of("Service"):
        name = resource.spec.get("externalName")
        if resource.spec.get("type") == "ExternalName" and name:
            host = hosts.of_service(resource.name, namespace_of(resource), facts.cluster_domain)
            targets[host] = str(name)
    resolved = {}
    for host, target in targets.items():
        seen = {host}
        end = target
        while end in targets and end not in seen:
            seen.add(end)
            end = targets[end]
        if end not in targets:
            resolved[host] = end
    return resolved


def _ports(value: JSON) -> Iterator[ServicePort]:
    for item in value if isinstance(value, list) else ():
        if not isinstance(item, dict) or not isinstance(item.get("port"), int):
            continue
        number: int = item["port"]
        name = str(item.get("name") or "")
        app_protocol = item.get("appProtocol")
        protocol = protocols.of_service_port(
            number,
            name,
            str(item.get("protocol") or "TCP"),
            str(app_protocol) if app_protocol is not None else None,
        )
        if protocol == protocols.UDP:
            continue
        target = item.get("targetPort")
        if isinstance(target, str) and target.isdigit():
            target = int(target)
        yield ServicePort(number, name, protocol, target or number)
