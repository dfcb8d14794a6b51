"""Values of promotion as JSON and back: field names in camel case, times in RFC 3339, UTC."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import functools
import re
import types
import typing

from meshgate.errors import IntegrityError
from meshgate.promotion import values

if typing.TYPE_CHECKING:
    from meshgate.model import JSON, JSONObject

T = typing.TypeVar("T")

# What annotations of `values` name without importing it.
NAMES = {"datetime": datetime, "JSONObject": dict}


def as_json(value: object) -> JSON:
    """A value as JSON. Durations are whole seconds."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {camel(each.name): as_json(getattr(value, each.name)) for each in _declared(value)}
    if isinstance(value, (tuple, list)):
        return [as_json(each) for each in value]
    if isinstance(value, dict):
        return {key: as_json(each) for key, each in value.items()}
    return _told(value)


def _told(value: object) -> JSON:
    if isinstance(value, datetime.datetime):
        return moment(value)
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return int(value.total_seconds())
    return str(value) if isinstance(value, enum.StrEnum) else value


def moment(value: datetime.datetime) -> str:
    """RFC 3339 in UTC, to the second: `2026-08-22T10:00:00Z`."""
    utc = value.astimezone(datetime.UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="seconds") + "Z"


def of_json(kind: type[T], value: JSONObject) -> T:
    """The value of a class of `values` that `as_json` told; other keys are left alone.

    The JSON is valid against its schema. Raises IntegrityError for a time that does not exist.
    """
    found: T = _of(kind, value)
    return found


@functools.cache
def _fields(kind: type) -> tuple[tuple[str, str, JSON], ...]:
    """Name, key and type of each field."""
    hints = typing.get_type_hints(kind, vars(values), NAMES)
    return tuple((each.name, camel(each.name), hints[each.name]) for each in _declared(kind))


def _declared(kind: JSON) -> tuple[dataclasses.Field[JSON], ...]:
    return dataclasses.fields(kind)


def _of(kind: JSON, value: JSON) -> JSON:
    origin: object = typing.get_origin(kind)
    if origin is types.UnionType:
        if value is None:
            return None
        (own,) = (each for each in typing.get_args(kind) if each is not types.NoneType)
        return _of(own, value)
    if origin is tuple:
        return tuple(_of(typing.get_args(kind)[0], each) for each in value)
    if kind is object or origin is not None:
        return value
    if dataclasses.is_dataclass(kind):
        return _built(kind, value)
    return _scalar(kind, value)


def _built(kind: JSON, value: JSONObject) -> JSON:
    return kind(**{name: _of(own, value[key]) for name, key, own in _fields(kind)})


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


def camel(name: str) -> str:
    """`record_sha256` as `recordSha256`."""
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name)
