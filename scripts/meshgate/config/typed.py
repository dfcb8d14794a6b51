"""From a checked document to a value of its class, with the place of each entry."""

from __future__ import annotations

import datetime
import re
from typing import TypeVar

import msgspec

from meshgate.config.shape import check
from meshgate.errors import UsageError
from meshgate.model import JSON
from meshgate.model.document import Placed
from meshgate.yamldoc.document import Document, location

Part = TypeVar("Part", bound=msgspec.Struct)

# How msgspec ends its messages: `… - at `$.calls[0].lastSeen``.
PATH = re.compile(r"`\$(?P<path>[^`]*)`\Z")
STEP = re.compile(r"\.(?P<key>\w+)|\[(?P<index>\d+)\]")


def typed(document: Document, name: str, kind: type[Part]) -> Part:
    """The value of a document that is checked against the schema `name` of its class.

    Raises UsageError, with file, line and the way out, for anything that is not exactly known.
    """
    check(document, name)
    return converted(document, document.value, kind)


def converted(document: Document, value: JSON, kind: type[Part]) -> Part:
    """A part of a checked document as a value of its class.

    Raises UsageError for what no schema sees, such as a time that does not exist.
    """
    try:
        made = msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise _refusal(document, value, str(error)) from error
    _set_places(document, value, made)
    return made


def _set_places(document: Document, value: JSON, made: object) -> None:
    """Tell each entry of each list where it is written, while nobody else has it."""
    if isinstance(made, tuple):
        for index, item in enumerate(made):
            if isinstance(item, Placed):
                msgspec.structs.force_setattr(item, "source", document.place(value, index))
            _set_places(document, value[index], item)
    elif isinstance(made, msgspec.Struct):
        keys = zip(made.__struct_fields__, made.__struct_encode_fields__, strict=True)
        for name, key in keys:
            if isinstance(value, dict) and key in value:
                _set_places(document, value[key], getattr(made, name))


def _refusal(document: Document, value: JSON, message: str) -> UsageError:
    container, key = value, None
    path = PATH.search(message)
    for step in STEP.finditer(path["path"] if path else ""):
        container, value = value, value[step["key"] or int(step["index"])]
        key = step["key"] or int(step["index"])
    where = location(document.place(container, "" if key is None else key))
    try:
        if isinstance(value, str):
            datetime.datetime.fromisoformat(value)
    except ValueError as error:
        return UsageError(f"{where}: {value} is no time: {error}")
    return UsageError(f"{where}: {message}")
