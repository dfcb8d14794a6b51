"""Workloads and services as they are named on the command line."""

from __future__ import annotations

from collections.abc import Iterable

from meshgate.errors import UsageError
from meshgate.mesh import Service, ServicePort, Workload
from meshgate.report.view import View
from meshgate.wording.nearest import hint


def client_of(view: View, text: str) -> Workload:
    """The workload that `NS/WORKLOAD` names. Raises UsageError."""
    namespace, slash, name = text.partition("/")
    if not slash:
        raise UsageError(f"{text!r} names no workload", hint="write it as NAMESPACE/WORKLOAD")
    try:
        return view.mesh.workload(namespace, name)
    except LookupError as error:
        raise unknown("workload", text, view, map(str, view.mesh.workloads)) from error


def host_and_port(text: str) -> tuple[str, int | None]:
    """The parts of `HOST[:PORT]`."""
    host, colon, port = text.rpartition(":")
    return (host, int(port)) if colon and port.isdecimal() else (text, None)


def service_of(view: View, host: str, client: Workload) -> Service:
    """The service that a client means by a host or short name. Raises UsageError."""
    try:
        return view.mesh.called(client, host)
    except LookupError as error:
        raise unknown("service", host, view, names(view)) from error


def services_of(view: View, host: str) -> list[Service]:
    """The services of this host or name, in any namespace. Raises UsageError."""
    services = [
        service
        for service in view.mesh.services
        if host in {service.host, service.name, f"{service.name}.{service.namespace}"}
        or host in service.aliases
    ]
    if not services:
        raise unknown("service", host, view, names(view))
    return services


def ports_of(service: Service, number: int | None) -> list[ServicePort]:
    """The port of this number, or all ports. Raises UsageError."""
    if number is None and service.ports:
        return list(service.ports)
    number = number or 0
    port = service.port(number)
    if port is None:
        known = ", ".join(str(port.number) for port in service.ports)
        raise UsageError(
            f"{service.host} has no port {number}" if number else f"{service.host} has no port",
            hint=f"it has {known}" if known else "it has no port that is called over TCP",
        )
    return [port]


def names(view: View) -> list[str]:
    """Every way in which a service may be named."""
    return [
        name
        for service in view.mesh.services
        for name in (
            service.host,
            service.name,
            f"{service.name}.{service.namespace}",
            *service.aliases,
        )
    ]


def unknown(kind: str, text: str, view: View, known: Iterable[str]) -> UsageError:
    """The error for a name that nothing has."""
    where = f" in {view.environment}" if view.environment else " among the manifests"
    return UsageError(
        f"there is no {kind} {text}{where}",
        hint=hint(text, known, "`meshgate posture` lists the workloads"),
    )
