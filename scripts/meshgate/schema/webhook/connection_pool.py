"""connectionPool of DestinationRule and Sidecar (validateConnectionPool)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshgate.schema import golang
from meshgate.schema.webhook.problem import (
    MILLISECOND,
    Problem,
    duration,
    duration_format,
    not_negative,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshgate.model import JSONObject
    from meshgate.schema.webhook.problem import Path


def connection_pool(pool: JSONObject | None, path: Path) -> Iterator[Problem]:
    """One `connectionPool` block."""
    if pool is None:
        return
    if "http" not in pool and "tcp" not in pool:
        yield Problem(path, "must set `tcp` or `http`")
    yield from _http(pool.get("http", {}), (*path, "http"))
    yield from _tcp(pool.get("tcp", {}), (*path, "tcp"))


def _http(http: JSONObject, path: Path) -> Iterator[Problem]:
    yield from not_negative(
        http,
        path,
        "http1MaxPendingRequests",
        "http2MaxRequests",
        "maxRequestsPerConnection",
        "maxRetries",
        "maxConcurrentStreams",
    )
    yield from duration(http, "idleTimeout", path)
    if http.get("h2UpgradePolicy") == "UPGRADE" and http.get("useClientProtocol"):
        yield Problem((*path, "useClientProtocol"), "cannot be true where h2UpgradePolicy upgrades")
    keep_alive = http.get("http2KeepAlive")
    if keep_alive is not None:
        for field in ("interval", "timeout"):
            if field not in keep_alive:
                yield Problem((*path, "http2KeepAlive"), f"`{field}` is missing")
            yield from duration(keep_alive, field, (*path, "http2KeepAlive"))


def _tcp(tcp: JSONObject, path: Path) -> Iterator[Problem]:
    yield from not_negative(tcp, path, "maxConnections")
    yield from duration(tcp, "connectTimeout", path)
    yield from duration(tcp, "maxConnectionDuration", path)
    yield from _idle_timeout(tcp, path)
    keep_alive = tcp.get("tcpKeepalive", {})
    yield from duration(keep_alive, "time", (*path, "tcpKeepalive"))
    yield from duration(keep_alive, "interval", (*path, "tcpKeepalive"))


def _idle_timeout(tcp: JSONObject, path: Path) -> Iterator[Problem]:
    """Less than a millisecond, in both directions, switches the timeout off."""
    faults = list(duration_format(tcp, "idleTimeout", path))
    if faults:
        yield from faults
    elif "idleTimeout" in tcp and abs(golang.duration(tcp["idleTimeout"])) >= MILLISECOND:
        yield from duration(tcp, "idleTimeout", path)
