"""What the inventory tells of hosts: which services they are, and what runs behind them."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from meshgate.mesh import DataPlane, Standing, hosts
from meshgate.rules.endings import Endings

if TYPE_CHECKING:
    from meshgate.mesh import Endpoint, Mesh, Service, Workload
    from meshgate.rules.context import Context


class Inventory:
    """The services of one mesh by host."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self._by_host: dict[str, list[Service]] = {}
        for service in mesh.services:
            self._by_host.setdefault(service.host, []).append(service)
        self._endings = Endings(self._by_host)
        # ExternalName Services, with the host each stands for.
        self.aliases = {
            alias: service.host for service in mesh.services for alias in service.aliases
        }
        self.namespaces = {workload.namespace for workload in mesh.workloads}
        self.namespaces |= {service.namespace for service in mesh.services}
        self.namespaces |= mesh.namespaces.keys()

    def services(self, host: str) -> list[Service]:
        """The services that a rule's host covers; a wildcard costs what it covers."""
        if not hosts.is_wildcard(host):
            return self._by_host.get(host, [])
        return [service for name in self._endings.under(host) for service in self._by_host[name]]

    def runs_no_sidecar(self, service: Service) -> bool:
        """Whether no workload of a service has a sidecar, a gateway's own proxy aside."""
        return self.mesh.standing(service) is Standing.OUTSIDE or is_gateway(service)


def of(context: Context) -> Inventory | None:
    """The inventory of an environment; None: there is none."""
    return None if context.mesh is None else _of(context.mesh)


# Several rules ask for the same mesh: it is indexed once.
@functools.lru_cache(maxsize=4)
def _of(mesh: Mesh) -> Inventory:
    return Inventory(mesh)


def endpoints(service: Service) -> list[Endpoint]:
    """The endpoints of all ports."""
    return [endpoint for found in service.endpoints.values() for endpoint in found]


def workloads(service: Service) -> list[Workload]:
    """The workloads behind a service, each once."""
    found = {
        id(endpoint.workload): endpoint.workload
        for endpoint in endpoints(service)
        if endpoint.workload is not None
    }
    return list(found.values())


def is_gateway(service: Service) -> bool:
    """Whether gateways stand behind a service: they listen as their Gateway objects say."""
    planes = {workload.plane for workload in workloads(service)}
    return planes == {DataPlane.GATEWAY}
