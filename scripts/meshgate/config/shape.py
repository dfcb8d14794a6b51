"""Whether a configuration file has the shape its schema tells, in words a person can act on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import meshgate
from meshgate.errors import UsageError, one_line
from meshgate.model import JSONObject, join_path
from meshgate.yamldoc.document import Document, location

# For types alone: see `_validator`.
if TYPE_CHECKING:
    from jsonschema_rs import Validator

PACKAGE = Path(meshgate.__file__).parent
# A wheel carries a copy; a checkout has the folder itself.
SCHEMAS = (PACKAGE / "_schemas" / "meshgate", PACKAGE.parents[1] / "schemas" / "meshgate")

SUFFIX = ".schema.json"
# How many problems of one file are shown at once.
MOST_SHOWN = 10


def schema_files() -> dict[str, Path]:
    """The files of this project's own JSON Schemas, by name, such as `findings`."""
    folder = next((folder for folder in SCHEMAS if folder.is_dir()), SCHEMAS[0])
    return {file.name.removesuffix(SUFFIX): file for file in sorted(folder.glob(f"*{SUFFIX}"))}


@cache
def schema(name: str) -> JSONObject:
    """The JSON Schema `name` of this project's own files."""
    loaded: JSONObject = json.loads(schema_files()[name].read_bytes())
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
    from meshgate.wording.problems import (  # noqa: PLC0415 - 0.1 s, and only an error needs it
        SchemaProblem,
        problems,
    )

    # What only the validator refuses is said in its words.
    refused = problems(schema(name), document.value, own=True) or [
        SchemaProblem(tuple(error.instance_path), error.message)
        for error in validator.iter_errors(document.value)
    ]
    if len(refused) == 1:
        only = refused[0]
        raise UsageError(_line(document, only.path, only.message)[1], hint=only.advice)
    lines = [line for _, line in sorted(_line(document, part.path, part.text) for part in refused)]
    if len(lines) > MOST_SHOWN:
        lines[MOST_SHOWN:] = [f"{document.file}: and {len(lines) - MOST_SHOWN} more"]
    # Each on a line of its own, where an editor finds the place.
    raise UsageError(lines[0], why="\n".join(map(one_line, lines[1:])))


def _line(document: Document, path: Sequence[str | int], text: str) -> tuple[int, str]:
    """The line of a problem in its file, and what is said of it with its place."""
    position = document.at(path)
    where = join_path(*path) or "the file"
    return position.line, f"{location(position)}: {where}: {text}"
