"""Services and workloads of one mesh, with the endpoints that tie them together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct, structs

from meshgate.mesh import endpoints, hosts, protocols, shared_hosts
from meshgate.mesh.catalog import Catalog
from meshgate.mesh.hosts import is_wildcard
from meshgate.mesh.scopes import Scope
from meshgate.mesh.selectors import LabelIndex
from meshgate.mesh.service_entries import (
    drop_further_round_robins,
    entry_services,
    share,
    workload_entries,
)
from meshgate.mesh.services import Service, ServicePort, aliases, kubernetes_services
from meshgate.mesh.workloads import Workload, workloads
from meshgate.model import MeshFacts


class Registry:
    """What a control plane's service registry holds."""

    __slots__ = (
        "_domain",
        "_targets",
        "aliases",
        "by_host",
        "by_namespace",
        "index",
        "services",
        "workloads",
    )

    def __init__(self, catalog: Catalog, facts: MeshFacts) -> None:
        self.workloads: list[Workload] = [
            *workloads(catalog, facts),
            *workload_entries(catalog),
        ]
        # Workloads by namespace and label.
        self.index: dict[str, LabelIndex[Workload]] = {}
        for workload in self.workloads:
            index = self.index.get(workload.namespace)
            if index is None:
                index = self.index[workload.namespace] = LabelIndex()
            index.add(workload, workload.labels)
        declared = self._services(catalog, facts)
        # Before the endpoints of ServiceEntries are shared: a proxy listens for those that select
        # it, whatever others of the same host say (serviceentry.Controller.GetProxyServiceTargets).
        self._targets = _targets(declared)
        share(service for service in declared if not service.kubernetes)
        self.services = _merged(declared)
        # The host names of ExternalName Services with the host they stand for.
        self.aliases = aliases(catalog, facts)
        # Services by host, in the order in which Istio prefers them.
        self.by_host: dict[str, list[Service]] = {}
        self.by_namespace: dict[str, list[Service]] = {}
        for service in self.services:
            self.by_host.setdefault(service.host, []).append(service)
            self.by_namespace.setdefault(service.namespace, []).append(service)
        for alias, host in self.aliases.items():
            for service in self.by_host.get(host, ()):
                service.aliases = (*service.aliases, alias)
        self._domain = facts.cluster_domain

    def unlisted(self, host: str) -> str:
        """Why it is not known whether proxies have a service of this host; empty: it is known."""
        namespace = hosts.service_namespace(host, self._domain)
        if namespace is not None:
            if namespace in self.index or namespace in self.by_namespace:
                return ""
            return f"the inventory has nothing of {namespace}, so {host} may be a Service or not"
        if host in self.aliases.values():
            return f"{host} is the target of an ExternalName Service, and no ServiceEntry has it"
        return ""

    def protocol(self, workload: Workload, port: int) -> str:
        """The protocol of the inbound filter chain for a container port.

        That of the oldest Service that targets it; sniffed where no Service does.
        """
        for target in self._targets.get(id(workload), ()):
            if target.bound == port:
                return target.port.protocol
        return protocols.AUTO

    def targeted(self, workload: Workload) -> list[int]:
        """The ports of a workload that Services target."""
        return [target.bound for target in self._targets.get(id(workload), ())]

    def targets(self, workload: Workload) -> list[tuple[Service, int, int]]:
        """The service ports that reach a workload, with the container's port behind each."""
        targets = self._targets.get(id(workload), ())
        return [(self._known(each.service), each.port.number, each.bound) for each in targets]

    def _known(self, service: Service) -> Service:
        """The service that stands for one as it was declared: see `_merged`."""
        same = (other for other in self.by_host[service.host] if _group(other) == _group(service))
        return next(same)

    def bound(self, workload: Workload, number: int, opt_out: str) -> int:
        """The port of a gateway's pods behind a port that a Gateway names (resolvePorts).

        That of the oldest Service with this port, without the opt-out label; else the same one.
        """
        for target in self._targets.get(id(workload), ()):
            if target.port.number == number and opt_out not in target.service.resource.labels:
                return target.bound
        return number

    def service_for(self, host: str, namespace: str) -> Service | None:
        """The service that clients of a namespace get for a host; None: it is not visible there.

        One of their own namespace comes first, then a Kubernetes Service, then the oldest
        (SidecarScope, selectServices).
        """
        candidates = self.by_host.get(host, ())
        if len(candidates) == 1:
            return candidates[0] if candidates[0].visible_in(namespace) else None
        visible = [service for service in candidates if service.visible_in(namespace)]
        if not visible:
            return None
        visible.sort(key=lambda service: service.is_public)
        return _preferred(visible, namespace)

    def imported(self, scope: Scope) -> list[Service]:
        """The services that proxies with this Sidecar resource know."""
        by_host: dict[str, list[Service]] = {}
        for service in self._candidates(scope):
            if service.visible_in(scope.namespace) and scope.ports(service):
                by_host.setdefault(service.host, []).append(service)
        for services in by_host.values():
            services.sort(key=lambda service: service.is_public)
        chosen = [_preferred(services, scope.namespace) for services in by_host.values()]
        routed = (
            self.service_for(host, scope.namespace)
            for host in scope.inferred
            if host not in by_host
        )
        return chosen + [service for service in routed if service is not None]

    def _candidates(self, scope: Scope) -> Iterable[Service]:
        """The services that the hosts of a Sidecar resource may mean, without looking at all."""
        candidates: dict[int, Service] = {}
        for listener in scope.listeners:
            for place, names in listener.included.items():
                if place != "*":
                    services = self.by_namespace.get(place, ())
                elif any(is_wildcard(name) for name in names):
                    return self.services
                else:
                    services = [each for name in names for each in self.by_host.get(name, ())]
                candidates.update((id(service), service) for service in services)
        return candidates.values()

    def _services(self, catalog: Catalog, facts: MeshFacts) -> list[Service]:
        """The services as they are declared, the oldest first."""
        slices = endpoints.slices(catalog)
        pods = {
            (workload.namespace, pod): workload
            for workload in self.workloads
            for pod in workload.pods
        }
        services = []
        for service in kubernetes_services(catalog, facts):
            endpoints.attach(service, self.index, slices, pods, facts)
            services.append(service)
        entries = list(entry_services(catalog, self.index))
        services.extend(entries)
        services.sort(
            key=lambda each: (
                each.created,
                each.name if each.kubernetes else each.host,
                each.namespace,
                each.name,
            )
        )
        if entries:
            drop_further_round_robins(each for each in services if not each.kubernetes)
            shared_hosts.mix(services)
        return services


def _preferred(visible: Sequence[Service], namespace: str) -> Service:
    """The one of several services with one host that clients of a namespace get."""
    chosen = visible[0]
    for service in visible[1:]:
        if service.namespace == chosen.namespace:
            if service.kubernetes and not chosen.kubernetes:
                chosen = service
        elif service.namespace == namespace or (
            service.kubernetes and not chosen.kubernetes and chosen.namespace != namespace
        ):
            chosen = service
    return chosen


def _merged(services: Iterable[Service]) -> list[Service]:
    """The services, those of several ServiceEntries with one host in one namespace as one.

    The oldest gives its settings, and those that are like it their ports (canMergeServices).
    """
    groups: dict[object, list[Service]] = {}
    for service in services:
        groups.setdefault(_group(service), []).append(service)
    return [group[0] if len(group) == 1 else _union(group) for group in groups.values()]


def _group(service: Service) -> tuple[object, ...]:
    """What services have in common that become one."""
    return service.host, service.namespace, service.export_to, service.kubernetes


def _union(group: Sequence[Service]) -> Service:
    first = group[0]
    ports = {port.number: port for port in first.ports}
    discovered, pushed = dict(first.discovered), dict(first.pushed)
    for other in group[1:]:
        if (
            other.resolution == first.resolution
            and other.selector == first.selector
            and other.resource.labels == first.resource.labels
        ):
            for port in other.ports:
                if port.number not in ports:
                    ports[port.number] = port
                    discovered[port.number] = other.discovered[port.number]
                    pushed[port.number] = other.pushed[port.number]
    return structs.replace(first, ports=tuple(ports.values()), discovered=discovered, pushed=pushed)


class _Target(Struct, frozen=True):
    """A port of a workload that a service port reaches (model.ServiceTarget)."""

    service: Service
    port: ServicePort
    bound: int


def _targets(services: Iterable[Service]) -> dict[int, list[_Target]]:
    """The service ports that reach each workload, those of the oldest service first."""
    targets: dict[int, list[_Target]] = {}
    for service in sorted(services, key=lambda each: (each.created, each.host)):
        for port in service.ports:
            for endpoint in service.endpoints.get(port.number, ()):
                if endpoint.workload is not None:
                    target = _Target(service, port, endpoint.port)
                    targets.setdefault(id(endpoint.workload), []).append(target)
    return targets
