"""The field or value that somebody meant."""

from __future__ import annotations

import difflib
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from meshgate.model import JSONObject
from meshgate.schema.phrases import listed

ALIKE = 0.7
# How far below a node a misplaced field is looked for; deeper finds would only confuse.
DEPTH = 3
# A field's name is told with all its siblings only where these fit a line.
FEW = 8


class Node(NamedTuple):
    """A node of a schema, with the path that leads to it."""

    path: str
    schema: JSONObject


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that looks most like this one; case does not count."""
    folded = {name.casefold(): name for name in known}
    found = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=ALIKE)
    return folded[found[0]] if found else None


def unknown_field(name: str, node: Node, root: JSONObject) -> str:
    """What to say of a field that the schema does not have at this node."""
    known = fields(node.schema, root)
    near = nearest(name, known)
    if near is not None and near != name:
        return f"unknown field `{name}`, did you mean `{near}`?"
    elsewhere = home(name, node, root)
    if elsewhere is not None:
        return f"unknown field `{name}` here; it belongs at `{elsewhere}`"
    if 0 < len(known) <= FEW:
        return f"unknown field `{name}`; the fields here are {listed(sorted(known))}"
    return f"unknown field `{name}`"


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
    found: JSONObject = resolved(schema, root).get("properties", {})
    return found


def resolved(schema: JSONObject, root: JSONObject) -> JSONObject:
    """The node itself, or the definition it refers to with its own fields on top."""
    reference = schema.get("$ref")
    if reference is None:
        return schema
    target: JSONObject = root["$defs"][reference.rpartition("/")[2]]
    own = schema.get("properties", {})
    return {**target, "properties": {**target.get("properties", {}), **own}}
