"""What a CRD demands beyond JSON Schema: CEL rules (SH003) and list entries with unique keys."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from meshgate.model import JSON, JSONObject, Resource, SchemaViolation, join_path
from meshgate.schema.catalog import ServedKind
from meshgate.schema.cel_rules import CelRule
from meshgate.wording.phrases import shown

RULES = "x-kubernetes-validations"
LIST_KEYS = "x-kubernetes-list-map-keys"


class Demands(NamedTuple):
    """What one schema node demands, and those below it that demand anything."""

    rules: tuple[CelRule, ...]
    list_keys: tuple[str, ...]
    fields: dict[str, Demands]
    items: Demands | None
    values: Demands | None


def violations(resource: Resource, kind: ServedKind) -> Iterator[SchemaViolation]:
    """What the rules of the CRD refuse in an object that fits its schema."""
    demands = _of_kind(kind)
    if demands is not None and not _holds(demands, resource.value):
        for rule, path, message in _walk(demands, resource.value, ()):
            yield SchemaViolation(rule, resource, join_path(*path), message)


@cache
def _of_kind(kind: ServedKind) -> Demands | None:
    return demands_of(kind.schema())


def demands_of(schema: JSONObject) -> Demands | None:
    """The demands of a schema node; None where there are none at or below it."""
    rules = [CelRule(rule) for rule in schema.get(RULES, ())]
    fields = [(name, demands_of(node)) for name, node in schema.get("properties", {}).items()]
    values = schema.get("additionalProperties")
    demands = Demands(
        tuple(rule for rule in rules if rule.applies),
        tuple(schema.get(LIST_KEYS, ())),
        {name: below for name, below in fields if below is not None},
        demands_of(schema["items"]) if "items" in schema else None,
        demands_of(values) if isinstance(values, dict) else None,
    )
    return demands if any(demands) else None


def _holds(demands: Demands, value: JSON) -> bool:
    """Whether nothing is refused at or below a node: the common case, without paths."""
    for rule in demands.rules:
        if rule.refusal(value) is not None:
            return False
    if isinstance(value, dict):
        fields = demands.fields
        # An object has far fewer fields than its kind could have.
        for name, field in value.items():
            if name in fields and field is not None and not _holds(fields[name], field):
                return False
        values = demands.values
        return values is None or all(_holds(values, entry) for entry in value.values())
    if isinstance(value, list):
        items = demands.items
        if demands.list_keys and any(_repeated(demands.list_keys, value, ())):
            return False
        return items is None or all(_holds(items, entry) for entry in value)
    return True


def _walk(
    demands: Demands, value: JSON, path: tuple[str | int, ...]
) -> Iterator[tuple[str, tuple[str | int, ...], str]]:
    """Rule id, path and message of everything refused at or below a node."""
    for rule in demands.rules:
        message = rule.refusal(value)
        if message is not None:
            yield "SH003", path, message
    if isinstance(value, list) and demands.list_keys:
        yield from _repeated(demands.list_keys, value, path)
    for name, below, entry in _below(demands, value):
        yield from _walk(below, entry, (*path, name))


def _below(demands: Demands, value: JSON) -> Iterator[tuple[str | int, Demands, JSON]]:
    """The fields, values or items that something is demanded of."""
    if isinstance(value, dict):
        for name, below in demands.fields.items():
            if value.get(name) is not None:
                yield name, below, value[name]
        if demands.values is not None:
            for name, entry in value.items():
                yield name, demands.values, entry
    elif isinstance(value, list) and demands.items is not None:
        for index, entry in enumerate(value):
            yield index, demands.items, entry


def _repeated(
    keys: tuple[str, ...], entries: list[JSON], path: tuple[str | int, ...]
) -> Iterator[tuple[str, tuple[str | int, ...], str]]:
    """The API server refuses a second list entry with the same key (listtype)."""
    seen: dict[tuple[str, ...], int] = {}
    for index, entry in enumerate(entries):
        identity = tuple(shown(entry.get(key)) for key in keys)
        first = seen.setdefault(identity, index)
        if first != index:
            named = ", ".join(f"{key} {value}" for key, value in zip(keys, identity, strict=True))
            yield "SH002", (*path, index), f"entry {first} has the same {named}"
