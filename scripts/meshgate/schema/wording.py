"""Say for people what a schema refuses (SH002)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from jsonschema import Draft202012Validator, ValidationError

from meshgate.model import JSON, JSONObject, Resource, SchemaViolation, join_path
from meshgate.schema.catalog import Kind
from meshgate.schema.phrases import counted, listed, shown
from meshgate.schema.refusal import Refusal
from meshgate.schema.suggestion import Node, nearest, unknown_field

CHOICES = frozenset({"not", "oneOf"})
TYPES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "an integer",
    "number": "a number",
    "object": "a mapping",
    "string": "a string",
}


class Fault(NamedTuple):
    """A keyword that does not hold: its value in the schema, the value that breaks it."""

    keyword: str
    wanted: JSON
    found: JSON
    schema: JSONObject
    path: tuple[str | int, ...]
    is_key: bool  # it is a mapping's key that breaks it

    @classmethod
    def of(cls, error: ValidationError) -> Fault:
        """What jsonschema found."""
        schema: JSON = error.schema
        return cls(
            str(error.validator),
            error.validator_value,
            error.instance,
            schema,
            tuple(error.absolute_path),
            "propertyNames" in error.absolute_schema_path,
        )


def violations(resource: Resource, kind: Kind, refusal: Refusal) -> list[SchemaViolation]:
    """Everything the schema refuses in this object; at least what the engine said."""
    root = kind.schema()
    told = {
        told
        for error in Draft202012Validator(root).iter_errors(resource.value)
        for told in _told(Fault.of(error), root)
    }
    return [
        SchemaViolation("SH002", resource, path, message)
        for path, message in sorted(told) or [(refusal.path, refusal.message)]
    ]


def _told(fault: Fault, root: JSONObject) -> Iterator[tuple[str, str]]:
    path = join_path(*fault.path)
    if fault.keyword in CHOICES and not isinstance(fault.found, dict):
        return  # a choice between fields; that this is no mapping is another error
    if fault.is_key:
        yield join_path(*fault.path, fault.found), _not_a_key(fault)
    elif fault.keyword == "additionalProperties":
        node = Node(path, fault.schema)
        for name in fault.found:
            if name not in fault.schema.get("properties", {}):
                yield join_path(*fault.path, name), unknown_field(name, node, root)
    elif fault.keyword == "required":
        for name in fault.wanted:
            if name not in fault.found:
                yield path, f"`{name}` is missing"
    else:
        yield path, WORDINGS[fault.keyword](fault)


def _not_a_key(fault: Fault) -> str:
    return f"{shown(fault.found)} is not a valid key for a label"


def _type(fault: Fault) -> str:
    wanted = fault.wanted
    options = [wanted] if isinstance(wanted, str) else wanted
    return _mismatch(fault.found, [option for option in options if option != "null"])


def _mismatch(value: JSON, wanted: list[str]) -> str:
    must = " or ".join(TYPES[option] for option in wanted)
    if value is None:
        return f"has no value, must be {must}"
    advice = ""
    if wanted == ["string"] and isinstance(value, (bool, int, float)):
        advice = f'; quote it: "{shown(value)}"'
    elif isinstance(value, str) and _reads_as(value, wanted):
        advice = "; remove the quotes"
    elif wanted == ["array"] and not isinstance(value, dict):
        advice = f"; write [{shown(value)}]"
    return f"is {shown(value)}, must be {must}{advice}"


def _reads_as(text: str, wanted: list[str]) -> bool:
    """Whether the text, without its quotes, would be of a wanted type."""
    if text in {"true", "false"}:
        return "boolean" in wanted
    return text.isdecimal() and bool({"integer", "number"} & set(wanted))


def _enum(fault: Fault) -> str:
    allowed = [str(value) for value in fault.wanted if value is not None]
    near = nearest(str(fault.found), allowed)
    if near is not None:
        return f"is {shown(fault.found)}, did you mean `{near}`? Allowed: {listed(allowed)}"
    return f"is {shown(fault.found)}; allowed: {listed(allowed)}"


def _any_of(fault: Fault) -> str:
    options = fault.wanted
    if all("type" in option for option in options):
        wanted = [str(option["type"]) for option in options if option["type"] != "null"]
        return _mismatch(fault.found, wanted)
    return f"{listed(_names(options)[:1])} is missing"


def _one_of(fault: Fault) -> str:
    names = _names(fault.wanted)
    present = [name for name in names if name in fault.found]
    if len(present) > 1:
        surplus = f"; {listed(present)} are" if len(present) < len(names) else ""
        return f"only one of {listed(names)} may be set{surplus}"
    return f"one of {listed(names)} must be set"


def _names(options: list[JSONObject]) -> list[str]:
    """The fields that the branches of a choice ask for."""
    return [name for option in options for name in option.get("required", ())]


def _not(fault: Fault) -> str:
    names = _names(fault.wanted.get("anyOf", [fault.wanted]))
    return f"{listed(names)} may not be set" if names else "has a value that is not allowed"


def _pattern(fault: Fault) -> str:
    meaning = fault.schema.get("description")
    if meaning is not None:
        return f"{shown(fault.found)} is not {meaning}"
    return f"{shown(fault.found)} does not match `{fault.wanted}`"


def _at_most(noun: str) -> Callable[[Fault], str]:
    return lambda e: f"has {len(e.found)} {noun}, at most {e.wanted} are allowed"


def _at_least(noun: str, plural: str) -> Callable[[Fault], str]:
    return lambda e: f"must have at least {counted(e.wanted, noun, plural)}"


WORDINGS: dict[str, Callable[[Fault], str]] = {
    "anyOf": _any_of,
    "enum": _enum,
    "maxItems": _at_most("entries"),
    "maxLength": _at_most("characters"),
    "maxProperties": _at_most("keys"),
    "maximum": lambda e: f"is {shown(e.found)}, must be at most {e.wanted}",
    "minItems": _at_least("entry", "entries"),
    "minLength": _at_least("character", "characters"),
    "minProperties": _at_least("key", "keys"),
    "minimum": lambda e: f"is {shown(e.found)}, must be at least {e.wanted}",
    "not": _not,
    "oneOf": _one_of,
    "pattern": _pattern,
    "type": _type,
    "uniqueItems": lambda _: "has the same entry twice",
}
