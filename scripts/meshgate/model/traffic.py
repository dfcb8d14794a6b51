"""Calls seen in reality."""

from __future__ import annotations

import datetime
import enum
from typing import Annotated, Literal

from msgspec import Meta, field, structs

from meshgate.model.document import (
    DocumentPart,
    PlacedAnywhere,
    Port,
    Text,
    Time,
    WorkloadName,
    about,
    choice,
)

UNKNOWN_CLIENT = "unknown"
CLIENT = "^(unknown|[a-z0-9]([-a-z0-9]*[a-z0-9])?/[a-z0-9]([-.a-z0-9]*[a-z0-9])?)$"
HOST = "^[a-zA-Z0-9_]([-._a-zA-Z0-9]*[a-zA-Z0-9])?$"


class SeenSecurity(enum.StrEnum):
    """What a server saw of a connection: `connection_security_policy` of Istio's metrics."""

    MUTUAL_TLS = "mutual_tls"
    NONE = "none"
    UNKNOWN = "unknown"


class SeenCall(PlacedAnywhere, frozen=True, kw_only=True):
    """All calls of one client to one service port that one workload answered.

    client       NS/WORKLOAD; empty (`unknown` in the file): a client that the mesh does not know
    host         host of the service; empty: the workload was called directly
    port         port of the service; None: not known
    server       NS/WORKLOAD that answered; empty: not known
    server_port  port of that workload, which a Service may give another number; None: not known
    rate         requests, or connections of TCP, per second
    """

    client: Annotated[
        str,
        Meta(
            pattern=CLIENT,
            description="NAMESPACE/WORKLOAD, or unknown: a client that the mesh does not know.",
        ),
    ] = field(name="from")
    host: Annotated[
        str,
        Meta(
            pattern=HOST,
            description="The host of the service; absent: the workload was called directly.",
        ),
    ] = field(name="to", default="")
    port: Annotated[Port | None, about("The port of the service; absent: not known.")] = None
    server: Annotated[
        WorkloadName, about("NAMESPACE/WORKLOAD that answered; absent: not known.")
    ] = ""
    server_port: Annotated[
        Port | None, about("The port of the workload that answered; absent: not known.")
    ] = None
    security: Annotated[
        SeenSecurity,
        choice(*SeenSecurity),
        about("What the server saw of the connection (connection_security_policy)."),
    ]
    rate: Annotated[
        float,
        Meta(ge=0, description="Requests, or connections of TCP, per second over the window."),
    ]
    last_seen: Time

    def __post_init__(self) -> None:
        if self.client == UNKNOWN_CLIENT:
            structs.force_setattr(self, "client", "")


class TrafficWindow(DocumentPart, frozen=True):
    """The time in which calls were looked for."""

    start: Time = field(name="from")
    end: Time = field(name="to")


class Traffic(DocumentPart, frozen=True, kw_only=True):
    """The calls seen between two times; `environment` None: the file does not say where."""

    version: Literal[1]
    environment: Annotated[
        Text | None,
        about("The environment the calls were seen in; absent: the reader must name one."),
    ] = None
    source: Annotated[Text, about("Where the calls were seen, for people.")]
    window: TrafficWindow
    calls: tuple[SeenCall, ...]

    @property
    def start(self) -> datetime.datetime:
        """When the window begins."""
        return self.window.start

    @property
    def end(self) -> datetime.datetime:
        """When it ends."""
        return self.window.end
