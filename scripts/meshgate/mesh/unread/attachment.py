"""Which proxies an Istio object is attached to: by namespace, selector or target reference."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from meshgate.mesh import selectors
from meshgate.mesh.catalog import namespace_of
from meshgate.mesh.covers import EVERYWHERE
from meshgate.mesh.selectors import Labels
from meshgate.mesh.workloads import GATEWAY_API
from meshgate.model import JSON, JSONObject, Resource


class PolicyAttachment(Struct, frozen=True):
    """A namespace, or EVERYWHERE, and the labels of the pods; `by_name`: of one gateway's pods."""

    namespace: str
    labels: Labels
    by_name: bool = False


def attachments(resource: Resource, root: str, labels: str) -> Iterator[PolicyAttachment]:
    """Where an object is attached (WorkloadPolicyMatcher.ShouldAttachPolicy).

    `labels` is the path of its selector's labels: `selector.matchLabels`. With target references
    only gateways and waypoints count; waypoints leave calls undecided anyway.
    """
    namespace = namespace_of(resource)
    targets = list(_targets(resource.spec))
    for target in targets:
        if target.get("kind") == "Gateway":
            yield PolicyAttachment(namespace, {GATEWAY_API: str(target.get("name"))}, by_name=True)
    if targets:
        return
    value: JSON = resource.spec
    for key in labels.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    yield PolicyAttachment(EVERYWHERE if namespace == root else namespace, selectors.labels(value))


def _targets(spec: JSONObject) -> Iterator[JSONObject]:
    listed: JSON = spec.get("targetRefs")
    for item in (*(listed if isinstance(listed, list) else ()), spec.get("targetRef")):
        if isinstance(item, dict):
            yield item
