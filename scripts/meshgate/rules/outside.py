"""Hosts outside the mesh, by what the environment declares and what ServiceEntries say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshgate.mesh import hosts
from meshgate.mesh.hosts import HostIndex

if TYPE_CHECKING:
    from meshgate.model import MeshFacts, Resource
    from meshgate.rules.context import Context

API_SERVER = "the API server"
EXTERNAL = "MESH_EXTERNAL"


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

    def location(self, host: str) -> str | None:
        """Where the most specific entries that cover a host say it runs; None: there is none.

        Istio's default is MESH_EXTERNAL; entries that disagree make it internal, the stricter.
        """
        entries = self._entries.most_specific(host)
        if entries is None:
            return None
        found = {str(entry.spec.get("location") or EXTERNAL) for entry in entries}
        return EXTERNAL if found == {EXTERNAL} else "MESH_INTERNAL"
