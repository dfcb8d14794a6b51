"""What to say of a field that a schema does not have."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from meshgate.model import JSONObject
from meshgate.wording.nearest import MEANT, nearest
from meshgate.wording.phrases import listed

# How far below a node a misplaced field is looked for; deeper finds would only confuse.
DEPTH = 3
# A field's name is reported with all its siblings only where these fit a line.
FEW = 8


class Node(NamedTuple):
    """A node of a schema, with the path that leads to it."""

    path: str
    schema: JSONObject


def unknown_field(
    name: str, node: Node, root: JSONObject, most: int | None = FEW
) -> tuple[str, str]:
    """What to say of a field that the schema does not have at this node, and what to do.

    Its fields are named where there are `most` at most; None: always, and no other place is
    looked for.
    """
    known = fields(node.schema, root)
    near = nearest(name, known)
    if near is not None and near != name:
        return f"unknown field `{name}`", f"{MEANT} `{near}`?"
    elsewhere = home(name, node, root) if most else None
    if elsewhere is not None:
        return f"unknown field `{name}` here", f"it belongs at `{elsewhere}`"
    few = 0 < len(known) <= (most or len(known))
    return f"unknown field `{name}`", f"the fields here are {listed(sorted(known))}" if few else ""


def home(name: str, node: Node, root: JSONObject) -> str | None:
    """Where a field of this name has its place: below the node, else anywhere near the top."""
    for start in (node, Node("", root)):
        queue = deque([(start, 0)])
        while queue:
            here, depth = queue.popleft()
            if depth and name in fields(here.schema, root):
                return f"{here.path}.{name}" if here.path else name
            if depth < DEPTH:
                queue += [(below, depth + 1) for below in _below(here, root)]
    return None


def _below(node: Node, root: JSONObject) -> Iterator[Node]:
    schema = resolved(node.schema, root)
    for name, field in fields(schema, root).items():
        if name != "status":
            yield Node(f"{node.path}.{name}" if node.path else name, field)
    if "items" in schema:
        yield Node(f"{node.path}[]", schema["items"])


def fields(schema: JSONObject, root: JSONObject) -> JSONObject:
    """The fields that a schema node knows, by name."""
    properties: JSONObject = resolved(schema, root).get("properties", {})
    return properties


def resolved(schema: JSONObject, root: JSONObject) -> JSONObject:
    """The node itself, or the definition it refers to with its own fields on top."""
    reference = schema.get("$ref")
    if reference is None:
        return schema
    target: JSONObject = root["$defs"][reference.rpartition("/")[2]]
    own = schema.get("properties", {})
    return {**target, "properties": {**target.get("properties", {}), **own}}
