"""Services with one host in one namespace: whose endpoints count.

They are ServiceEntries, or a Kubernetes Service and ServiceEntries.

istiod keeps endpoints by host and namespace, whatever they come from. Clusters of EDS take those
whose port has the name of the service port (EndpointBuilder.BuildClusterLoadAssignment). For all
other clusters, and for the test whether every endpoint has a sidecar, the push context holds one
list a port number, which the youngest service writes last (PushContext.initServiceRegistry); in it
endpoints of ServiceEntries go by number, those of a Kubernetes Service by the name of their port
(EndpointShards.CopyEndpoints). Which type a cluster has is also for a client's DestinationRule to
say: one with PASSTHROUGH sees other endpoints than its neighbours do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from meshgate.mesh.service_entries import is_static
from meshgate.mesh.services import Endpoint, Service

Endpoints = tuple[Endpoint, ...]


def mix(services: Iterable[Service]) -> None:
    """Fill in what proxies get for hosts that services share.

    `services`: the oldest first, before the endpoints of ServiceEntries are shared among them.
    """
    groups: dict[tuple[str, str], list[Service]] = {}
    for service in services:
        groups.setdefault((service.host, service.namespace), []).append(service)
    for group in groups.values():
        if len(group) > 1:
            by_number = _youngest_last(group)
            for service in group:
                for port in service.ports:
                    service.discovered[port.number] = _named(group, port.name)
                    service.pushed[port.number] = by_number.get(port.number, ())


def _youngest_last(group: Sequence[Service]) -> dict[int, Endpoints]:
    """The endpoints by port number, as the last service that has some for a port leaves them."""
    written: dict[int, Endpoints] = {}
    for service in group:
        own: dict[int, Endpoints] = {}
        for port in service.ports:
            for other in group:
                if other.kubernetes:
                    ends = _of_name(other, port.name)
                else:
                    ends = other.endpoints.get(port.number, ())
                if ends:
                    own[port.number] = own.get(port.number, ()) + ends
        written.update(own)
    return written


def _named(group: Sequence[Service], name: str) -> Endpoints:
    return tuple(
        endpoint for service in group for endpoint in _of_name(service, name) if is_static(endpoint)
    )


def _of_name(service: Service, name: str) -> Endpoints:
    numbers = [port.number for port in service.ports if port.name == name]
    return tuple(end for number in numbers for end in service.endpoints.get(number, ()))
