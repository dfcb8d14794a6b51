"""Pages of docs/ that are made of JSON Schemas: keys of a file, and what commands print as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from meshgate.model import JSON, JSONObject

ENVIRONMENTS = """\
# environments.yaml

The one file that says what is true of each mesh, what it must keep, and how changes pass from one
environment to the next. Made from its JSON Schema (`meshgate schema environments`); a key that is
not here is an error. `defaults` holds what environments share: mappings merge, lists replace. What
an environment comes to, and which line says so, is printed by `meshgate environments`."""
OUTPUTS = """\
# JSON

Every command with `--format json` prints one object with `"version": 1`. The shapes have JSON
Schemas: `meshgate schema` lists them, `meshgate schema NAME` prints one. Tests hold what is printed
to these schemas.

## What stays

- As long as `version` is 1, fields are added, and none is taken away or given another meaning. A
  reader must take fields and values of enumerations that it does not know.
- Rule ids and `fingerprint` are stable: what waives or tracks a finding goes by them.
- `$id` is a name and no address: nothing is fetched from there.
- Text for people (`message`, `fix`, `reason`) may be worded better at any time.

## Schemas

| Schema | Of | |
|---|---|---|"""


def environments_page(schema: JSONObject) -> str:
    """Every key of `environments.yaml`: a table for the file and for each mapping in it."""
    definitions: JSONObject = schema["$defs"]
    parts = [ENVIRONMENTS, "## The file", _table(schema, definitions)]
    for name in _in_order(schema, definitions):
        definition = definitions[name]
        if not definition.get("properties"):
            continue
        about = str(definition.get("description", "")).partition("\n\n")[0]
        parts += [f"## {name}", *([about] if about else []), _table(definition, definitions)]
    return "\n\n".join(parts) + "\n"


def outputs_page(schemas: Mapping[str, JSONObject]) -> str:
    """What has a schema: files that are read or written, and what commands print."""
    rows = [
        f"| [{name}](../schemas/meshgate/{name}.schema.json) | {_cell(schema['title'])} "
        f"| {_cell(str(schema.get('description', '')).partition(chr(10) * 2)[0])} |"
        for name, schema in sorted(schemas.items())
    ]
    return "\n".join([OUTPUTS, *rows]) + "\n"


def _table(schema: JSONObject, definitions: JSONObject) -> str:
    required = schema.get("required", ())
    rows = ["| Key | Value | |", "|---|---|---|"]
    for key, value in schema["properties"].items():
        about = value.get("description") or _referenced(value, definitions).get("description", "")
        about = _cell(str(about).partition("\n\n")[0])
        if key in required:
            about = f"**Required.** {about}"
        if "default" in value:
            about += f" Default: `{_plain(value['default'])}`."
        rows.append(f"| `{key}` | {_value(value, definitions)} | {about.strip()} |")
    return "\n".join(rows)


def _value(schema: JSONObject, definitions: JSONObject) -> str:
    """What may stand there, in a few words."""
    if "enum" in schema:
        return ", ".join(f"`{_plain(choice)}`" for choice in schema["enum"])
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        target = definitions[name]
        return f"[{name}](#{name.lower()})" if target.get("properties") else _value(target, {})
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(_value(each, definitions) for each in schema[several]))
    if schema.get("type") == "array":
        return f"list of {_value(schema.get('items', {}), definitions)}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"mapping to {_value(schema['additionalProperties'], definitions)}"
    kind = schema.get("type", "any")
    return "/".join(kind) if isinstance(kind, list) else str(kind)


def _in_order(schema: JSON, definitions: JSONObject) -> list[str]:
    """The definitions as somebody who reads from the top meets them."""
    met: dict[str, None] = {}

    def visit(value: JSON) -> None:
        for name in _references(value):
            if name not in met:
                met[name] = None
                visit(definitions[name])

    visit({key: part for key, part in schema.items() if key != "$defs"})
    return list(met)


def _references(value: JSON) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, dict):
        for key, part in value.items():
            if key == "$ref":
                yield str(part).rpartition("/")[2]
            else:
                yield from _references(part)


def _referenced(schema: JSONObject, definitions: JSONObject) -> JSONObject:
    found: JSONObject = definitions.get(str(schema.get("$ref", "")).rpartition("/")[2], {})
    return found


def _plain(value: JSON) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _cell(text: object) -> str:
    """A text in a table; `<name>` is no HTML, and stays as it is between backticks."""
    parts = " ".join(str(text).split()).replace("|", "\\|").split("`")
    return "`".join(
        part if inside % 2 else part.replace("<", "&lt;") for inside, part in enumerate(parts)
    )
