"""`waivers/<environment>.yaml` and `expectations/<environment>.yaml` as typed values."""

from __future__ import annotations

from datetime import date
from typing import TypedDict

from meshgate.config.document import Document, shown
from meshgate.errors import UsageError
from meshgate.model import Acknowledgement, Difference, Expectation, JSONObject, Waiver

LAST_PORT = 65535


class Accepted(TypedDict):
    """What a waivers file adds to its environment."""

    waivers: tuple[Waiver, ...]
    differences: tuple[Difference, ...]
    acknowledgements: tuple[Acknowledgement, ...]


def accepted(document: Document) -> Accepted:
    """The waivers, differences and acknowledgements of a checked file."""
    value: JSONObject = document.value
    waivers, differences, acknowledgements = (
        [(entry, document.place(entries, index)) for index, entry in enumerate(entries)]
        for entries in (
            value.get("waivers", ()),
            value.get("differences", ()),
            value.get("acknowledgements", ()),
        )
    )
    return Accepted(
        waivers=tuple(
            Waiver(**entry | {"expires": _date(entry["expires"])}, source=source)
            for entry, source in waivers
        ),
        differences=tuple(
            Difference(
                **{"port": None} | entry | {"expires": _date(entry["expires"])}, source=source
            )
            for entry, source in differences
        ),
        acknowledgements=tuple(
            Acknowledgement(**entry | {"until": _date(entry["until"])}, source=source)
            for entry, source in acknowledgements
        ),
    )


def expectations(document: Document) -> tuple[Expectation, ...]:
    """The expectations of a checked file. Raises UsageError for a port that cannot be."""
    entries = document.value.get("expectations", ())
    found = []
    for index, entry in enumerate(entries):
        host, _, port = entry["to"].rpartition(":")
        if not 0 < int(port) <= LAST_PORT:
            raise UsageError(
                f"{shown(document.place(entry, 'to'))}: {port} is no port",
                hint="write HOST:PORT with the port of the Service",
            )
        found.append(
            Expectation(
                client=entry["from"],
                host=host,
                port=int(port),
                outcome=entry["outcome"],
                source=document.place(entries, index),
            )
        )
    return tuple(found)


def _date(text: str) -> date:
    return date.fromisoformat(text)
