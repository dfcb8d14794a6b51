"""JSON as text that is safe to print: pure ASCII, and without commands of a CI runner.

A renderer returns plain values. What it puts into `Members` and `Rows` is written on several lines,
one for each member or item and one blank further in at each level, so that `grep` and `diff` work
on them; everything else stays on the line that it is on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from meshgate.model import JSON

# Made once: it is called for each finding.
_encode = json.JSONEncoder(ensure_ascii=True, check_circular=False).encode


class Members(dict[str, JSON]):
    """A JSON object with each member on a line of its own."""


class Rows(list[JSON]):
    """A JSON array with each item on a line of its own."""


class Verbatim(str):
    """A value that is JSON already, on one line."""

    __slots__ = ()


def document(first: Mapping[str, JSON] | None = None, /, **others: JSON) -> str:
    """A whole output: an object of these members, and the end of its last line.

    `first` has members that come before the others, with names that no keyword can have.
    """
    return write(Members(first or {}, **others)) + "\n"


def rows(entries: Iterable[str], name: str, /, **others: JSON) -> Iterator[str]:
    """A whole output as `document` writes it, piece by piece, for a list that may be long.

    `entries` are the items of the list `name`, each of them JSON on one line; it comes last.
    """
    head = "".join(f" {dump(member)}: {dump(value)},\n" for member, value in others.items())
    yield f"{{\n{head} {dump(name)}: ["
    between = "\n  "
    for entry in entries:
        yield f"{between}{entry}"
        between = ",\n  "
    yield "]\n}\n" if between == "\n  " else "\n ]\n}\n"


def write(value: JSON, level: int = 0) -> str:
    """A value whose first line is at this level already."""
    inner = "\n" + " " * (level + 1)
    if isinstance(value, Members):
        lines = [f"{dump(name)}: {write(own, level + 1)}" for name, own in value.items()]
        start, end = "{}"
    elif isinstance(value, Rows):
        lines = [write(own, level + 1) for own in value]
        start, end = "[]"
    else:
        return value if isinstance(value, Verbatim) else dump(value)
    if not lines:
        return start + end
    return f"{start}{inner}{f',{inner}'.join(lines)}\n{' ' * level}{end}"


def dump(value: JSON) -> str:
    """The value on one line. `##[` starts a command in the log of a CI job, so it is escaped."""
    return _encode(value).replace("##", r"#\u0023")
