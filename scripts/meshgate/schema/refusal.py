"""What an engine says of an object it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from meshgate.model import Resource
from meshgate.schema.catalog import Kind


class Refusal(NamedTuple):
    """The engine's own words; people see them only where `wording` finds none of its own."""

    path: str
    message: str


class Engine(Protocol):
    """Decides which objects fit the schema of their kind."""

    def refusals(self, objects: Sequence[tuple[Resource, Kind]]) -> dict[int, Refusal]:
        """The refused ones, by their index. Raises ToolError when it cannot decide."""
