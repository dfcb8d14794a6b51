"""What rules read in a VirtualService."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from meshgate.mesh import Mesh, hosts, protocols
from meshgate.model import JSONObject, Resource, ResourceIndex, join_path

KIND = "VirtualService"
# The name of all sidecars among the gateways of a VirtualService.
MESH = "mesh"
PROTOCOLS = ("http", "tls", "tcp")


def destinations(service: Resource) -> Iterator[tuple[str, JSONObject]]:
    """Every destination of a VirtualService with its path, mirrors included."""
    for protocol in PROTOCOLS:
        for number, route in enumerate(service.spec.get(protocol) or ()):
            for index, each in enumerate(route.get("route") or ()):
                path = join_path("spec", protocol, number, "route", index, "destination")
                yield path, each.get("destination") or {}
            if route.get("mirror"):
                yield join_path("spec", protocol, number, "mirror"), route["mirror"]
            for index, each in enumerate(route.get("mirrors") or ()):
                path = join_path("spec", protocol, number, "mirrors", index, "destination")
                yield path, each.get("destination") or {}


class HttpTarget(Struct, frozen=True):
    """A service port that an HTTP route leads requests to, at gateways or at sidecars."""

    routing: Resource
    path: str
    host: str
    port: int
    subset: str | None
    at_gateways: bool
    at_sidecars: bool


def http_targets(resources: ResourceIndex, mesh: Mesh) -> Iterator[HttpTarget]:
    """The service ports that HTTP routes lead to; a port that none names is the only one.

    Sidecars route by HTTP what is sent to a port that takes it: a host whose ports are all TLS or
    TCP has no such requests.
    """
    for routing in resources.of(KIND):
        namespace = routing.namespace or ""
        names = routing.spec.get("gateways") or [MESH]
        at_sidecars = MESH in names and is_called_by_http(routing, mesh)
        for path, destination in destinations(routing):
            if not path.startswith("spec.http"):
                continue
            host = hosts.expand(
                str(destination.get("host") or ""), namespace, mesh.facts.cluster_domain
            )
            number = (destination.get("port") or {}).get("number") or only_port(mesh, host)
            if isinstance(number, int):
                subset = destination.get("subset")
                yield HttpTarget(
                    routing,
                    f"{path}.port.number" if destination.get("port") else f"{path}.host",
                    host,
                    number,
                    str(subset) if subset else None,
                    at_gateways=any(name != MESH for name in names),
                    at_sidecars=at_sidecars,
                )


def only_port(mesh: Mesh, host: str) -> int | None:
    """The port of a service that has one; None: it has several, or there is no such service."""
    numbers = {port.number for each in mesh.services_of(host) for port in each.ports}
    return numbers.pop() if len(numbers) == 1 else None


def is_called_by_http(routing: Resource, mesh: Mesh) -> bool:
    """Whether sidecars may get HTTP requests for a host of a VirtualService."""
    for name in routing.spec.get("hosts") or ():
        host = hosts.expand(str(name), routing.namespace or "", mesh.facts.cluster_domain)
        services = mesh.services_of(host)
        if not services or any(
            port.protocol in {protocols.HTTP, protocols.AUTO}
            for each in services
            for port in each.ports
        ):
            return True
    return False
