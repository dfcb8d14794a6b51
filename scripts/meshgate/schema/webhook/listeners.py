"""Where a listener binds and an endpoint is, and the protocols of ports (protocol.Parse)."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.schema import golang
from meshgate.schema.webhook.problem import Path, Problem
from meshgate.wording.phrases import shown

UNIX = "unix://"

HTTP = frozenset({"http", "http2", "http_proxy", "grpc", "grpc-web"})
TLS = frozenset({"https", "tls"})
KNOWN = HTTP | TLS | {"tcp", "udp", "mongo", "redis", "mysql"}


def unix_socket(address: str, path: Path) -> Iterator[Problem]:
    """An absolute path to a file, or an abstract socket (ValidateUnixAddress)."""
    socket = address.removeprefix(UNIX)
    if socket.startswith("@"):
        return
    if not socket.startswith("/") or socket.endswith("/"):
        yield Problem(path, f"{shown(address)} is no absolute path to a socket")


def address(value: str, path: Path) -> Iterator[Problem]:
    """An IP address (ValidateIPAddress)."""
    if not golang.is_ip(value):
        yield Problem(path, f"{shown(value)} is no IP address")


def subnet(value: str, path: Path) -> Iterator[Problem]:
    """An IP address or a CIDR block (ValidateIPSubnet)."""
    if value.count("/") == 1:
        if not golang.is_prefix(value):
            yield Problem(path, f"{shown(value)} is no CIDR block")
    else:
        yield from address(value, path)


def is_known(protocol: str) -> bool:
    return protocol.lower() in KNOWN


def is_http(protocol: str) -> bool:
    return protocol.lower() in HTTP


def is_tls(protocol: str) -> bool:
    return protocol.lower() in TLS
