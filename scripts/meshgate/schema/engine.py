"""What decides whether an object fits its schema, and the engine that needs no program."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from meshgate.model import Resource, join_path
from meshgate.schema.catalog import ServedKind

# For types alone: see `_validator`.
if TYPE_CHECKING:
    import jsonschema_rs


class SchemaRefusal(Struct, frozen=True):
    """The engine's own words; people see them only where `wording` finds none of its own."""

    path: str
    message: str


class Engine(Protocol):
    """Decides which objects fit the schema of their kind."""

    def refusals(self, objects: Sequence[tuple[Resource, ServedKind]]) -> dict[int, SchemaRefusal]:
        """The refused ones, by their index. Raises ToolError when it cannot decide."""


class Embedded:
    """Decides by jsonschema-rs, which reads Python values as they are."""

    def refusals(self, objects: Sequence[tuple[Resource, ServedKind]]) -> dict[int, SchemaRefusal]:
        """The refused objects, by their index."""
        refused = {}
        for index, (resource, kind) in enumerate(objects):
            refusal = _refusal(resource, kind)
            if refusal is not None:
                refused[index] = refusal
        return refused


def _refusal(resource: Resource, kind: ServedKind) -> SchemaRefusal | None:
    validator = _validator(kind)
    try:
        if validator.is_valid(resource.value):
            return None
        first = next(iter(validator.iter_errors(resource.value)))
    except ValueError as error:
        # No JSON: a key that is a number, half a surrogate pair.
        return SchemaRefusal("", str(error))
    return SchemaRefusal(join_path(*first.instance_path), first.message)


@cache
def _validator(kind: ServedKind) -> jsonschema_rs.Validator:
    import jsonschema_rs  # noqa: PLC0415 - its start-up is paid only where something is checked

    return jsonschema_rs.validator_for(kind.schema())
