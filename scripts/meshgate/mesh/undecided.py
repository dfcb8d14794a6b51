"""What the model cannot decide: proxies that EnvoyFilters patch, hosts that Gateway API rules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from meshgate.mesh import selectors
from meshgate.mesh.catalog import Catalog, namespace_of
from meshgate.mesh.selectors import Labels
from meshgate.mesh.terms import DataPlane
from meshgate.mesh.workloads import Workload
from meshgate.model import JSON, JSONObject, MeshFacts, Resource

# What decides on who may connect and what is sent; other patches leave mutual TLS alone.
_DECISIVE = frozenset({"LISTENER", "LISTENER_FILTER", "FILTER_CHAIN", "CLUSTER"})
_ROUTES = ("HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute")


class _Patch(NamedTuple):
    namespace: str
    selector: Labels
    context: str
    name: str
    kinds: str


class Undecided:
    """The reasons for which an answer is "not decidable", by workload and host."""

    __slots__ = ("_patches", "_root", "hosts")

    def __init__(self, catalog: Catalog, facts: MeshFacts) -> None:
        self._root = facts.root_namespace
        self._patches = [
            patch for resource in catalog.of("EnvoyFilter") for patch in _patches(resource)
        ]
        # Why the calls of clients with a proxy to a host are not decidable.
        self.hosts: dict[str, str] = {}
        for resource in catalog.of("BackendTLSPolicy", "XBackendTrafficPolicy"):
            for host in _targets(resource, resource.spec.get("targetRefs"), facts):
                self.hosts[host] = (
                    f"{resource.kind} {namespace_of(resource)}/{resource.name} sets its TLS"
                )
        for resource in catalog.of(*_ROUTES):
            for host in _targets(resource, resource.spec.get("parentRefs"), facts):
                self.hosts[host] = (
                    f"{resource.kind} {namespace_of(resource)}/{resource.name} routes its calls"
                )

    def server(self, workload: Workload) -> str:
        """Why it is not known what a workload's proxy accepts; empty: it is."""
        own = "GATEWAY" if workload.plane is DataPlane.GATEWAY else "SIDECAR_INBOUND"
        return self._patched(workload, {own, "ANY"})

    def client(self, workload: Workload) -> str:
        """Why it is not known what a workload's proxy sends; empty: it is."""
        own = "GATEWAY" if workload.plane is DataPlane.GATEWAY else "SIDECAR_OUTBOUND"
        return self._patched(workload, {own, "ANY"})

    def _patched(self, workload: Workload, contexts: set[str]) -> str:
        if not self._patches or workload.plane not in {DataPlane.SIDECAR, DataPlane.GATEWAY}:
            return ""
        for patch in self._patches:
            if (
                patch.context in contexts
                and patch.namespace in {self._root, workload.namespace}
                and selectors.matches(patch.selector, workload.labels)
            ):
                return f"EnvoyFilter {patch.namespace}/{patch.name} patches its {patch.kinds}"
        return ""


def _patches(resource: Resource) -> Iterator[_Patch]:
    selector = resource.spec.get("workloadSelector")
    own = selectors.labels(selector.get("labels")) if isinstance(selector, dict) else {}
    kinds: dict[str, set[str]] = {}
    for item in _objects(resource.spec.get("configPatches")):
        kind = str(item.get("applyTo"))
        match = item.get("match")
        context = str(match.get("context") or "ANY") if isinstance(match, dict) else "ANY"
        if kind in _DECISIVE:
            kinds.setdefault(context, set()).add(kind)
    for context, names in kinds.items():
        yield _Patch(namespace_of(resource), own, context, resource.name, ", ".join(sorted(names)))


def _targets(resource: Resource, references: JSON, facts: MeshFacts) -> Iterator[str]:
    """The hosts of the Services that a Gateway API object refers to."""
    for item in _objects(references):
        if item.get("kind") == "Service":
            namespace = item.get("namespace") or namespace_of(resource)
            yield f"{item.get('name')}.{namespace}.svc.{facts.cluster_domain}"


def _objects(value: JSON) -> Iterator[JSONObject]:
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict):
            yield item
