"""connectionPool of DestinationRule and Sidecar (validateConnectionPool)."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import JSONObject
from meshgate.schema import golang
from meshgate.schema.webhook.problem import (
    MILLISECOND,
    Path,
    Problem,
    duration_format,
    durations,
    not_negative,
)


def connection_pool(pool: JSONObject | None, path: Path) -> Iterator[Problem]:
    """One `connectionPool` block."""
    if pool is None:
        return
    if "http" not in pool and "tcp" not in pool:
        yield Problem(path, "must set `tcp` or `http`")
    if "http" in pool:
        yield from _http(pool["http"], (*path, "http"))
    if "tcp" in pool:
        yield from _tcp(pool["tcp"], (*path, "tcp"))


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
    yield from durations(http, path, "idleTimeout")
    if http.get("h2UpgradePolicy") == "UPGRADE" and http.get("useClientProtocol"):
        yield Problem((*path, "useClientProtocol"), "cannot be true where h2UpgradePolicy upgrades")
    keep_alive = http.get("http2KeepAlive")
    if keep_alive is not None:
        for field in ("interval", "timeout"):
            if field not in keep_alive:
                yield Problem((*path, "http2KeepAlive"), f"`{field}` is missing")
            yield from durations(keep_alive, (*path, "http2KeepAlive"), field)


def _tcp(tcp: JSONObject, path: Path) -> Iterator[Problem]:
    yield from not_negative(tcp, path, "maxConnections")
    yield from durations(tcp, path, "connectTimeout", "maxConnectionDuration")
    if "idleTimeout" in tcp:
        yield from _idle_timeout(tcp, path)
    if "tcpKeepalive" in tcp:
        yield from durations(tcp["tcpKeepalive"], (*path, "tcpKeepalive"), "time", "interval")


def _idle_timeout(tcp: JSONObject, path: Path) -> Iterator[Problem]:
    """Less than a millisecond, in both directions, switches the timeout off."""
    faults = list(duration_format(tcp, "idleTimeout", path))
    if faults:
        yield from faults
    elif abs(golang.duration(tcp["idleTimeout"])) >= MILLISECOND:
        yield from durations(tcp, path, "idleTimeout")
