"""One DestinationRule, read as Istio reads it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from meshgate.mesh.selectors import Labels
from meshgate.mesh.traffic_policy import Subset, TrafficPolicy
from meshgate.model import Resource

PUBLIC = "*"
PRIVATE = "."


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """A DestinationRule, read as Istio reads it."""

    resource: Resource
    namespace: str
    name: str
    created: str
    host: str
    # None: for every client; `{}`: for every pod of its namespace.
    selector: Labels | None
    # As written; a rule with a selector is private whatever it says.
    export_to: frozenset[str]
    policy: TrafficPolicy | None
    subsets: tuple[Subset, ...]

    @property
    def is_local(self) -> bool:
        """Whether clients of its own namespace use it."""
        return not self.export_to or not self.export_to.isdisjoint(
            (PUBLIC, PRIVATE, self.namespace)
        )

    def is_private(self, default: Iterable[str]) -> bool:
        """Whether no other namespace can see it; `default` is the mesh's own exportTo."""
        if not self.export_to:
            return PRIVATE in default
        return self.export_to in ({PRIVATE}, {self.namespace})

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"
