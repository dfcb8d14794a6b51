"""JSON Schemas of documents, generated from their classes into `schemas/meshgate/`."""

from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec

from meshgate.model import JSON, JSONObject, Position

DIALECT = "https://json-schema.org/draft/2020-12/schema"
# What a schema is called, not where it is: `.example` is nobody's (RFC 2606).
IDENTIFIER = "https://meshgate.example/schemas/{}.schema.json"
EMPTY: tuple[JSON, ...] = (None, "", (), [], {})


def schema_text(
    name: str, document: object, title: str, *, complete: bool = False, keys: Sequence[str] = ()
) -> str:
    """The file of the schema `name`, for a class of documents that people call `title`.

    complete  whether a file has every field of its classes, with null for None, but for fields that
              were added later; else a field that is None is left out, and one with a default may be
    keys      the order of its keys; default: that of the class
    """
    generated = msgspec.json.schema(document)
    definitions = generated.pop("$defs", {})
    own = definitions.pop(generated.pop("$ref").rpartition("/")[2])
    definitions.pop(Position.__name__, None)
    own["properties"] = {key: own["properties"][key] for key in keys or own["properties"]}
    whole = {
        "$schema": DIALECT,
        "$id": IDENTIFIER.format(name),
        "title": title,
        **_tidy(own, complete=complete),
        **generated,
    }
    if definitions:
        whole["$defs"] = _tidy(definitions, complete=complete)
        _without_unused(whole)
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _tidy(value: JSON, *, complete: bool) -> JSON:
    """What msgspec says of classes, as far as it is true of the files that people write."""
    if isinstance(value, list):
        return [_tidy(item, complete=complete) for item in value]
    if not isinstance(value, dict):
        return value
    schema: JSONObject = {key: _tidy(part, complete=complete) for key, part in value.items()}
    if not complete:
        _without_null(schema)
    if isinstance(schema.get("enum"), list):
        # A choice narrows the class it is made of, and keeps the order it is written in.
        schema = {key: part for key, part in schema.items() if key not in {"$ref", "type"}}
    if isinstance(schema.get("properties"), dict):
        _close(schema, complete=complete)
    if "default" in schema and (complete or schema["default"] in EMPTY):
        del schema["default"]
    return schema


def _without_unused(whole: JSONObject) -> None:
    """Without definitions that a choice has taken the place of."""
    text = json.dumps(whole)
    for name in list(whole["$defs"]):
        if f'"#/$defs/{name}"' not in text:
            del whole["$defs"][name]


def _without_null(schema: JSONObject) -> None:
    options = schema.get("anyOf")
    if isinstance(options, list) and {"type": "null"} in options:
        options.remove({"type": "null"})
        if len(options) == 1:
            del schema["anyOf"]
            # What is said of the field is nearer than what is said of its type.
            for key, part in options[0].items():
                schema.setdefault(key, part)


def _close(schema: JSONObject, *, complete: bool) -> None:
    """An object of exactly these keys. Where a value is written is not one of them."""
    del schema["title"]
    properties = schema["properties"]
    later = [name for name, part in properties.items() if part.pop("addedLater", False)]
    if complete and "additionalProperties" in schema:  # a class, and no TypedDict
        schema["required"] = [name for name in properties if name not in later]
    schema["additionalProperties"] = False
    if schema["properties"].get("source") == {"$ref": f"#/$defs/{Position.__name__}"}:
        del schema["properties"]["source"]
    if not schema["required"]:
        del schema["required"]
