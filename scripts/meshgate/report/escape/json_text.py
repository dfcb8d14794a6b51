"""JSON as text that is safe to print: pure ASCII, and without commands of a CI runner."""

from __future__ import annotations

import json
from collections.abc import Iterable

from meshgate.model import JSON

# Made once: it is called for each finding.
_encode = json.JSONEncoder(ensure_ascii=True, check_circular=False).encode


def dump(value: JSON) -> str:
    """The value on one line. `##[` starts a command in the log of a CI job, so it is escaped."""
    return _encode(value).replace("##", r"#\u0023")


def rows(values: Iterable[JSON], indent: str) -> str:
    """The values as a JSON array, one on each line, so that `grep` and `diff` work on them."""
    lines = f",\n{indent} ".join(map(dump, values))
    return f"[\n{indent} {lines}\n{indent}]" if lines else "[]"


def members(parts: Iterable[tuple[str, str]], indent: str = "") -> str:
    """A JSON object of values that are JSON already, one member on each line."""
    lines = ",\n".join(f"{indent} {dump(name)}: {text}" for name, text in parts)
    return f"{{\n{lines}\n{indent}}}"
