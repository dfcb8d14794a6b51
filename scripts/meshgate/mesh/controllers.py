"""Which pods a workload has: controllers with their templates, running pods folded into them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from meshgate.mesh.catalog import Catalog, namespace_of
from meshgate.model import JSON, JSONObject, Resource

KINDS = (
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "ReplicationController",
    "CronJob",
    "Job",
    "Pod",
)

_TEMPLATES = {
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "Pod": (),
}
_FINISHED = frozenset({"Succeeded", "Failed"})

Key = tuple[str, str, str]  # kind, namespace, name


class Controller(NamedTuple):
    """A workload: its name, its pod template, and its running pods where a dump has them."""

    kind: str
    namespace: str
    name: str
    resource: Resource
    template: JSONObject
    pods: list[Resource]


def controllers(catalog: Catalog) -> Iterator[Controller]:
    """Every workload once, whether its controller, its pods or both are known."""
    resources = {
        (resource.kind, namespace_of(resource), resource.name): resource
        for resource in catalog.of(*KINDS)
    }
    pods: dict[Key, list[Resource]] = {}
    topmost: dict[Key, Resource] = {}
    for key, resource in resources.items():
        top = _top(key, resource, resources)
        topmost.setdefault(top, resources.get(top, resource))
        if resource.kind == "Pod" and _runs(resource):
            pods.setdefault(top, []).append(resource)
    for (kind, namespace, name), resource in topmost.items():
        yield Controller(
            kind,
            namespace,
            name,
            resource,
            template_of(resource),
            pods.get((kind, namespace, name), []),
        )


def is_ready(pod: Resource) -> bool:
    """Whether a running pod is ready; a pod without status is taken as ready."""
    conditions: JSON = _object(pod.value.get("status")).get("conditions")
    if not isinstance(conditions, list):
        return True
    return not any(
        isinstance(item, dict) and item.get("type") == "Ready" and item.get("status") != "True"
        for item in conditions
    )


def _top(key: Key, resource: Resource, resources: dict[Key, Resource]) -> Key:
    """The outermost controller of an object, itself where it has none."""
    for _ in range(4):
        owner = _owner(resource)
        if owner is None:
            return key
        kind, name = owner
        key = (kind, key[1], name)
        known = resources.get(key)
        if known is None:
            return _deployment(key, resource)
        resource = known
    return key


def _deployment(key: Key, pod: Resource) -> Key:
    """A Deployment names its ReplicaSets after itself and the hash of their template."""
    kind, namespace, name = key
    suffix = f"-{pod.labels.get('pod-template-hash')}"
    if kind == "ReplicaSet" and name.endswith(suffix):
        return "Deployment", namespace, name.removesuffix(suffix)
    return key


def _owner(resource: Resource) -> tuple[str, str] | None:
    references: JSON = resource.metadata.get("ownerReferences")
    for item in references if isinstance(references, list) else ():
        if isinstance(item, dict) and item.get("controller") and item.get("kind") != "Node":
            return str(item.get("kind")), str(item.get("name"))
    return None


def _runs(pod: Resource) -> bool:
    phase = _object(pod.value.get("status")).get("phase")
    return phase not in _FINISHED and not pod.metadata.get("deletionTimestamp")


def template_of(resource: Resource) -> JSONObject:
    """The pod template of a workload, or the Pod itself."""
    value: JSONObject = resource.value
    for part in _TEMPLATES.get(resource.kind, ("spec", "template")):
        value = _object(value.get(part))
    return value


def _object(value: JSON) -> JSONObject:
    return value if isinstance(value, dict) else {}
