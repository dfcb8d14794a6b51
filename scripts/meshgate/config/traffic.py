"""A file of calls seen in reality as typed values."""

from __future__ import annotations

import datetime

from meshgate.config.document import Document, shown
from meshgate.errors import NothingToCheckError, UsageError
from meshgate.model import JSONObject, SeenCall, SeenSecurity, Traffic

UNKNOWN = "unknown"


def traffic(document: Document) -> Traffic:
    """The seen calls of a checked file, in its order.

    Raises UsageError for a call without destination and for a time that cannot be, and
    NothingToCheckError where no call is listed.
    """
    value: JSONObject = document.value
    entries = value["calls"]
    if not entries:
        raise NothingToCheckError(
            f"{document.file} lists no call",
            why="A change would be tried on nothing, which is never a pass.",
            hint="capture anew: `meshgate traffic capture --help` tells what may be missing",
        )
    start, end = (_time(document, value["window"], key) for key in ("from", "to"))
    if start >= end:
        raise UsageError(
            f"{shown(document.place(value['window'], 'to'))}: the window ends before it begins"
        )
    return Traffic(
        calls=tuple(_call(document, entries, index) for index in range(len(entries))),
        start=start,
        end=end,
        source=value["source"],
        environment=value.get("environment"),
        file=document.file,
    )


def _call(document: Document, entries: list[JSONObject], index: int) -> SeenCall:
    entry = entries[index]
    host, server = entry.get("to", ""), entry.get("server", "")
    if not host and not server:
        raise UsageError(
            f"{shown(document.place(entries, index))}: this call has no destination",
            hint="add `to:` with a host, or `server:` with NAMESPACE/WORKLOAD",
        )
    return SeenCall(
        client="" if entry["from"] == UNKNOWN else entry["from"],
        host=host,
        port=entry.get("port"),
        server=server,
        server_port=entry.get("serverPort"),
        security=SeenSecurity(entry["security"]),
        rate=float(entry["rate"]),
        last_seen=_time(document, entry, "lastSeen"),
        source=document.place(entries, index),
    )


def _time(document: Document, entry: JSONObject, key: str) -> datetime.datetime:
    try:
        return datetime.datetime.fromisoformat(entry[key])
    except ValueError as error:
        raise UsageError(
            f"{shown(document.place(entry, key))}: {entry[key]} is no time: {error}"
        ) from error
