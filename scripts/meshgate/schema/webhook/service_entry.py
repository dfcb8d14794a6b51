"""ServiceEntry (validation.ValidateServiceEntry)."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import JSONObject, Resource
from meshgate.schema import golang
from meshgate.schema.webhook.export_to import export_to
from meshgate.schema.webhook.hosts import fqdn, host, is_dns_label
from meshgate.schema.webhook.listeners import is_http, is_known, is_tls, subnet
from meshgate.schema.webhook.problem import Problem, port_number
from meshgate.schema.webhook.selectors import tags, wildcards
from meshgate.schema.webhook.workloads import endpoint_ports, workload_entry
from meshgate.wording.phrases import shown

DYNAMIC = frozenset({"http", "tls", "grpc", "http2"})
WAYPOINT = "istio.io/use-waypoint"


def problems(resource: Resource) -> Iterator[Problem]:
    """What the webhook refuses in a ServiceEntry."""
    spec = resource.spec
    selector = spec.get("workloadSelector", {}).get("labels", {})
    yield from wildcards(selector, ("spec", "workloadSelector"), "labels")
    hosts: list[str] = spec["hosts"]
    for index, name in enumerate(hosts):
        fault = "a ServiceEntry cannot be every host" if name == "*" else host(name)
        if fault is not None:
            yield Problem(("spec", "hosts", index), fault)
    for index, block in enumerate(spec.get("addresses", ())):
        yield from subnet(block, ("spec", "addresses", index))
    yield from _ports(spec.get("ports", ()))
    resolution = spec.get("resolution", "NONE")
    yield from RESOLUTIONS[resolution](resource)
    if resolution != "NONE" and len(hosts) > 1:
        yield from _indistinct_ports(spec.get("ports", ()))
    yield from export_to(resource, service=True)


def _ports(ports: list[JSONObject]) -> Iterator[Problem]:
    names: set[str] = set()
    numbers: set[int] = set()
    for index, port in enumerate(ports):
        path = ("spec", "ports", index)
        name, number = port.get("name", ""), port.get("number", 0)
        if name in names:
            yield Problem((*path, "name"), f"another port has the name `{name}` too")
        if number in numbers:
            yield Problem((*path, "number"), f"another port has the number {number} too")
        names.add(name)
        numbers.add(number)
        yield from port_number(number, (*path, "number"))
        if port.get("targetPort", 0):
            yield from port_number(port["targetPort"], (*path, "targetPort"))
        if not is_dns_label(name):
            yield Problem((*path, "name"), f"`{name}` is no DNS label")
        protocol = port.get("protocol", "")
        if protocol and not is_known(protocol):
            yield Problem((*path, "protocol"), f"`{protocol}` is no protocol that Istio knows")


def _indistinct_ports(ports: list[JSONObject]) -> Iterator[Problem]:
    """Plain TCP does not say which of several hosts a connection is for."""
    for index, port in enumerate(ports):
        protocol = port.get("protocol", "")
        if not is_http(protocol) and not is_tls(protocol):
            yield Problem(
                ("spec", "ports", index), "with several hosts every port must be HTTP or TLS"
            )
            return


def _none(resource: Resource) -> Iterator[Problem]:
    if resource.spec.get("endpoints"):
        yield Problem(("spec", "endpoints"), "resolution NONE uses no endpoints")


def _static(resource: Resource) -> Iterator[Problem]:
    names = _port_names(resource.spec)
    for index, endpoint in enumerate(resource.spec.get("endpoints", ())):
        path = ("spec", "endpoints", index)
        yield from workload_entry(endpoint, path, ports=names, by_name=False)


def _dns(resource: Resource) -> Iterator[Problem]:
    spec = resource.spec
    endpoints = spec.get("endpoints", [])
    resolution = spec["resolution"]
    if any("/" in block for block in spec.get("addresses", ())):
        yield Problem(("spec", "addresses"), f"CIDR blocks do not go with resolution {resolution}")
    if not endpoints:
        for index, name in enumerate(spec.get("hosts", ())):
            if fqdn(name) is not None:
                yield Problem(
                    ("spec", "hosts", index),
                    f"`{name}` cannot be looked up: resolution {resolution} without endpoints "
                    "needs full names",
                )
                break
    if resolution == "DNS_ROUND_ROBIN" and len(endpoints) > 1:
        yield Problem(("spec", "endpoints"), f"resolution {resolution} takes one endpoint")
    names = _port_names(spec)
    for index, endpoint in enumerate(endpoints):
        path = ("spec", "endpoints", index)
        address = endpoint.get("address", "")
        if not golang.is_ip(address) and fqdn(address) is not None:
            yield Problem((*path, "address"), f"{shown(address)} is neither an address nor a name")
        yield from tags(endpoint.get("labels", {}), (*path, "labels"))
        yield from endpoint_ports(endpoint, path, names)


def _dynamic(resource: Resource) -> Iterator[Problem]:
    spec = resource.spec
    for index, name in enumerate(spec.get("hosts", ())):
        if not name.startswith("*"):
            yield Problem(("spec", "hosts", index), "resolution DYNAMIC_DNS is for wildcards only")
    for field in ("addresses", "endpoints"):
        if spec.get(field):
            yield Problem(("spec", field), "resolution DYNAMIC_DNS finds addresses by itself")
    for index, port in enumerate(spec.get("ports", ())):
        if port.get("protocol", "").lower() not in DYNAMIC:
            yield Problem(
                ("spec", "ports", index), "resolution DYNAMIC_DNS knows HTTP, HTTP2, GRPC and TLS"
            )
    waypoint = str(resource.labels.get(WAYPOINT, ""))
    internal = spec.get("location", "MESH_EXTERNAL") == "MESH_INTERNAL"
    if internal and waypoint and waypoint.lower() != "none":
        yield Problem(("spec", "location"), "DYNAMIC_DNS behind a waypoint must be MESH_EXTERNAL")


RESOLUTIONS = {
    "DNS": _dns,
    "DNS_ROUND_ROBIN": _dns,
    "DYNAMIC_DNS": _dynamic,
    "NONE": _none,
    "STATIC": _static,
}


def _port_names(spec: JSONObject) -> set[str]:
    return {port.get("name", "") for port in spec.get("ports", ())}
