"""Say for people what a JSON Schema refuses: the same for objects (SH002) and for our own files."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from jsonschema import Draft202012Validator, FormatChecker, ValidationError

from meshgate.model import JSON, JSONObject, join_path
from meshgate.wording.fields import FEW, Node, resolved, unknown_field
from meshgate.wording.nearest import MEANT, nearest
from meshgate.wording.phrases import counted, listed, shown

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
    value: JSON
    schema: JSONObject
    path: tuple[str | int, ...]
    is_key: bool  # it is a mapping's key that breaks it
    text: str = ""  # what the library says of it

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
            error.message,
        )


FORMAT_ADVICE = {
    "date": "write it as YYYY-MM-DD, such as 2027-01-31",
    "date-time": "write it as 2027-01-31T12:00:00Z",
}


class SchemaProblem(NamedTuple):
    """One thing that is wrong.

    path     of the value, or of the field that is not known
    advice   what to do, as the rest of a sentence; empty where there is nothing to say
    is_null  the value is null, and would not be refused for being there
    """

    path: tuple[str | int, ...]
    message: str
    advice: str = ""
    is_null: bool = False

    @property
    def text(self) -> str:
        """The message with the advice, in one line."""
        if not self.advice:
            return self.message
        return f"{self.message}{', ' if self.advice.startswith(MEANT) else '; '}{self.advice}"


FORMATS = FormatChecker(())
FORMATS.checks("date", ValueError)(lambda value: _is_time(datetime.date, value))
FORMATS.checks("date-time", ValueError)(lambda value: _is_time(datetime.datetime, value))


def _is_time(kind: type[datetime.date], value: object) -> bool:
    return not isinstance(value, str) or bool(kind.fromisoformat(value))


def problems(schema: JSONObject, value: JSON, *, own: bool = False) -> list[SchemaProblem]:
    """Everything a JSON Schema (2020-12) refuses in a value, in the order of paths.

    `own`: it is a file of this project's own, where `date` and `date-time` are asked for, and every
    field that there is is named beside one that is not known.
    """
    validator = Draft202012Validator(schema, format_checker=FORMATS if own else None)
    every = {
        problem
        for error in _in_the_alternative_meant(validator.iter_errors(value))
        for problem in _described(Fault.of(error), schema, None if own else FEW)
    }
    return sorted(every, key=lambda problem: (join_path(*problem.path), problem.text))


def _in_the_alternative_meant(errors: Iterable[ValidationError]) -> Iterator[ValidationError]:
    """Errors, those of the one alternative that a value has the type of instead of the choice."""
    for error in errors:
        alternatives: dict[JSON, list[ValidationError]] = {}
        if error.validator == "anyOf":
            for inner in error.context or ():
                alternatives.setdefault(inner.schema_path[0], []).append(inner)
        fitting = [
            inner
            for inner in alternatives.values()
            if not any(each.validator == "type" and not each.path for each in inner)
        ]
        yield from fitting[0] if len(fitting) == 1 and len(alternatives) > 1 else [error]


def _described(fault: Fault, root: JSONObject, most: int | None) -> Iterator[SchemaProblem]:
    if fault.keyword in CHOICES and not isinstance(fault.value, dict):
        return  # a choice between fields; that this is no mapping is another error
    if fault.is_key:
        is_label = fault.path[-1:] == ("labels",)
        label = (f"{shown(fault.value)} is not a valid key for a label",)
        yield SchemaProblem((*fault.path, fault.value), *(label if is_label else _pattern(fault)))
    elif fault.keyword == "additionalProperties":
        node = Node(join_path(*fault.path), fault.schema)
        for name in fault.value:
            if name not in fault.schema.get("properties", {}):
                yield SchemaProblem((*fault.path, name), *unknown_field(name, node, root, most))
    elif fault.keyword == "required":
        for name in fault.wanted:
            if name not in fault.value:
                yield SchemaProblem(fault.path, f"`{name}` is missing")
    else:
        yield SchemaProblem(fault.path, *_worded(fault, root), fault.value is None)


def _worded(fault: Fault, root: JSONObject) -> tuple[str, str]:
    """The message and the advice for a keyword that speaks of the value itself."""
    if fault.keyword not in WORDINGS:
        return fault.text, ""
    if fault.keyword == "anyOf":
        fault = fault._replace(wanted=[resolved(option, root) for option in fault.wanted])
    words = WORDINGS[fault.keyword](fault)
    return (words, "") if isinstance(words, str) else words


def _type(fault: Fault) -> tuple[str, str]:
    wanted = fault.wanted
    options = [wanted] if isinstance(wanted, str) else wanted
    return _mismatch(fault.value, [option for option in options if option != "null"])


def _mismatch(value: JSON, wanted: list[str]) -> tuple[str, str]:
    must = " or ".join(TYPES[option] for option in wanted)
    if value is None:
        advice = "write [] for none, or remove it" if wanted == ["array"] else ""
        return f"has no value, must be {must}", advice
    advice = ""
    if wanted == ["string"] and isinstance(value, (bool, int, float)):
        advice = f'quote it: "{shown(value)}"'
    elif isinstance(value, str) and _reads_as(value, wanted):
        advice = "remove the quotes"
    elif wanted == ["array"] and not isinstance(value, dict):
        advice = f"write [{shown(value)}]"
    return f"is {shown(value)}, must be {must}", advice


def _reads_as(text: str, wanted: list[str]) -> bool:
    """Whether the text, without its quotes, would be of a wanted type."""
    if text in {"true", "false"}:
        return "boolean" in wanted
    return text.isdecimal() and bool({"integer", "number"} & set(wanted))


def _enum(fault: Fault) -> tuple[str, str]:
    allowed = [str(value) for value in fault.wanted if value is not None]
    near = nearest(str(fault.value), allowed)
    message = f"is {shown(fault.value)}"
    if near is not None:
        return message, f"{MEANT} `{near}`? Allowed: {listed(allowed)}"
    return message, f"allowed: {listed(allowed)}"


def _dependent(fault: Fault) -> str:
    lacking = [
        (name, field)
        for field, names in fault.wanted.items()
        for name in names
        if field in fault.value and name not in fault.value
    ]
    return " and ".join(f"`{name}` is missing, which `{field}` needs" for name, field in lacking)


def _any_of(fault: Fault) -> str | tuple[str, str]:
    options = fault.wanted
    if all("type" in option for option in options):
        wanted = [str(option["type"]) for option in options if option["type"] != "null"]
        return _mismatch(fault.value, wanted)
    names = _names(options)
    return f"{listed(names[:1])} is missing" if names else fault.text


def _one_of(fault: Fault) -> str:
    names = _names(fault.wanted)
    present = [name for name in names if name in fault.value]
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


def _pattern(fault: Fault) -> tuple[str, str]:
    meaning = fault.schema.get("description", "")
    value = shown(fault.value)
    # Kubernetes' schemas have a noun there, ours a sentence.
    if meaning and not meaning.endswith("."):
        return f"{value} is not {meaning}", ""
    return f"{value} does not match `{fault.wanted}`", meaning


def _at_most(noun: str) -> Callable[[Fault], str]:
    return lambda e: f"has {len(e.value)} {noun}, at most {e.wanted} are allowed"


def _at_least(noun: str, plural: str) -> Callable[[Fault], str]:
    return lambda e: f"must have at least {counted(e.wanted, noun, plural)}"


WORDINGS: dict[str, Callable[[Fault], str | tuple[str, str]]] = {
    "anyOf": _any_of,
    "const": lambda e: f"is {shown(e.value)}, must be {shown(e.wanted)}",
    "dependentRequired": _dependent,
    "enum": _enum,
    "format": lambda e: (f"is {shown(e.value)}, which is no {e.wanted}", FORMAT_ADVICE[e.wanted]),
    "maxItems": _at_most("entries"),
    "maxLength": _at_most("characters"),
    "maxProperties": _at_most("keys"),
    "maximum": lambda e: f"is {shown(e.value)}, must be at most {e.wanted}",
    "minItems": _at_least("entry", "entries"),
    "minLength": _at_least("character", "characters"),
    "minProperties": _at_least("key", "keys"),
    "minimum": lambda e: f"is {shown(e.value)}, must be at least {e.wanted}",
    "not": _not,
    "oneOf": _one_of,
    "pattern": _pattern,
    "type": _type,
    "uniqueItems": lambda _: "has the same entry twice",
}
