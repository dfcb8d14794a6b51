"""The hosts that policies and inventory name, for rules that tell what a wildcard catches."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import MeshMembership, hosts
from meshgate.rules import inventory
from meshgate.rules.context import Context
from meshgate.rules.outside import OutsideHosts
from meshgate.rules.suffix_index import SuffixIndex
from meshgate.rules.wording import SHOWN, listed


class KnownHosts:
    """The hosts at hand, found by their endings."""

    def __init__(self, context: Context) -> None:
        self._facts = context.environment.mesh
        self._declared = OutsideHosts(self._facts)
        services = set(service_hosts(context)) - self._declared.hosts.keys()
        bare = set(hosts_without_sidecar(context)) - self._declared.hosts.keys()
        self._bare = SuffixIndex(bare)
        self._others = SuffixIndex(services - bare)

    def under(self, wildcard: str) -> str:
        """Hosts that a wildcard catches, those first that cannot take mutual TLS."""
        names = [f"{host} ({reason})" for host, reason in self._declared.under(wildcard)]
        names += [f"{host} (no sidecar)" for host in self._bare.under(wildcard, SHOWN)]
        names += self._others.under(wildcard, SHOWN)
        services = self._bare.count(wildcard) + self._others.count(wildcard)
        if not services and hosts.is_in_cluster(wildcard, self._facts.cluster_domain):
            names.append("any database or other workload without a sidecar")
        total = len(self._declared.under(wildcard)) + services
        return f", among them {listed(names, total=total)}" if names else ""


def hosts_without_sidecar(context: Context) -> Iterator[str]:
    """The hosts whose workloads, by the inventory, have no sidecar."""
    known = inventory.of(context)
    for service in known.mesh.services if known else ():
        if known and known.mesh.membership(service) is MeshMembership.OUTSIDE:
            yield service.host


def service_hosts(context: Context) -> Iterator[str]:
    """The hosts of the Services and ServiceEntries at hand."""
    domain = context.environment.mesh.cluster_domain
    for service in context.resources.of("Service"):
        yield hosts.of_service(service.name, service.namespace or "", domain)
    for entry in context.resources.of("ServiceEntry"):
        yield from map(str, entry.spec.get("hosts") or ())
