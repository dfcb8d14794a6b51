"""Sidecar resources, as far as their listeners have settings that are not modelled."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import selectors
from meshgate.mesh.catalog import Catalog, namespace_of
from meshgate.mesh.covers import EVERYWHERE, Cover, End, Influence
from meshgate.mesh.terms import DataPlane
from meshgate.model import JSON, JSONObject, MeshFacts, Resource

_CAPTURED = frozenset({"", "DEFAULT", "IPTABLES"})
_SIDECARS = frozenset({DataPlane.SIDECAR})


def covers(catalog: Catalog, facts: MeshFacts) -> Iterator[Cover]:
    """The proxies that a Sidecar has listen where nothing is captured, or send to a proxy."""
    for resource in catalog.of("Sidecar"):
        for end, about in _unmodelled(resource.spec):
            yield _cover(resource, end, about, facts.root_namespace)


def _unmodelled(spec: JSONObject) -> Iterator[tuple[End, str]]:
    for item in _objects(spec.get("ingress")):
        if str(item.get("captureMode") or "") not in _CAPTURED:
            yield End.SERVER, "has its sidecar listen where nothing is captured"
    for item in _objects(spec.get("egress")):
        if str(item.get("captureMode") or "") not in _CAPTURED:
            yield End.CLIENT, "has its sidecar listen where nothing is captured"
    outbound = spec.get("outboundTrafficPolicy")
    if isinstance(outbound, dict) and outbound.get("egressProxy"):
        yield End.CLIENT, "sends what its sidecar does not know to a proxy"


def _cover(resource: Resource, end: End, about: str, root: str) -> Cover:
    selector = resource.spec.get("workloadSelector")
    labels = selectors.labels(selector.get("labels")) if isinstance(selector, dict) else {}
    place = namespace_of(resource)
    is_everywhere = place == root and not isinstance(selector, dict)
    return Cover(
        resource,
        about,
        frozenset({end}),
        Influence.CHANGE,
        EVERYWHERE if is_everywhere else place,
        labels,
        _SIDECARS,
    )


def _objects(value: JSON) -> Iterator[JSONObject]:
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict):
            yield item
