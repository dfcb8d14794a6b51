"""Hosts outside the mesh: by declaration, by ServiceEntries, by what the inventory runs."""

from __future__ import annotations

from meshgate.mesh import hosts
from meshgate.mesh.hosts import HostIndex
from meshgate.mesh.service_entries import is_external, leads_out
from meshgate.model import MeshFacts, Resource
from meshgate.rules import inventory
from meshgate.rules.context import Context

API_SERVER = "the API server"


class OutsideHosts:
    """The hosts of `mesh.outside`, each with its reason, and the API server's."""

    def __init__(self, facts: MeshFacts) -> None:
        self._reasons: HostIndex[str] = HostIndex()
        self.hosts = {facts.api_server_host: API_SERVER}
        self.hosts.update({outside.host: outside.reason for outside in facts.outside})
        for host, reason in self.hosts.items():
            self._reasons[host] = reason

    def covers(self, host: str) -> bool:
        """Whether every name of this host is outside the mesh."""
        return self._reasons.most_specific(host) is not None

    def under(self, wildcard: str) -> list[tuple[str, str]]:
        """The declared hosts that a wildcard catches, with their reasons."""
        return [(h, reason) for h, reason in self.hosts.items() if hosts.is_subset(h, wildcard)]


class ServiceEntryHosts:
    """The hosts that the ServiceEntries at hand give to clients."""

    def __init__(self, context: Context) -> None:
        self._entries: HostIndex[list[Resource]] = HostIndex()
        for entry in context.resources.of("ServiceEntry"):
            for host in entry.spec.get("hosts") or ():
                known = self._entries.get(str(host))
                if known is None:
                    self._entries[str(host)] = [entry]
                else:
                    known.append(entry)

    def has(self, host: str) -> bool:
        """Whether an entry has this very host, letter by letter."""
        return self._entries.get(host) is not None

    def is_external(self, host: str) -> bool | None:
        """Whether all of the most specific entries that cover a host place it outside the mesh.

        None: there is no entry.
        """
        entries = self._entries.most_specific(host)
        if entries is None:
            return None
        return all(is_external(entry) for entry in entries)

    def leads_out(self, host: str) -> bool:
        """Whether some entry that gives a host names addresses which the mesh does not run."""
        return any(map(leads_out, self._entries.most_specific(host) or ()))


class Outside:
    """Which hosts are outside the mesh, as far as an environment tells."""

    def __init__(self, context: Context) -> None:
        self._facts = context.environment.mesh
        self._declared = OutsideHosts(self._facts)
        self._entries = ServiceEntryHosts(context)
        self._inventory = inventory.of(context)

    def has(self, host: str) -> bool | None:
        """Whether every name of a host is outside the mesh; None: nothing tells."""
        if self._declared.covers(host) or self._runs_none(host):
            return True
        # A ServiceEntry cannot move a Service of the cluster out of the mesh.
        return (
            False
            if hosts.is_in_cluster(host, self._facts.cluster_domain)
            else self._entries.is_external(host)
        )

    def _runs_none(self, host: str) -> bool:
        """Whether the inventory has the services of a host, and none of them has a sidecar.

        A wildcard over more than one namespace also covers services nobody has written yet.
        """
        if self._inventory is None:
            return False
        if (
            hosts.is_wildcard(host)
            and hosts.service_namespace(host, self._facts.cluster_domain) is None
        ):
            return False
        in_cluster = hosts.is_in_cluster(host, self._facts.cluster_domain)
        services = [
            service
            for service in self._inventory.services(host)
            if service.kubernetes or not in_cluster
        ]
        return bool(services) and all(map(self._inventory.runs_no_sidecar, services))
