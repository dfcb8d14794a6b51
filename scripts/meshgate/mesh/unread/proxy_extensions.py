"""What is loaded into proxies: EnvoyFilters, WasmPlugins, TrafficExtensions, their settings."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh.catalog import Catalog
from meshgate.mesh.coverage import ISTIO_EXTENSIONS, ISTIO_NETWORKING
from meshgate.mesh.covers import PROXIES, Cover, End, Influence
from meshgate.mesh.terms import DataPlane
from meshgate.mesh.unread.attachment import attachments
from meshgate.model import JSON, JSONObject, MeshFacts, Resource

# Filters that are added may only refuse what arrives at a server. All other patches may change
# anything: one that removes, replaces or merges a filter may take Istio's own away.
_REFUSING = frozenset({"NETWORK_FILTER", "HTTP_FILTER", "EXTENSION_CONFIG"})
_ALTERING = frozenset({"MERGE", "REMOVE", "REPLACE"})
# The proxies, and the end of a call, that a context means.
_CONTEXTS: dict[str, tuple[tuple[DataPlane, End], ...]] = {
    "SIDECAR_INBOUND": ((DataPlane.SIDECAR, End.SERVER),),
    "SIDECAR_OUTBOUND": ((DataPlane.SIDECAR, End.CLIENT),),
    "GATEWAY": ((DataPlane.GATEWAY, End.SERVER), (DataPlane.GATEWAY, End.CLIENT)),
    # A waypoint leaves the calls that it handles undecided anyway.
    "WAYPOINT": (),
}
_ANY = tuple(place for places in _CONTEXTS.values() for place in places)
_MODES = {"CLIENT": (End.CLIENT,), "SERVER": (End.SERVER,)}


def covers(catalog: Catalog, facts: MeshFacts) -> Iterator[Cover]:
    """The proxies that are patched, extended or set up otherwise."""
    root = facts.root_namespace
    for resource in catalog.of_group(ISTIO_NETWORKING, "EnvoyFilter"):
        yield from _envoy_filter(resource, root)
    for resource in catalog.of_group(ISTIO_EXTENSIONS, "WasmPlugin", "TrafficExtension"):
        yield from _extension(resource, root)
    for resource in catalog.of_group(ISTIO_NETWORKING, "ProxyConfig"):
        # An image or a number of threads changes no call; a variable may set anything.
        if resource.spec.get("environmentVariables"):
            for place in attachments(resource, root, "selector.matchLabels"):
                yield Cover(
                    resource,
                    "sets environment variables of its proxy",
                    frozenset(End),
                    Influence.CHANGE,
                    place.namespace,
                    place.labels,
                    PROXIES,
                )


def _envoy_filter(resource: Resource, root: str) -> Iterator[Cover]:
    patched: dict[tuple[DataPlane, End, Influence], set[str]] = {}
    for patch in _objects(resource.spec.get("configPatches")):
        kind = str(patch.get("applyTo"))
        match = patch.get("match")
        context = str(match.get("context") or "ANY") if isinstance(match, dict) else "ANY"
        what: JSON = patch.get("patch")
        is_altering = isinstance(what, dict) and what.get("operation") in _ALTERING
        refuses = kind in _REFUSING and not is_altering
        for plane, end in _CONTEXTS.get(context, _ANY):
            influence = Influence.REFUSE if refuses and end is End.SERVER else Influence.CHANGE
            patched.setdefault((plane, end, influence), set()).add(kind)
    for place in attachments(resource, root, "workloadSelector.labels"):
        for (plane, end, influence), kinds in patched.items():
            yield Cover(
                resource,
                f"patches its {', '.join(sorted(kinds))}",
                frozenset({end}),
                influence,
                place.namespace,
                place.labels,
                frozenset({plane}),
            )


def _extension(resource: Resource, root: str) -> Iterator[Cover]:
    """A plugin sees what its traffic selectors match; without any, what comes in and goes out."""
    modes = [str(item.get("mode") or "") for item in _objects(resource.spec.get("match"))] or [""]
    ends = frozenset(end for mode in modes for end in _MODES.get(mode, tuple(End)))
    for place in attachments(resource, root, "selector.matchLabels"):
        for end in sorted(ends):
            yield Cover(
                resource,
                "is code in its proxy",
                frozenset({end}),
                Influence.REFUSE if end is End.SERVER else Influence.CHANGE,
                place.namespace,
                place.labels,
                PROXIES,
            )


def _objects(value: JSON) -> Iterator[JSONObject]:
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict):
            yield item
