"""What the inventory tells of hosts: which services they are, and what runs behind them."""

from __future__ import annotations

import functools

from meshgate.mesh import DataPlane, Endpoint, Mesh, MeshMembership, Service, Workload, hosts
from meshgate.mesh.hosts import HostIndex
from meshgate.rules.context import Context
from meshgate.rules.suffix_index import SuffixIndex

# Proxies that read DestinationRules.
_CLIENTS = frozenset({DataPlane.SIDECAR, DataPlane.GATEWAY})


class Inventory:
    """The services of one mesh by host."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self._by_host: dict[str, list[Service]] = {}
        for service in mesh.services:
            self._by_host.setdefault(service.host, []).append(service)
        self._endings = SuffixIndex(self._by_host)
        self._by_name: dict[str, list[Service]] = {}
        self._wildcards: HostIndex[Service] = HostIndex()
        for service in mesh.services:
            if service.kubernetes:
                self._by_name.setdefault(service.name, []).append(service)
            elif hosts.is_wildcard(service.host):
                self._wildcards[service.host] = service
        # ExternalName Services, with the host each stands for.
        self.aliases = {
            alias: service.host for service in mesh.services for alias in service.aliases
        }
        self._clients: dict[str, list[Workload]] | None = None
        self._planes: dict[str, set[DataPlane]] = {}
        for workload in mesh.workloads:
            self._planes.setdefault(workload.namespace, set()).add(workload.plane)
        self.namespaces = {service.namespace for service in mesh.services} | self._planes.keys()
        self.namespaces |= mesh.namespaces.keys()

    def services(self, host: str) -> list[Service]:
        """The services that a rule's host covers; a wildcard costs what it covers."""
        if not hosts.is_wildcard(host):
            return self._by_host.get(host, [])
        return [service for name in self._endings.under(host) for service in self._by_host[name]]

    def wildcard_over(self, host: str) -> Service | None:
        """The ServiceEntry host, a wildcard, that a host is a part of."""
        return self._wildcards.most_specific(host)

    def namesake(self, host: str) -> Service | None:
        """The Service that has the same short name, the same namespace too if there is one.

        Hosts that do not look like a Service's have none.
        """
        name, _, rest = host.partition(".")
        candidates = self._by_name.get(name, []) if ".svc" in rest or not rest else []
        return next(
            (each for each in candidates if self.is_same_service(host, each)), None
        ) or next(iter(candidates), None)

    @staticmethod
    def is_same_service(host: str, service: Service) -> bool:
        """Whether a host names this service, under some other cluster domain perhaps."""
        return host.startswith(f"{service.name}.{service.namespace}.svc.")

    def has_clients(self, namespace: str) -> bool | None:
        """Whether a namespace has clients that read DestinationRules; None: it is not known."""
        planes = self._planes.get(namespace, set())
        if planes & _CLIENTS:
            return True
        return None if not planes or DataPlane.UNKNOWN in planes else False

    def clients(self, namespace: str) -> list[Workload]:
        """One client of each class of a namespace that reads DestinationRules."""
        if self._clients is None:
            self._clients = {}
            for each in self.mesh.clients.classes:
                if each.plane in _CLIENTS:
                    self._clients.setdefault(each.namespace, []).append(each.members[0])
        return self._clients.get(namespace, [])

    def may_have_gateway(self, namespace: str) -> bool:
        """Whether a gateway runs in a namespace, or nothing of it is known."""
        planes = self._planes.get(namespace)
        return planes is None or DataPlane.GATEWAY in planes

    def runs_no_sidecar(self, service: Service) -> bool:
        """Whether no workload of a service has a sidecar, a gateway's own proxy aside."""
        return self.mesh.membership(service) is MeshMembership.OUTSIDE or is_gateway(service)


def of(context: Context) -> Inventory | None:
    """The inventory of an environment; None: there is none."""
    return None if context.mesh is None else _of(context.mesh)


# Several rules ask for the same mesh: it is indexed once.
@functools.lru_cache(maxsize=4)
def _of(mesh: Mesh) -> Inventory:
    return Inventory(mesh)


def endpoints(service: Service) -> list[Endpoint]:
    """The endpoints of all ports."""
    return [endpoint for ends in service.endpoints.values() for endpoint in ends]


def workloads(service: Service) -> list[Workload]:
    """The workloads behind a service, each once."""
    by_id = {
        id(endpoint.workload): endpoint.workload
        for endpoint in endpoints(service)
        if endpoint.workload is not None
    }
    return list(by_id.values())


def is_gateway(service: Service) -> bool:
    """Whether gateways stand behind a service: they listen as their Gateway objects say."""
    planes = {workload.plane for workload in workloads(service)}
    return planes == {DataPlane.GATEWAY}
