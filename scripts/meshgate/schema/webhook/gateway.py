"""Gateway of networking.istio.io (validation.ValidateGateway)."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import JSONObject, Resource
from meshgate.schema.webhook.hosts import is_dns_label, namespaced_host
from meshgate.schema.webhook.listeners import UNIX, address, is_http, is_known, is_tls, unix_socket
from meshgate.schema.webhook.problem import Path, Problem, port_number
from meshgate.schema.webhook.tls import PASSING, mode_of, server_tls

# Set by istiod on what it made from a Gateway of the Gateway API.
SEMANTICS = "internal.istio.io/gateway-semantics"
FILES = ("caCertificates", "privateKey", "serverCertificate")


def problems(resource: Resource) -> Iterator[Problem]:
    """What the webhook refuses in a Gateway."""
    converted = resource.annotations.get(SEMANTICS) == "gateway"
    if not converted and not is_dns_label(resource.name):
        yield Problem(("metadata", "name"), f"`{resource.name}` is no DNS label")
    servers = resource.spec.get("servers", ())
    if not servers:
        yield Problem(("spec",), "a gateway needs at least one entry in `servers`")
    names: dict[str, int] = {}
    for index, server in enumerate(servers):
        path = ("spec", "servers", index)
        yield from _server(server, path, converted=converted)
        name = server["port"].get("name", "")
        first = names.setdefault(name, index)
        if first != index:
            yield Problem((*path, "port", "name"), f"server {first} has the port name `{name}` too")


def _server(server: JSONObject, path: Path, *, converted: bool) -> Iterator[Problem]:
    hosts = server.get("hosts", ())
    if not hosts:
        yield Problem(path, "a server needs at least one entry in `hosts`")
    for index, name in enumerate(hosts):
        for fault in namespaced_host(name, gateway=True, from_gateway_api=converted):
            yield Problem((*path, "hosts", index), fault)
    bind = server.get("bind", "")
    port = server["port"]
    faults = list(_port(port, bind, path))
    yield from faults
    yield from _bind(port, bind, path)
    tls = server.get("tls")
    if tls is not None:
        yield from server_tls(tls, (*path, "tls"))
    if not faults:
        yield from _tls_fits(port["protocol"], tls, path)


def _port(port: JSONObject, bind: str, path: Path) -> Iterator[Problem]:
    protocol = port.get("protocol", "")
    if not is_known(protocol):
        yield Problem((*path, "port", "protocol"), f"`{protocol}` is no protocol that Istio knows")
    number = port.get("number", 0)
    if number > 0 or not bind.startswith(UNIX):
        yield from port_number(number, (*path, "port", "number"))
    if port.get("targetPort", 0) > 0:
        yield Problem((*path, "port", "targetPort"), "has no effect on a gateway; remove it")
    if not port.get("name"):
        yield Problem((*path, "port"), "the port has no `name`")


def _bind(port: JSONObject, bind: str, path: Path) -> Iterator[Problem]:
    if bind.startswith(UNIX):
        yield from unix_socket(bind, (*path, "bind"))
        if port.get("number", 0) != 0:
            yield Problem((*path, "port", "number"), "must be 0 on a Unix socket")
    elif bind:
        yield from address(bind, (*path, "bind"))


def _tls_fits(protocol: str, tls: JSONObject | None, path: Path) -> Iterator[Problem]:
    if is_tls(protocol) and tls is None:
        yield Problem(path, f"protocol {protocol} needs `tls`")
    if is_tls(protocol) or tls is None:
        return
    if not is_http(protocol):
        yield Problem((*path, "tls"), f"protocol {protocol} carries no TLS; use HTTPS or TLS")
    elif mode_of(tls) not in PASSING or any(tls.get(field) for field in FILES):
        yield Problem((*path, "tls"), "a plain HTTP port may only redirect (httpsRedirect)")
