"""What a check of the webhook yields, and the small parts that many checks share."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from meshgate.schema import golang
from meshgate.schema.phrases import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshgate.model import JSON, JSONObject

Path: TypeAlias = tuple[str | int, ...]

MILLISECOND = 10**6
MAX_PORT = 65535


class Problem(NamedTuple):
    """One thing that istiod's webhook refuses, and where."""

    path: Path
    message: str


def duration(node: JSONObject, field: str, path: Path) -> Iterator[Problem]:
    """At least a millisecond, in whole milliseconds (agent.ValidateDuration)."""
    text = node.get(field)
    if text is None:
        return
    try:
        value = golang.duration(text)
    except ValueError:
        yield Problem((*path, field), f"{shown(text)} is no duration such as 5s or 1m30s")
        return
    if value < MILLISECOND:
        yield Problem((*path, field), f"{shown(text)} is shorter than 1ms")
    elif value % MILLISECOND:
        yield Problem((*path, field), f"{shown(text)} is finer than a millisecond")


def duration_format(node: JSONObject, field: str, path: Path) -> Iterator[Problem]:
    """Any duration that can be read at all."""
    text = node.get(field)
    if text is not None:
        try:
            golang.duration(text)
        except ValueError:
            yield Problem((*path, field), f"{shown(text)} is no duration such as 5s or 1m30s")


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
