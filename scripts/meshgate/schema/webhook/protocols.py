"""Port protocols (protocol.Parse): their names in any case, and what they mean."""

from __future__ import annotations

HTTP = frozenset({"http", "http2", "http_proxy", "grpc", "grpc-web"})
TLS = frozenset({"https", "tls"})
KNOWN = HTTP | TLS | {"tcp", "udp", "mongo", "redis", "mysql"}


def is_known(protocol: str) -> bool:
    return protocol.lower() in KNOWN


def is_http(protocol: str) -> bool:
    return protocol.lower() in HTTP


def is_tls(protocol: str) -> bool:
    return protocol.lower() in TLS
