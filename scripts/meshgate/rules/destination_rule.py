"""DestinationRules as the rules look at them: expanded host, and every place that can hold TLS."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from meshgate.mesh import hosts, selectors
from meshgate.model import JSON, JSONObject, MeshFacts, Resource, ResourceIndex, join_path
from meshgate.rules import revisions
from meshgate.rules.age import Ages
from meshgate.rules.context import Context

KIND = "DestinationRule"

DISABLE = "DISABLE"
ISTIO_MUTUAL = "ISTIO_MUTUAL"
# TLS that the rule's own certificates make, not the mesh's.
ORIGINATED = frozenset({"SIMPLE", "MUTUAL"})


class Place(NamedTuple):
    """A traffic policy inside a rule: its own, a subset's, or an entry for a port of either."""

    policy: JSONObject
    parts: tuple[str | int, ...]
    subset: str | None = None
    # Number of the Service port.
    port: int | None = None

    @property
    def tls(self) -> JSONObject | None:
        """The `tls` block; None where there is none."""
        block = self.policy.get("tls")
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


@dataclass(frozen=True, slots=True, eq=False)
class DestinationRule:
    """One rule with its host expanded as Istio expands it."""

    resource: Resource
    host: str
    places: tuple[Place, ...]
    # creationTimestamp as sortable text; empty where nothing tells it.
    created: str = ""

    @property
    def namespace(self) -> str:
        """Empty where none is set: the syncer decides then (SH009)."""
        return self.resource.namespace or ""

    @property
    def selects(self) -> bool:
        """Whether it is for some pods of its namespace only."""
        return self.resource.spec.get("workloadSelector") is not None

    @property
    def top(self) -> Place | None:
        """The policy of the rule itself."""
        return next((p for p in self.places if p.subset is None and p.port is None), None)

    @property
    def mode(self) -> str | None:
        """The TLS mode of the rule's own policy: NONE without `tls`, DISABLE without `mode`."""
        if self.top is None or self.top.tls is None:
            return None
        return self.top.mode or DISABLE

    @property
    def policy_path(self) -> str:
        """The path of the rule's own policy, or of what stands for its absence."""
        return "spec.trafficPolicy" if self.top else "spec.host"

    def sees(self, namespace: str) -> bool:
        """Whether clients of this namespace can get the rule, by its exportTo."""
        exported = self.exported
        if self.namespace == namespace:
            return not exported or not exported.isdisjoint({"*", ".", namespace})
        return not exported or not exported.isdisjoint({"*", namespace})

    def is_private(self, default: Iterable[str]) -> bool:
        """Whether no other namespace can see it; `default` is the mesh's own exportTo."""
        return self.exported in ({"."}, {self.namespace}) or (not self.exported and "." in default)

    @property
    def exported(self) -> frozenset[str]:
        """`exportTo` as a set; a rule with workloadSelector is private whatever it says."""
        if self.selects:
            return frozenset({"."})
        return frozenset(map(str, self.resource.spec.get("exportTo") or ()))

    def __str__(self) -> str:
        return "/".join(part for part in (self.namespace, self.resource.name) if part)


def seen(context: Context) -> Sequence[DestinationRule]:
    """The rules that the environment's control plane reads, each object once."""
    facts = context.environment.mesh
    rules = _read(context.resources, facts.cluster_domain)
    if not facts.revision:
        return rules
    return [rule for rule in rules if revisions.is_seen(rule.resource, facts)]


def planes(context: Context) -> list[list[DestinationRule]]:
    """The rules that each control plane reads, one list for each revision."""
    facts = context.environment.mesh
    by_resource = {id(rule.resource): rule for rule in seen(context)}
    resources = [rule.resource for rule in by_resource.values()]
    return [
        [by_resource[id(resource)] for resource in plane]
        for plane in revisions.planes(resources, facts)
    ]


# Every rule of the family asks for the same list: it is read once for each environment.
@functools.lru_cache(maxsize=4)
def _read(resources: ResourceIndex, domain: str) -> tuple[DestinationRule, ...]:
    ages = Ages(resources.of(KIND))
    return tuple(
        DestinationRule(
            resource, expanded(resource, domain), tuple(_places(resource)), ages.created(resource)
        )
        for resource in ages.resources
    )


def expanded(resource: Resource, domain: str) -> str:
    """The rule's host as Istio compares it; a short host without a namespace stays short."""
    host = str(resource.spec.get("host") or "")
    return hosts.expand(host, resource.namespace, domain) if resource.namespace else host


def _places(resource: Resource) -> Iterator[Place]:
    spec = resource.spec
    yield from _with_ports(spec.get("trafficPolicy"), ("spec", "trafficPolicy"), None)
    for i, subset in enumerate(spec.get("subsets") or ()):
        parts = ("spec", "subsets", i, "trafficPolicy")
        yield from _with_ports(subset.get("trafficPolicy"), parts, str(subset.get("name") or ""))


def _with_ports(policy: JSON, parts: tuple[str | int, ...], subset: str | None) -> Iterator[Place]:
    if not isinstance(policy, dict):
        return
    yield Place(policy, parts, subset)
    for i, entry in enumerate(policy.get("portLevelSettings") or ()):
        number = (entry.get("port") or {}).get("number") or 0
        yield Place(entry, (*parts, "portLevelSettings", i), subset, number)


def is_in_subset(rule: DestinationRule, subset: str | None, labels: Mapping[str, str]) -> bool:
    """Whether an endpoint with these labels is in a subset of a rule; None: in the rule's whole."""
    if subset is None:
        return True
    subsets = rule.resource.spec["subsets"]
    wanted = next(found.get("labels") for found in subsets if found.get("name") == subset)
    return selectors.matches(selectors.labels(wanted), labels)


def is_in_cluster(host: str, facts: MeshFacts) -> bool:
    """Whether the host is, or covers, names under the cluster domain."""
    return "." not in host or hosts.overlap(host, f"*.{facts.cluster_domain}")


def service_namespace(host: str, facts: MeshFacts) -> str | None:
    """The namespace a host names: `boards` for `*.boards.svc.cluster.local`; None: not one."""
    head, found, rest = host.rpartition(f".svc.{facts.cluster_domain}")
    name, _, namespace = head.rpartition(".")
    return namespace if found and not rest and name else None
