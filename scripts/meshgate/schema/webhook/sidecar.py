"""Sidecar (validation.ValidateSidecar)."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import JSONObject, Resource
from meshgate.schema import golang
from meshgate.schema.webhook.connection_pool import connection_pool
from meshgate.schema.webhook.hosts import fqdn, is_dns_label, namespaced_host
from meshgate.schema.webhook.listeners import UNIX, address, is_known, is_tls, unix_socket
from meshgate.schema.webhook.problem import Path, Problem, port_number
from meshgate.schema.webhook.routes import destination
from meshgate.schema.webhook.selectors import wildcards
from meshgate.schema.webhook.tls import mode_of, server_tls
from meshgate.wording.phrases import shown

PARTS = ("egress", "ingress", "outboundTrafficPolicy", "inboundConnectionPool")
LOCAL = frozenset({"", "127.0.0.1", "0.0.0.0", "::1", "::"})  # noqa: S104 - compared, not bound
# What only a Gateway's `tls` may have.
NOT_IN_SIDECAR = (
    "subjectAltNames",
    "httpsRedirect",
    "credentialName",
    "credentialNames",
    "tlsCertificates",
)


def problems(resource: Resource) -> Iterator[Problem]:
    """What the webhook refuses in a Sidecar."""
    spec = resource.spec
    selector = spec.get("workloadSelector", {}).get("labels", {})
    yield from wildcards(selector, ("spec", "workloadSelector"), "labels")
    if not any(spec.get(part) is not None and spec[part] != [] for part in PARTS):
        yield Problem(("spec",), "is empty: it configures nothing, and istiod refuses it")
    ports: set[int] = set()
    for index, listener in enumerate(spec.get("ingress", ())):
        yield from _ingress(listener, ports, ("spec", "ingress", index))
    pool = spec.get("inboundConnectionPool")
    yield from connection_pool(pool, ("spec", "inboundConnectionPool"))
    yield from _egress(spec.get("egress", ()))
    yield from _outbound(spec.get("outboundTrafficPolicy"), ("spec", "outboundTrafficPolicy"))


def _ingress(listener: JSONObject, ports: set[int], path: Path) -> Iterator[Problem]:
    port = listener["port"]
    number = port.get("number", 0)
    yield from _port(port, (*path, "port"))
    yield from port_number(number, (*path, "port", "number"))
    if listener.get("bind"):
        yield from address(listener["bind"], (*path, "bind"))
    if number in ports:
        yield Problem((*path, "port", "number"), f"another listener has port {number} too")
    ports.add(number)
    if listener.get("defaultEndpoint"):
        yield from _default_endpoint(listener["defaultEndpoint"], (*path, "defaultEndpoint"))
    if "tls" in listener:
        yield from _ingress_tls(listener["tls"], port.get("protocol", ""), (*path, "tls"))
    yield from connection_pool(listener.get("connectionPool"), (*path, "connectionPool"))


def _port(port: JSONObject, path: Path) -> Iterator[Problem]:
    if port.get("targetPort", 0) > 0:
        yield Problem((*path, "targetPort"), "has no effect on a Sidecar; remove it")
    if port.get("name") and not is_dns_label(port["name"]):
        yield Problem((*path, "name"), f"`{port['name']}` is no DNS label")
    protocol = port.get("protocol", "")
    if protocol and not is_known(protocol):
        yield Problem((*path, "protocol"), f"`{protocol}` is no protocol that Istio knows")


def _default_endpoint(endpoint: str, path: Path) -> Iterator[Problem]:
    if endpoint.startswith(UNIX):
        yield from unix_socket(endpoint, path)
        return
    host, port = golang.split_host_port(endpoint) or (None, "")
    number = golang.integer(port)
    if host not in LOCAL or number is None:
        yield Problem(
            path,
            f"{shown(endpoint)} must be 127.0.0.1:port, 0.0.0.0:port, [::1]:port or unix://path",
        )
    else:
        yield from port_number(number, path)


def _ingress_tls(tls: JSONObject, protocol: str, path: Path) -> Iterator[Problem]:
    for field in NOT_IN_SIDECAR:
        if tls.get(field):
            yield Problem((*path, field), "has no place in the tls of a Sidecar")
    mode = mode_of(tls)
    if mode in {"ISTIO_MUTUAL", "AUTO_PASSTHROUGH"}:
        yield Problem((*path, "mode"), f"{mode} has no place in the tls of a Sidecar")
    if not is_tls(protocol):
        yield Problem(path, f"protocol {protocol or '(none)'} carries no TLS; use HTTPS or TLS")
    yield from server_tls(tls, path)


def _egress(listeners: list[JSONObject]) -> Iterator[Problem]:
    ports: set[int] = set()
    sockets: set[str] = set()
    for index, listener in enumerate(listeners):
        path = ("spec", "egress", index)
        port = listener.get("port")
        if port is not None:
            yield from _egress_port(listener, port, ports, sockets, path)
        elif index != len(listeners) - 1:
            yield Problem(path, "a listener without port takes all that is left: it must be last")
        if not listener.get("hosts"):
            yield Problem(path, "`hosts` needs at least one entry")
        for position, name in enumerate(listener.get("hosts", ())):
            for fault in namespaced_host(name, gateway=False):
                yield Problem((*path, "hosts", position), fault)


def _egress_port(
    listener: JSONObject, port: JSONObject, ports: set[int], sockets: set[str], path: Path
) -> Iterator[Problem]:
    bind, number = listener.get("bind", ""), port.get("number", 0)
    yield from _port(port, (*path, "port"))
    if number:
        yield from port_number(number, (*path, "port", "number"))
        if bind:
            yield from address(bind, (*path, "bind"))
        if number in ports:
            yield Problem((*path, "port", "number"), f"another listener has port {number} too")
        ports.add(number)
        return
    if bind.startswith(UNIX):
        yield from unix_socket(bind, (*path, "bind"))
    else:
        yield Problem((*path, "port"), "a port without number needs a Unix socket in `bind`")
    if listener.get("captureMode", "DEFAULT") not in {"DEFAULT", "NONE"}:
        yield Problem((*path, "captureMode"), "a Unix socket takes DEFAULT or NONE")
    if bind in sockets:
        yield Problem((*path, "bind"), f"another listener has the socket {shown(bind)} too")
    sockets.add(bind)


def _outbound(policy: JSONObject | None, path: Path) -> Iterator[Problem]:
    proxy = (policy or {}).get("egressProxy")
    mode = (policy or {}).get("mode", "REGISTRY_ONLY")
    if proxy is not None and mode != "ALLOW_ANY":
        yield Problem((*path, "egressProxy"), "needs `mode: ALLOW_ANY`")
    elif proxy is not None:
        fault = fqdn(proxy.get("host", ""))
        if fault is not None:
            yield Problem((*path, "egressProxy", "host"), fault)
        if "port" not in proxy:
            yield Problem((*path, "egressProxy"), "`port` is missing")
        else:
            yield from destination(proxy, (*path, "egressProxy"))
