"""The hosts that requests to a workload have, as far as files tell what clients send."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from meshgate.mesh import DataPlane, Service, Workload, hosts
from meshgate.mesh.authorization import AuthorizationPolicy
from meshgate.model import JSON
from meshgate.rules.context import Context
from meshgate.rules.policy_places import PolicyPlaces

# The port that HTTP clients leave out.
DEFAULT_PORT = 80


class SentHosts(Struct, frozen=True):
    """What clients send to some workloads as the host, in lower case."""

    all: frozenset[str]
    workloads: tuple[Workload, ...]


class RequestHosts:
    """The hosts of one environment."""

    def __init__(self, context: Context, places: PolicyPlaces) -> None:
        self._places = places
        self._domain = context.environment.mesh.cluster_domain
        self._routed = frozenset(_routed(context))
        # Their hosts are not read.
        self._has_others = next(context.resources.of("HTTPRoute", "Ingress"), None) is not None

    def may_be_routed(self, host: str) -> bool:
        """Whether a route or gateway may bring requests with a host, wherever they end."""
        name = host.partition(":")[0]
        return self._has_others or any(hosts.overlap(own, name) for own in self._routed)

    def of(self, policy: AuthorizationPolicy) -> SentHosts | None:
        """What clients send to the workloads of a policy.

        None: it is not known, as for gateways and where no Service stands before a workload.
        """
        workloads = [each for place in self._places.of(policy) for each in place.workloads]
        sent: set[str] = set()
        for workload in workloads:
            targets = self._places.mesh.targets(workload)
            if workload.plane is not DataPlane.SIDECAR or not targets:
                return None
            for service, number, _ in targets:
                for form in self._forms(service):
                    sent.add(f"{form}:{number}")
                    if number == DEFAULT_PORT:
                        sent.add(form)
        return SentHosts(frozenset(sent), tuple(workloads)) if workloads else None

    def _forms(self, service: Service) -> Iterator[str]:
        """The names by which clients call a service."""
        yield service.host.lower()
        yield from service.aliases
        if service.kubernetes:
            name, place = service.name, service.namespace
            yield from (name, f"{name}.{place}", f"{name}.{place}.svc")


def _routed(context: Context) -> Iterator[str]:
    """The hosts of VirtualServices and Gateways, without the namespace before a slash.

    Gateways of the Gateway API are not checked by any schema here.
    """
    for resource in context.resources.of("VirtualService"):
        yield from (str(host).lower() for host in resource.spec.get("hosts") or ())
    for resource in context.resources.of("Gateway"):
        for key in ("servers", "listeners"):
            servers: JSON = resource.spec.get(key)
            for server in servers if isinstance(servers, list) else ():
                if isinstance(server, dict):
                    names: JSON = server.get("hosts") or [server.get("hostname") or "*"]
                    listed = names if isinstance(names, list) else ["*"]
                    yield from (str(host).rpartition("/")[2].lower() for host in listed)
