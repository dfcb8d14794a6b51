"""One DestinationRule, read as Istio reads it, and every place in it that can hold TLS."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator

from msgspec import Struct

from meshgate.mesh import export_to
from meshgate.mesh.selectors import Labels
from meshgate.mesh.traffic_policy import Subset, TrafficPolicy
from meshgate.model import JSON, JSONObject, Resource, join_path


class DestinationRule(Struct, frozen=True, eq=False, dict=True):
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
        return export_to.includes(self.export_to, self.namespace, self.namespace)

    def is_private(self, default: Iterable[str]) -> bool:
        """Whether no other namespace can see it; `default` is the mesh's own exportTo."""
        if not self.export_to:
            return export_to.PRIVATE in default
        return self.export_to in ({export_to.PRIVATE}, {self.namespace})

    def sees(self, namespace: str) -> bool:
        """Whether clients of a namespace can get it, if they look where it lives."""
        return export_to.includes(self.export_to, namespace, self.namespace)

    @functools.cached_property
    def places(self) -> tuple[PolicyPlace, ...]:
        """Every traffic policy in it, entries of `portLevelSettings` after what they are for."""
        return tuple(policy_places(self.resource))

    @property
    def mode(self) -> str | None:
        """The TLS mode of the rule's own policy: None without `tls`, DISABLE without `mode`."""
        tls = self.policy.tls if self.policy is not None else None
        return str(tls.mode) if tls is not None else None

    @property
    def policy_path(self) -> str:
        """The path of the rule's own policy, or of what stands for its absence."""
        return "spec.trafficPolicy" if self.policy is not None else "spec.host"

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class PolicyPlace(Struct, frozen=True):
    """A traffic policy inside a rule: its own, a subset's, or an entry for a port of either.

    value   the policy as written
    parts   its path
    subset  the name of the subset it is for; None: the whole rule
    port    the number of the Service port it is for; None: every port
    """

    value: JSONObject
    parts: tuple[str | int, ...]
    subset: str | None = None
    port: int | None = None

    @property
    def tls(self) -> JSONObject | None:
        """The `tls` block; None where there is none."""
        block = self.value.get("tls")
        return block if isinstance(block, dict) else None

    @property
    def mode(self) -> str | None:
        """The mode as written; None where there is no block, or a block without mode."""
        return (self.tls or {}).get("mode")

    def path(self, *below: str | int) -> str:
        """The path of the policy, or of something below it."""
        return join_path(*self.parts, *below)

    @property
    def where(self) -> str:
        """`at port 8080 of subset v1`, say, to stand after a noun; empty for the rule's own."""
        port = "" if self.port is None else f"port {self.port}"
        subset = "" if self.subset is None else f"subset {self.subset}"
        place = " of ".join(part for part in (port, subset) if part)
        return f" at {place}" if place else ""


def policy_places(resource: Resource) -> Iterator[PolicyPlace]:
    """Every traffic policy of a DestinationRule as it is written."""
    spec = resource.spec
    yield from _with_ports(spec.get("trafficPolicy"), ("spec", "trafficPolicy"), None)
    for i, subset in enumerate(spec.get("subsets") or ()):
        parts = ("spec", "subsets", i, "trafficPolicy")
        yield from _with_ports(subset.get("trafficPolicy"), parts, str(subset.get("name") or ""))


def _with_ports(
    policy: JSON, parts: tuple[str | int, ...], subset: str | None
) -> Iterator[PolicyPlace]:
    if not isinstance(policy, dict):
        return
    yield PolicyPlace(policy, parts, subset)
    for i, entry in enumerate(policy.get("portLevelSettings") or ()):
        number = (entry.get("port") or {}).get("number") or 0
        yield PolicyPlace(entry, (*parts, "portLevelSettings", i), subset, number)
