"""Whether a configuration file has the shape its schema tells, in words a person can act on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jsonschema_rs import ValidationError, Validator

import meshgate
from meshgate.config.nearest import MEANT, nearest
from meshgate.config.nearest import hint as hint_at
from meshgate.errors import UsageError
from meshgate.model import JSON, JSONObject, join_path
from meshgate.yamldoc.document import Document, shown

PACKAGE = Path(meshgate.__file__).parent
# A wheel carries a copy; a checkout has the folder itself.
SCHEMAS = (PACKAGE / "_schemas" / "meshgate", PACKAGE.parents[1] / "schemas" / "meshgate")

# How many problems of one file are told at once.
TOLD = 10

TYPE_NAMES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "nothing",
    "number": "a number",
    "object": "a mapping",
    "string": "text",
}


@cache
def schema(name: str) -> JSONObject:
    """The JSON Schema `name` of this project's own files."""
    folder = next((folder for folder in SCHEMAS if folder.is_dir()), SCHEMAS[0])
    loaded: JSONObject = json.loads((folder / f"{name}.schema.json").read_bytes())
    return loaded


@cache
def _validator(name: str) -> Validator:
    import jsonschema_rs  # noqa: PLC0415 - only a run that reads configuration pays for it

    return jsonschema_rs.validator_for(schema(name), validate_formats=True)


def check(document: Document, name: str) -> None:
    """Raise UsageError unless the document is valid against the schema `name`."""
    validator = _validator(name)
    if validator.is_valid(document.value):
        return
    whole = schema(name)
    problems = sorted(
        problem
        for error in validator.iter_errors(document.value)
        for problem in told(document, whole, error)
    )
    lines = [line for _, line, _ in problems[:TOLD]]
    if len(problems) > TOLD:
        lines.append(f"{document.file}: and {len(problems) - TOLD} more")
    hints = [hint for _, _, hint in problems if hint]
    # A misspelt key is often a missing one too: the hint that names it helps more.
    hints.sort(key=lambda hint: not hint.startswith(MEANT))
    raise UsageError("\n".join(lines), hint=hints[0] if hints else "")


def told(
    document: Document, whole: JSONObject, error: ValidationError
) -> list[tuple[int, str, str]]:
    """What one schema error says, line by line: its line, the message with its place, the hint."""
    return [line for each in _meant(error) for line in _told(document, whole, each)]


def _meant(error: ValidationError) -> Sequence[ValidationError]:
    """The errors of the one alternative that the value has the type of; else the error itself."""
    from jsonschema_rs import ValidationErrorKind as Kind  # noqa: PLC0415 - see _validator

    match error.kind:
        case Kind.AnyOf(alternatives):
            fitting = [each for each in alternatives if not _of_another_type(each, error)]
            return fitting[0] if len(fitting) == 1 else [error]
        case _:
            return [error]


def _of_another_type(alternative: Sequence[ValidationError], error: ValidationError) -> bool:
    return any(
        each.kind.name == "type" and each.instance_path == error.instance_path
        for each in alternative
    )


def _told(
    document: Document, whole: JSONObject, error: ValidationError
) -> list[tuple[int, str, str]]:
    from jsonschema_rs import ValidationErrorKind as Kind  # noqa: PLC0415 - see _validator

    path: list[str | int] = list(error.instance_path)
    where = join_path(*path) or "the file"
    above = _parent(whole, error.schema_path)
    message, hint = f"{where}: {error.message}", ""
    match error.kind:
        case Kind.AdditionalProperties(unexpected):
            known = sorted(above.get("properties", ()))
            return [_unknown(document, path, key, known) for key in unexpected]
        case Kind.Required(missing):
            message, hint = f"{where} has no {missing!r}", f"add `{missing}:`"
        case Kind.Type(types):
            message, hint = _wrong_type(where, types, error.instance)
        case Kind.Enum(options):
            message, hint = _not_one_of(where, options, error.instance)
        case Kind.Format():
            message = f"{where} is {_named(error.instance)}, which is no date"
            hint = "write it as YYYY-MM-DD, such as 2027-01-31"
        case Kind.Pattern(pattern):
            message = f"{where} is {_named(error.instance)}, which does not match {pattern}"
            hint = above.get("description", "")
        case Kind.MinItems() | Kind.MinLength() | Kind.MinProperties():
            message = f"{where} is empty"
        case Kind.UniqueItems():
            message = f"{where} has an entry twice"
        case _:
            pass
    position = document.at(path)
    return [(position.line, f"{shown(position)}: {message}", hint)]


def _unknown(
    document: Document, path: Sequence[str | int], key: str, known: Sequence[str]
) -> tuple[int, str, str]:
    position = document.at([*path, key])
    where = f" in {join_path(*path)}" if path else ""
    return position.line, f"{shown(position)}: unknown key {key!r}{where}", hint_at(key, known)


def _wrong_type(where: str, wanted: Sequence[str], value: JSON) -> tuple[str, str]:
    wishes = " or ".join(TYPE_NAMES[name] for name in wanted)
    message = f"{where} is {_named(value)}, wanted {wishes}"
    if "string" in wanted and isinstance(value, (int, float, bool)):
        return message, f'quote it: "{json.dumps(value)}"'
    if value is None and "array" in wanted:
        return message, "write [] for none, or remove the key"
    return message, ""


def _not_one_of(where: str, options: Sequence[JSON], value: JSON) -> tuple[str, str]:
    choices = [str(option) for option in options]
    message = f"{where} is {_named(value)}, wanted one of {', '.join(choices)}"
    meant = nearest(value, choices) if isinstance(value, str) else None
    return message, f"{MEANT} {meant!r}?" if meant else ""


def _named(value: JSON) -> str:
    if value is None:
        return "empty"
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else json.dumps(value, ensure_ascii=False)


def _parent(whole: JSONObject, schema_path: Sequence[str | int]) -> JSONObject:
    """The schema that the failed keyword stands in."""
    found: JSON = whole
    for part in list(schema_path)[:-1]:
        found = found[part]
    return found if isinstance(found, dict) else {}
