"""Calls seen in reality."""

from __future__ import annotations

import datetime
import enum
from dataclasses import dataclass, field

from meshgate.model.origin import Position


class SeenSecurity(enum.StrEnum):
    """What a server saw of a connection: `connection_security_policy` of Istio's metrics."""

    MUTUAL_TLS = "mutual_tls"
    NONE = "none"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class SeenCall:
    """Calls of one client to one service port, seen in reality.

    client       NS/WORKLOAD; empty: a client that the mesh does not know
    host         host of the service; empty: the workload was called directly
    port         port of the service; None: not known
    server       NS/WORKLOAD that answered; empty: not known
    server_port  port of that workload, which a Service may give another number; None: not known
    rate         requests, or connections of TCP, per second
    """

    client: str
    host: str
    port: int | None
    server: str
    server_port: int | None
    security: SeenSecurity
    rate: float
    last_seen: datetime.datetime
    # One call is the same call whatever the line of its file.
    source: Position | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Traffic:
    """The calls seen between two times; `environment` None: the file does not say where."""

    calls: tuple[SeenCall, ...]
    start: datetime.datetime
    end: datetime.datetime
    source: str
    environment: str | None = None
    file: str = ""
