"""Read CustomResourceDefinitions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from meshgate.errors import ToolError
from meshgate.model import JSONObject
from meshgate.schema.update.openapi import complete
from meshgate.schema.update.structural import strict
from meshgate.yamldoc.reading import documents
from meshgate.yamldoc.text import decoded

NAME = "the CustomResourceDefinitions"


class Definition(NamedTuple):
    """One kind that a CRD defines."""

    group: str
    kind: str
    scope: str
    served: tuple[str, ...]
    schema: JSONObject


def read(document: bytes, kubernetes: JSONObject) -> Iterator[Definition]:
    """Every kind that the CRDs of one YAML stream define.

    `kubernetes` holds the definitions that have ObjectMeta. Raises ToolError when two served
    versions differ: one file per kind could not tell them apart.
    """
    for crd in (part.value for part in documents(decoded(document, NAME), NAME)):
        if not crd:
            continue
        spec = crd["spec"]
        kind = spec["names"]["kind"]
        versions = [version for version in spec["versions"] if version["served"]]
        shapes = [_schema(version, kind, kubernetes) for version in versions]
        if any(shape != shapes[0] for shape in shapes):
            raise ToolError(f"the served versions of {kind} differ in their schemas")
        served = tuple(sorted(version["name"] for version in versions))
        yield Definition(spec["group"], kind, spec["scope"], served, shapes[0])


def _schema(version: JSONObject, kind: str, kubernetes: JSONObject) -> JSONObject:
    root = version["schema"]["openAPIV3Schema"]
    fields = {
        name: node
        for name, node in root["properties"].items()
        if name not in {"apiVersion", "kind", "metadata"}
    }
    shape = strict({**root, "properties": fields}, kind)
    frame = complete({"properties": {}}, kind, kubernetes)
    frame["properties"] |= shape.pop("properties")
    frame["required"] = sorted({*frame["required"], *shape.pop("required", ())})
    return {**frame, **shape}
