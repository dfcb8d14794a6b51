"""The leaves of a manifest, each with its JSON pointer (RFC 6901)."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import JSON


def leaves(value: JSON, pointer: str = "") -> Iterator[tuple[str, JSON]]:
    """Every scalar, empty mapping and empty list below a value, with its pointer."""
    if isinstance(value, dict) and value:
        for key, inside in value.items():
            yield from leaves(inside, f"{pointer}/{escaped(str(key))}")
    elif isinstance(value, list) and value:
        for index, inside in enumerate(value):
            yield from leaves(inside, f"{pointer}/{index}")
    else:
        yield pointer, value


def escaped(key: str) -> str:
    """A key as one part of a pointer."""
    return key.replace("~", "~0").replace("/", "~1")
