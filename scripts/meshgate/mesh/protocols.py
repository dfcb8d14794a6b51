"""Which application protocol a port carries, as Istio reads its name."""

from __future__ import annotations

HTTP = "HTTP"
TCP = "TCP"
# TLS of the application's own, HTTPS among it.
TLS = "TLS"
UDP = "UDP"
# No protocol is declared: the proxy looks at the first bytes.
AUTO = "AUTO"

_HTTP_NAMES = frozenset({"grpc", "grpc-web", "http", "http_proxy", "http2"})
_TCP_NAMES = frozenset({"tcp", "mongo", "redis", "mysql"})
_TLS_NAMES = frozenset({"https", "tls"})
_APP_PROTOCOLS = {
    "kubernetes.io/h2c": HTTP,
    "kubernetes.io/ws": HTTP,
    "kubernetes.io/wss": TLS,
}
# Server-first protocols, which sniffing would break (pkg/config/kube/conversion.go).
_WELL_KNOWN_TCP = frozenset({25, 53, 3306, 27017})


def parse(name: str) -> str:
    """The protocol family of an Istio protocol name (protocol.Parse), whatever its case."""
    name = name.lower()
    if name in _HTTP_NAMES:
        return HTTP
    if name in _TCP_NAMES:
        return TCP
    if name in _TLS_NAMES:
        return TLS
    return UDP if name == "udp" else AUTO


def of_service_port(number: int, name: str, transport: str, app_protocol: str | None) -> str:
    """The protocol family of a Kubernetes Service port (kube.ConvertProtocol)."""
    if transport == UDP:
        return UDP
    if app_protocol is not None:
        if app_protocol in _APP_PROTOCOLS:
            return _APP_PROTOCOLS[app_protocol]
        name = app_protocol
    if name[:8].lower() == "grpc-web":
        return HTTP
    family = parse(name.partition("-")[0])
    if family == AUTO and number in _WELL_KNOWN_TCP:
        return TCP
    return family
