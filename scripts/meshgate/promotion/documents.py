"""Values of promotion as strict YAML documents, and back: what no longer parses is broken.

Field names are in camel case (a field's `key` in its metadata stands before that), times in
RFC 3339 and UTC, lengths of time whole seconds.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import functools
import re
import types
import typing

from meshgate import source
from meshgate.config.reading import parse
from meshgate.config.shape import check
from meshgate.errors import IntegrityError, UsageError
from meshgate.model import JSON, JSONObject
from meshgate.promotion import records
from meshgate.promotion.times import rfc3339

T = typing.TypeVar("T")

# What annotations of `records` name, beside the classes of that module.
NAMES = {"datetime": datetime, "JSONObject": dict}


def document_text(kind: str, value: object, **head: str) -> str:
    """The YAML text of a value; the same value gives the same text."""
    content = as_json(value)
    return source.dump_value({"apiVersion": records.API_VERSION, "kind": kind, **head, **content})


def read_document(kind: type[T], schema: str, content: bytes, file: str) -> tuple[T, JSONObject]:
    """The value that a file holds, and its JSON. Raises IntegrityError that names the file."""
    try:
        document = parse(content.decode("utf-8"), file)
        check(document, schema)
        return from_json(kind, document.value), document.value
    except UnicodeDecodeError as error:
        raise broken(file, "is not UTF-8 text") from error
    except UsageError as error:
        raise broken(file, "is not as it was written", why=error.what) from error
    except IntegrityError as error:
        raise broken(file, error.what) from error


def broken(file: str, what: str, *, why: str = "") -> IntegrityError:
    """The error of a file that is not what promotion wrote."""
    return IntegrityError(what, file=file, why=why, hint=f"git log -p -- {file}")


def as_json(value: object) -> JSON:
    """A value of `records` as JSON."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {key_of(field): as_json(getattr(value, field.name)) for field in _declared(value)}
    if isinstance(value, (tuple, list)):
        return [as_json(item) for item in value]
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    return _scalar_json(value)


def _scalar_json(value: object) -> JSON:
    if isinstance(value, datetime.datetime):
        return rfc3339(value)
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return int(value.total_seconds())
    return str(value) if isinstance(value, enum.StrEnum) else value


def from_json(kind: type[T], value: JSONObject) -> T:
    """The value of a class of `records` that `as_json` wrote; other keys are left alone.

    The JSON is valid against its schema. Raises IntegrityError for a time that does not exist.
    """
    typed: T = _typed(kind, value)
    return typed


def key_of(field: dataclasses.Field[JSON]) -> str:
    """The key of a field in JSON: `record_sha256` as `recordSha256`."""
    stored: str = field.metadata.get(records.KEY) or re.sub(
        r"_(\w)", lambda letter: letter[1].upper(), field.name
    )
    return stored


@functools.cache
def _fields(kind: type) -> tuple[tuple[str, str, JSON], ...]:
    """Name, key and type of each field."""
    hints = typing.get_type_hints(kind, vars(records), NAMES)
    return tuple((field.name, key_of(field), hints[field.name]) for field in _declared(kind))


def _declared(kind: JSON) -> tuple[dataclasses.Field[JSON], ...]:
    return dataclasses.fields(kind)


def _typed(kind: JSON, value: JSON) -> JSON:
    origin: object = typing.get_origin(kind)
    if origin is types.UnionType:
        if value is None:
            return None
        (present,) = (part for part in typing.get_args(kind) if part is not types.NoneType)
        return _typed(present, value)
    if origin is tuple:
        return tuple(_typed(typing.get_args(kind)[0], item) for item in value)
    if kind is object or origin is not None:
        return value
    if dataclasses.is_dataclass(kind):
        return _built(kind, value)
    return _scalar(kind, value)


def _built(kind: JSON, value: JSONObject) -> JSON:
    return kind(**{name: _typed(own, value[key]) for name, key, own in _fields(kind)})


def _scalar(kind: type, value: JSON) -> JSON:
    try:
        if issubclass(kind, datetime.datetime):
            return datetime.datetime.fromisoformat(value)
        if issubclass(kind, datetime.date):
            return datetime.date.fromisoformat(value)
    except ValueError as error:
        raise IntegrityError(f"{value!r} is no time") from error
    if issubclass(kind, datetime.timedelta):
        return datetime.timedelta(seconds=value)
    return kind(value) if issubclass(kind, enum.StrEnum) else value
