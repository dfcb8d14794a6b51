"""Which pods a workload has: controllers with their templates, running pods folded into them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Struct

from meshgate.mesh.catalog import Catalog, namespace_of
from meshgate.mesh.pod_labels import lasting
from meshgate.mesh.selectors import Labels, labels
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
# Of controllers the built-in ones that make them from a template.
_MADE_BY = frozenset({("ReplicaSet", "Deployment"), ("Job", "CronJob")})
_OF_PLANES = frozenset({"istio.io/dataplane-mode", "sidecar.istio.io/inject"})
_FINISHED = frozenset({"Succeeded", "Failed"})

Key = tuple[str, str, str]  # kind, namespace, name


class Controller(Struct, frozen=True):
    """A workload: its name, its pod template, and its running pods where a dump has them."""

    kind: str
    namespace: str
    name: str
    resource: Resource
    template: JSONObject
    pods: list[Resource]


def controllers(catalog: Catalog) -> Iterator[Controller]:
    """Every workload once, whether its controller, its pods or both are known.

    Pods whose labels are not those of their controller's template, or of each other, are
    workloads of their own: no selector takes them for the same.
    """
    resources = {
        (resource.kind, namespace_of(resource), resource.name): resource
        for resource in catalog.of(*KINDS)
    }
    pods: dict[Key, list[Resource]] = {}
    makers: dict[Key, Resource] = {}
    for key, resource in resources.items():
        made_by = _maker(key, resource, resources)
        makers.setdefault(made_by, resources.get(made_by, resource))
        if resource.kind == "Pod" and _runs(resource):
            pods.setdefault(made_by, []).append(resource)
    for key, maker in makers.items():
        kind, namespace, name = key
        for sort in _by_labels(pods.get(key, []), maker, is_known=key in resources):
            own = f"{name}-{sort.ending}" if sort.ending else name
            yield Controller(kind, namespace, own, sort.resource, sort.template, sort.pods)


class _PodGroup(Struct, frozen=True):
    """Pods of one controller that have the same labels.

    ending    of the workload's name; empty: it has the name of the controller
    resource  what is known of them, with its pod template
    """

    ending: str
    resource: Resource
    template: JSONObject
    pods: list[Resource]


def _by_labels(pods: list[Resource], maker: Resource, *, is_known: bool) -> Iterator[_PodGroup]:
    """The sorts of a controller's pods; that of its own template first, be it without pods.

    `is_known` False: the controller is not there, and `maker` is the first of its pods.
    """
    template = template_of(maker)
    of_pods = maker.kind == "Pod"
    # One pod is one sort, and so is what has none.
    if (of_pods and len(pods) < 2) or (is_known and not pods):  # noqa: PLR2004 - as above
        yield _PodGroup("", maker, template, pods)
        return
    written = _without_plane(labels(_object(template.get("metadata")).get("labels")))
    by_labels: dict[frozenset[tuple[str, str]], list[Resource]] = {}
    for pod in pods:
        own = _without_plane(lasting(labels(pod.labels), pod.name, None if of_pods else written))
        by_labels.setdefault(frozenset(own.items()), []).append(pod)
    if not is_known and len(by_labels) == 1:
        yield _PodGroup("", maker, template, pods)
        return
    if is_known:
        wanted = frozenset((lasting(written, maker.name) if of_pods else written).items())
        members = by_labels.pop(wanted, [])
        if not members and len(by_labels) == 1 and next(iter(by_labels)) > wanted:
            # Something adds a label to each of them: they are those of the template all the same.
            added, members = by_labels.popitem()
            meta = _object(template.get("metadata"))
            meta = {**meta, "labels": {**labels(meta.get("labels")), **dict(sorted(added))}}
            template = {**template, "metadata": meta}
        yield _PodGroup("", maker, template, members)
    for own_labels, members in sorted(by_labels.items(), key=lambda each: sorted(each[0])):
        first = members[0]
        yield _PodGroup(ending(dict(own_labels)), first, template_of(first), members)


def _without_plane(own: Labels) -> Labels:
    """Labels without those that ask for a data plane: which one a pod has is seen in the pod."""
    return {key: value for key, value in own.items() if key not in _OF_PLANES}


def ending(own: Labels) -> str:
    """A suffix for the name of a workload, made of its labels: equal labels give equal suffixes."""
    text = ",".join(f"{key}={value}" for key, value in sorted(own.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:6]


def is_ready(pod: Resource) -> bool:
    """Whether a running pod is ready; a pod without status is taken as ready."""
    conditions: JSON = _object(pod.value.get("status")).get("conditions")
    if not isinstance(conditions, list):
        return True
    return not any(
        isinstance(item, dict) and item.get("type") == "Ready" and item.get("status") != "True"
        for item in conditions
    )


def _maker(key: Key, resource: Resource, resources: dict[Key, Resource]) -> Key:
    """The controller whose template an object is made from, itself where it is that."""
    for _ in range(4):
        owner = owner_of(resource.metadata)
        if owner is None or not is_made_by(resource.kind, owner):
            return key
        key = (owner.kind, key[1], owner.name)
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


class Owner(NamedTuple):
    """The controller that an object names as its own; `group` of its API."""

    group: str
    kind: str
    name: str


def owner_of(metadata: JSONObject) -> Owner | None:
    """The controller of an object; None: it has none, or is the node's own."""
    references: JSON = metadata.get("ownerReferences")
    for item in references if isinstance(references, list) else ():
        if isinstance(item, dict) and item.get("controller") and item.get("kind") != "Node":
            group = str(item.get("apiVersion") or "").rpartition("/")[0]
            return Owner(group, str(item.get("kind")), str(item.get("name")))
    return None


def is_made_by(kind: str, owner: Owner) -> bool:
    """Whether objects of this kind have the pod template of this owner.

    A pod has that of whatever made it. A custom resource that owns a Deployment has none: the
    Deployment's own is what counts.
    """
    if kind == "Pod":
        return True
    # Without group: of a file that somebody wrote.
    return (kind, owner.kind) in _MADE_BY and owner.group in {"", "apps", "batch", "v1"}


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
