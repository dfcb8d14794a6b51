"""From a CRD's structural schema to a strict JSON Schema.

What the API server does with a structural schema (apiextensions: pruning, value validation) is
written out: a field that is not specified is refused where `x-kubernetes-preserve-unknown-fields`
does not open the object, null is refused unless `nullable`, `format: int32` is a range.
`x-kubernetes-validations` and list types stay as they are; `meshgate.schema` evaluates them.
"""

from __future__ import annotations

from meshgate.errors import ToolError
from meshgate.model import JSON, JSONObject

RANGES = {
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
}
RFC3339 = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}"
    r"(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$"
)
PATTERNS: JSONObject = {
    "byte": {
        "pattern": "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
        "description": "base64",
    },
    "date-time": {"pattern": RFC3339, "description": "a time such as 2026-08-01T12:00:00Z"},
}
# Formats that the API server does not check, or that JSON Schema has no need of.
IGNORED_FORMATS = frozenset({"double", "float", "binary", "int-or-string"})

# Keywords that mean the same in both worlds.
KEPT = frozenset(
    {
        "allOf",
        "anyOf",
        "enum",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minItems",
        "minLength",
        "minProperties",
        "minimum",
        "not",
        "oneOf",
        "pattern",
        "required",
        "type",
        "x-kubernetes-validations",
    }
)
DROPPED = frozenset(
    {
        "default",
        "description",
        "example",
        "title",
        "x-kubernetes-group-version-kind",
        "x-kubernetes-map-type",
        "x-kubernetes-patch-merge-key",
        "x-kubernetes-patch-strategy",
        "x-kubernetes-unions",
    }
)
TRANSLATED = frozenset(
    {
        "additionalProperties",
        "format",
        "items",
        "nullable",
        "properties",
        "x-kubernetes-int-or-string",
        "x-kubernetes-list-map-keys",
        "x-kubernetes-list-type",
        "x-kubernetes-preserve-unknown-fields",
    }
)


def strict(schema: JSONObject, place: str) -> JSONObject:
    """The strict JSON Schema of one structural schema.

    Raises ToolError on a keyword that nobody has taught it: a keyword left out would be a check
    left out. `place` names the node in that error.
    """
    unknown = schema.keys() - KEPT - DROPPED - TRANSLATED
    if unknown:
        raise ToolError(
            f"{place}: unknown schema keyword {', '.join(sorted(unknown))}",
            hint="teach meshgate/schema/update/structural.py what it means",
        )
    out: JSONObject = {key: value for key, value in schema.items() if key in KEPT}
    out |= _format(schema, place)
    if "properties" in schema:
        out["properties"] = {
            name: strict(node, f"{place}.{name}") for name, node in schema["properties"].items()
        }
    if "items" in schema:
        out["items"] = strict(schema["items"], f"{place}[]")
    values = _additional(schema, place)
    if values is not None:
        out["additionalProperties"] = values
    if schema.get("x-kubernetes-list-type") == "map":
        out["x-kubernetes-list-map-keys"] = schema["x-kubernetes-list-map-keys"]
    elif schema.get("x-kubernetes-list-type") == "set":
        out["uniqueItems"] = True
    if schema.get("x-kubernetes-int-or-string") and "anyOf" not in schema:
        out["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    if schema.get("nullable"):
        _allow_null(out)
    return out


def _additional(schema: JSONObject, place: str) -> JSON:
    """What other fields may hold; None where anything goes or the node is no object."""
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return None
    values = schema.get("additionalProperties")
    if isinstance(values, dict):
        return strict(values, f"{place}.*")
    if values is True:
        return None
    return False if schema.get("type") == "object" else None


def _format(schema: JSONObject, place: str) -> JSONObject:
    name = schema.get("format")
    if name is None or name in IGNORED_FORMATS:
        return {}
    if name in PATTERNS:
        return dict(PATTERNS[name])
    if name in RANGES and schema.get("type") == "integer":
        low, high = RANGES[name]
        return {
            "minimum": max(low, schema.get("minimum", low)),
            "maximum": min(high, schema.get("maximum", high)),
        }
    raise ToolError(
        f"{place}: unknown format {name}",
        hint="teach meshgate/schema/update/structural.py what it means",
    )


def _allow_null(out: JSONObject) -> None:
    if "type" in out:
        out["type"] = [out["type"], "null"]
    if "enum" in out:
        out["enum"] = [*out["enum"], None]
    if "anyOf" in out:
        out["anyOf"] = [*out["anyOf"], {"type": "null"}]
