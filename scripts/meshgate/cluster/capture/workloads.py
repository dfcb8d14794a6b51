"""From live controllers and pods to the workloads of an inventory.

Pods come and go, so none that a controller made is written down. What they are is: the data plane
of the pods that run decides over the labels that should have given it to them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from meshgate.cluster.capture.redact import PROXY, ROLES, redacted
from meshgate.mesh import DataPlane, injection
from meshgate.mesh.catalog import Namespace
from meshgate.model import JSONObject, MeshFacts

CONTROLLERS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "CronJob", "Job")
FINISHED = frozenset({"Succeeded", "Failed"})
DONE = frozenset({"Complete", "Failed"})
REDIRECTION = "ambient.istio.io/redirection"
INJECT = injection.INJECT
STATUS = injection.STATUS
DATA_PLANE_MODE = "istio.io/dataplane-mode"

Key = tuple[str, str, str]  # kind, namespace, name


class Observed(NamedTuple):
    """The workloads of a cluster, and what a person should know of how they run."""

    objects: list[JSONObject]
    notes: list[str]


def workloads(
    objects: Iterable[JSONObject], namespaces: Mapping[str, Namespace], facts: MeshFacts
) -> Observed:
    """Controllers that nobody owns, and the pods that stand alone, each once.

    `objects` are live controllers and pods. Jobs that are done and pods that have ended are left
    out, and so is a ReplicaSet without pods.
    """
    known = {_key(value): value for value in objects}
    pods: dict[Key, list[JSONObject]] = {}
    for key, value in sorted(known.items()):
        if key[0] == "Pod" and _runs(value):
            pods.setdefault(_top(key, known), []).append(value)
    reader = _WorkloadReader(namespaces, facts)
    written: list[JSONObject] = []
    for key, value in known.items():
        if key[0] != "Pod" and _stands(value, key in pods):
            written += reader.at_controller(key, redacted(value), pods.pop(key, []))
    for key, running in pods.items():
        written += reader.at_pods(key, running)
    return Observed(written, reader.notes)


def workload_of_pods(objects: Iterable[JSONObject]) -> dict[str, tuple[str, str]]:
    """The workload of each pod, as namespace and name, by the id of its proxy: `POD.NAMESPACE`."""
    known = {_key(value): value for value in objects}
    return {
        f"{name}.{namespace}": _top((kind, namespace, name), known)[1:]
        for kind, namespace, name in known
        if kind == "Pod"
    }


class _WorkloadReader:
    """Compares what labels promise with what runs, and says what runs."""

    def __init__(self, namespaces: Mapping[str, Namespace], facts: MeshFacts) -> None:
        self._namespaces = namespaces
        self._facts = facts
        self.notes: list[str] = []

    def at_controller(
        self, key: Key, value: JSONObject, running: Iterable[JSONObject]
    ) -> Iterator[JSONObject]:
        """A controller as its pods run; where they differ, a pod of each sort beside it."""
        planes = _planes(running)
        if len(planes) == 1:
            self._settle(key, _template(value), *planes)
        elif planes:
            self.notes.append(
                f"{'/'.join(key)}: of its pods some run as {' and some as '.join(sorted(planes))}; "
                "restart it to settle that"
            )
        yield value
        if len(planes) > 1:
            for plane, pod in sorted(planes.items()):
                yield self._representative(key, pod, f"{key[2]}-{plane}", plane)

    def at_pods(self, key: Key, running: Iterable[JSONObject]) -> Iterator[JSONObject]:
        """A pod without controller; of a controller of another kind, one pod of each sort."""
        planes = _planes(running)
        for plane, pod in sorted(planes.items()):
            if key[0] == "Pod":
                value = redacted(pod)
                self._settle(key, value, plane)
                yield value
            else:
                name = key[2] if len(planes) == 1 else f"{key[2]}-{plane}"
                yield self._representative(key, pod, name, plane)

    def _representative(
        self, owner: Key, pod: JSONObject, name: str, plane: DataPlane
    ) -> JSONObject:
        """A pod that stands for all of its sort, under a name that stays."""
        value = redacted(pod)
        own = value["metadata"]
        own["name"] = name
        own["ownerReferences"] = [
            {"apiVersion": "v1", "kind": owner[0], "name": owner[2], "uid": "", "controller": True}
        ]
        if self._promised(value, owner[1]) is not plane:
            _express(value, plane)
        return value

    def _settle(self, key: Key, template: JSONObject, plane: DataPlane) -> None:
        promised = self._promised(template, key[1])
        if promised is not plane:
            self.notes.append(f"{'/'.join(key)}: by its labels {promised}, and it runs as {plane}")
            _express(template, plane)

    def _promised(self, template: JSONObject, namespace: str) -> DataPlane:
        """The data plane that labels lead to."""
        own = template.get("metadata") or {}
        meta = injection.PodMeta(
            namespace,
            self._namespaces.get(namespace),
            own.get("labels") or {},
            own.get("annotations") or {},
        )
        return injection.membership(meta, template.get("spec") or {}, self._facts).plane


def _planes(pods: Iterable[JSONObject]) -> dict[DataPlane, JSONObject]:
    """The data planes that pods run in, each with the first of its pods."""
    pod_of: dict[DataPlane, JSONObject] = {}
    for pod in pods:
        pod_of.setdefault(plane_of(pod), pod)
    return pod_of


def plane_of(pod: JSONObject) -> DataPlane:
    """The data plane of a pod that runs: by what is in it, not by what was asked for."""
    spec = pod.get("spec") or {}
    for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
        if container.get("name") == PROXY:
            role = ROLES.intersection(container.get("args") or ())
            return DataPlane.GATEWAY if role else DataPlane.SIDECAR
    annotations = pod["metadata"].get("annotations") or {}
    return DataPlane.AMBIENT if annotations.get(REDIRECTION) == "enabled" else DataPlane.NONE


def _express(template: JSONObject, plane: DataPlane) -> None:
    """Say in the template what its pods are, in the words that Istio's injector reads."""
    own = template.setdefault("metadata", {})
    labels, spec = own.setdefault("labels", {}), template.setdefault("spec", {})
    if plane in {DataPlane.SIDECAR, DataPlane.GATEWAY}:
        proxy: JSONObject = {"name": PROXY}
        if plane is DataPlane.GATEWAY:
            proxy["args"] = ["router"]
        else:
            # The container alone does not settle it where labels speak against a sidecar.
            own.setdefault("annotations", {})[STATUS] = "injected"
        spec["containers"] = [
            *(each for each in spec.get("containers") or () if each["name"] != PROXY),
            proxy,
        ]
        return
    if INJECT in labels:
        labels[INJECT] = "false"
    else:
        own.setdefault("annotations", {})[INJECT] = "false"
    labels[DATA_PLANE_MODE] = "ambient" if plane is DataPlane.AMBIENT else "none"


def _template(value: JSONObject) -> JSONObject:
    spec: JSONObject = value["spec"]
    if value["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    template: JSONObject = spec.setdefault("template", {})
    return template


def _stands(value: JSONObject, has_pods: bool) -> bool:
    """Whether a controller is a workload of its own."""
    if _owner(value) is not None:
        return False
    if value["kind"] == "Job":
        conditions = (value.get("status") or {}).get("conditions") or ()
        return not any(
            each.get("type") in DONE and each.get("status") == "True" for each in conditions
        )
    return value["kind"] != "ReplicaSet" or has_pods


def _top(key: Key, known: Mapping[Key, JSONObject]) -> Key:
    """The outermost controller of a pod, whether it is known or not."""
    seen = {key}
    while key in known and (owner := _owner(known[key])) is not None:
        key = (owner[0], key[1], owner[1])
        if key in seen:
            return key
        seen.add(key)
    return key


def _owner(value: JSONObject) -> tuple[str, str] | None:
    for each in value["metadata"].get("ownerReferences") or ():
        if each.get("controller") and each.get("kind") != "Node":
            return str(each["kind"]), str(each["name"])
    return None


def _runs(pod: JSONObject) -> bool:
    phase = (pod.get("status") or {}).get("phase")
    return phase not in FINISHED and not pod["metadata"].get("deletionTimestamp")


def _key(value: JSONObject) -> Key:
    return value["kind"], value["metadata"].get("namespace") or "", value["metadata"]["name"]
