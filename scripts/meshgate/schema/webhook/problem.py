"""What a check of the webhook yields, and the small parts that many checks share."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TypeAlias

from msgspec import Struct

from meshgate.model import JSON, JSONObject
from meshgate.schema import golang
from meshgate.wording.phrases import shown

Path: TypeAlias = tuple[str | int, ...]

MILLISECOND = 10**6
NO_DURATION = "is no duration such as 5s or 1m30s"
MAX_PORT = 65535


class Problem(Struct, frozen=True):
    """One thing that istiod's webhook refuses, and where."""

    path: Path
    message: str


def durations(node: JSONObject, path: Path, *fields: str) -> Iterator[Problem]:
    """At least a millisecond each, in whole milliseconds (agent.ValidateDuration)."""
    for field in fields:
        if field in node:
            fault = _duration_fault(node[field])
            if fault is not None:
                yield Problem((*path, field), f"{shown(node[field])} {fault}")


@lru_cache(maxsize=4096)
def _duration_fault(text: str) -> str | None:
    try:
        value = golang.duration(text)
    except ValueError:
        return NO_DURATION
    if value < MILLISECOND:
        return "is shorter than 1ms"
    return "is finer than a millisecond" if value % MILLISECOND else None


def duration_format(node: JSONObject, field: str, path: Path) -> Iterator[Problem]:
    """Any duration that can be read at all."""
    if field in node:
        try:
            golang.duration(node[field])
        except ValueError:
            yield Problem((*path, field), f"{shown(node[field])} {NO_DURATION}")


def port_number(value: JSON, path: Path) -> Iterator[Problem]:
    """A port that TCP has (agent.ValidatePort)."""
    if not 1 <= value <= MAX_PORT:
        yield Problem(path, f"port {value} is not in 1..{MAX_PORT}")


def not_negative(node: JSONObject, path: Path, *fields: str) -> Iterator[Problem]:
    """Numbers that count something."""
    for field in fields:
        if node.get(field, 0) < 0:
            yield Problem((*path, field), f"is {node[field]}, must not be negative")


def percentage(node: JSONObject, path: Path, *fields: str) -> Iterator[Problem]:
    """Numbers from 0 to 100."""
    for field in fields:
        if not 0 <= node.get(field, 0) <= 100:  # noqa: PLR2004 - percent
            yield Problem((*path, field), f"is {node[field]}, must be in 0..100")
