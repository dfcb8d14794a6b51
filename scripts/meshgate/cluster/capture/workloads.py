"""From live controllers and pods to the workloads of an inventory.

Pods come and go, so none that a controller made is written down. What they are is: the data plane
of the pods that run decides over the labels that should have given it to them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from meshgate.cluster.capture.redact import PROXY, ROLES, redacted
from meshgate.mesh import DataPlane, injection
from meshgate.mesh.catalog import Namespace
from meshgate.mesh.controllers import ending, is_made_by, owner_of
from meshgate.mesh.pod_labels import ROLLOUT_HASHES, lasting
from meshgate.mesh.selectors import labels
from meshgate.model import JSONObject, MeshFacts
from meshgate.wording import plural

CONTROLLERS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "CronJob", "Job")
FINISHED = frozenset({"Succeeded", "Failed"})
DONE = frozenset({"Complete", "Failed"})
REDIRECTION = "ambient.istio.io/redirection"
INJECT = injection.INJECT
STATUS = injection.STATUS
DATA_PLANE_MODE = "istio.io/dataplane-mode"

Key = tuple[str, str, str]  # kind, namespace, name


class Observed(NamedTuple):
    """The workloads of a cluster, and what a person should know of how they run.

    pods  the workload of each running pod, as namespace and name, by the id of its proxy:
          `POD.NAMESPACE`
    """

    objects: list[JSONObject]
    notes: list[str]
    pods: dict[str, tuple[str, str]]


def workloads(
    objects: Iterable[JSONObject], namespaces: Mapping[str, Namespace], facts: MeshFacts
) -> Observed:
    """Every controller that has a pod template of its own, and the pods of all others, each once.

    `objects` are live controllers and pods. Who owns a controller does not matter: what an
    operator makes runs, too. Jobs that are done and pods that have ended are left out, and so are
    ReplicaSets of rollouts that are over.
    """
    known = {_key(value): value for value in objects}
    pods: dict[Key, list[JSONObject]] = {}
    for key, value in sorted(known.items()):
        if key[0] == "Pod" and _runs(value):
            pods.setdefault(_maker(key, known), []).append(value)
    reader = _WorkloadReader(namespaces, facts)
    with_template = [
        (key, value) for key, value in known.items() if key[0] != "Pod" and _has_template(value)
    ]
    rollouts = _rollouts([each for each in with_template if each[0][0] == "ReplicaSet"], pods)
    for key, value in with_template:
        if key[0] != "ReplicaSet":
            reader.at_controller(key, redacted(value), pods.pop(key, []))
    for key, value, running in rollouts:
        reader.at_controller(key, value, running)
    for key in [key for key in pods if key not in known or key[0] == "Pod"]:
        reader.at_pods(key, pods[key])
    return Observed(reader.objects, reader.notes, reader.workload_of)


def _rollouts(
    replica_sets: Iterable[tuple[Key, JSONObject]], pods: Mapping[Key, list[JSONObject]]
) -> Iterator[tuple[Key, JSONObject, list[JSONObject]]]:
    """ReplicaSets under names that stay through rollouts: one for those that are made alike.

    Of an owner that has pods only those count that have some; of any other the youngest does.
    """
    by_owner: dict[tuple[str, ...], list[tuple[Key, JSONObject]]] = {}
    for key, value in replica_sets:
        owner = owner_of(value["metadata"])
        by_owner.setdefault((key[1], *(owner or ("", "ReplicaSet", key[2]))), []).append(
            (key, value)
        )
    for siblings in by_owner.values():
        young = max(siblings, key=lambda each: str(each[1]["metadata"].get("creationTimestamp")))
        used = [each for each in siblings if each[0] in pods] or [young]
        by_name: dict[str, dict[str, list[tuple[Key, JSONObject]]]] = {}
        for key, value in used:
            made = redacted(value)
            made["metadata"]["name"] = name = _without_hash(value)
            made["spec"].pop("selector", None)
            text = json.dumps(made, sort_keys=True)
            by_name.setdefault(name, {}).setdefault(text, []).append((key, made))
        for name, sorts in by_name.items():
            for text, members in sorted(sorts.items()):
                value = members[0][1]
                if len(sorts) > 1:
                    value["metadata"]["name"] = f"{name}-{_digest(text)}"
                running = [pod for key, _ in members for pod in pods.get(key, ())]
                yield (value["kind"], members[0][0][1], value["metadata"]["name"]), value, running


def _without_hash(value: JSONObject) -> str:
    """The name of a ReplicaSet before the hash of its template."""
    name: str = value["metadata"]["name"]
    own = value["metadata"].get("labels") or {}
    for label in ROLLOUT_HASHES:
        if own.get(label) and name.endswith(f"-{own[label]}"):
            return name.removesuffix(f"-{own[label]}")
    return name


class _WorkloadReader:
    """Compares what labels promise with what runs, and says what runs."""

    def __init__(self, namespaces: Mapping[str, Namespace], facts: MeshFacts) -> None:
        self._namespaces = namespaces
        self._facts = facts
        self.objects: list[JSONObject] = []
        self.notes: list[str] = []
        self.workload_of: dict[str, tuple[str, str]] = {}
        # The pods that were written, by namespace and name.
        self._names: set[tuple[str, str]] = set()

    def at_controller(self, key: Key, value: JSONObject, running: list[JSONObject]) -> None:
        """A controller as its pods run; what is not as its template says stands beside it."""
        template = _template(value)
        written = frozenset(((template.get("metadata") or {}).get("labels") or {}).items())
        sorts = _by_labels(running, dict(written))
        own = sorts.pop(written, [])
        if not own and len(sorts) == 1 and next(iter(sorts)) > written:
            # Something adds a label to each of them.
            added, own = sorts.popitem()
            template.setdefault("metadata", {})["labels"] = dict(sorted(added))
        planes = _planes(own)
        if len(planes) == 1:
            self._settle(key, template, *planes)
        elif planes:
            self.notes.append(
                f"{'/'.join(key)}: of its pods some run as {' and some as '.join(sorted(planes))}; "
                "restart it to settle that"
            )
        self.objects.append(value)
        self._belong(own, key[1], key[2])
        if len(planes) > 1:
            for plane, pod in sorted(planes.items()):
                self._representative(key[0], pod, f"{key[2]}-{plane}", key[2], plane)
        if sorts:
            count = sum(map(len, sorts.values()))
            self.notes.append(
                f"{'/'.join(key)}: {plural(count, 'pod')} with other labels than its template has; "
                "they stand beside it until they are gone"
            )
            self._several(key, sorts)

    def at_pods(self, key: Key, running: list[JSONObject]) -> None:
        """A pod without controller; of a controller of another kind, one pod of each sort."""
        if key[0] == "Pod":
            own = [pod for pod in running if pod["metadata"]["name"] == key[2]]
            for pod in own:
                value = redacted(pod)
                self._settle(key, value, plane_of(pod))
                self._write(value)
                self._belong([pod], key[1], key[2])
            running = [pod for pod in running if pod not in own]
        sorts = _by_labels(running, None)
        if len(sorts) == 1 and key[0] != "Pod":
            self._sort(key, key[2], running)
        else:
            self._several(key, sorts)

    def _several(
        self, key: Key, sorts: Mapping[frozenset[tuple[str, str]], list[JSONObject]]
    ) -> None:
        for own, pods in sorted(sorts.items(), key=lambda each: sorted(each[0])):
            self._sort(key, f"{key[2]}-{ending(dict(own))}", pods)

    def _sort(self, owner: Key, name: str, pods: list[JSONObject]) -> None:
        """Pods with the same labels, as one; as one of each data plane where they differ in it."""
        if (owner[1], name) in self._names:
            # Of another controller that is called the same.
            name = f"{name}-{owner[0].lower()}"
        planes = _planes(pods)
        for plane, pod in sorted(planes.items()):
            own = name if len(planes) == 1 else f"{name}-{plane}"
            self._representative(owner[0], pod, own, name, plane)
        self._belong(pods, owner[1], name)

    def _belong(self, pods: Iterable[JSONObject], namespace: str, name: str) -> None:
        for pod in pods:
            self.workload_of[f"{pod['metadata']['name']}.{namespace}"] = (namespace, name)

    def _representative(
        self, kind: str, pod: JSONObject, name: str, owner: str, plane: DataPlane
    ) -> None:
        """A pod that stands for all of its sort, under a name that stays."""
        value = redacted(pod)
        own = value["metadata"]
        own["labels"] = {
            key: text
            for key, text in (own.get("labels") or {}).items()
            if text != pod["metadata"]["name"]
        }
        own["name"] = name
        own["ownerReferences"] = [
            {"apiVersion": "v1", "kind": kind, "name": owner, "uid": "", "controller": True}
        ]
        if self._promised(value, own.get("namespace") or "") is not plane:
            _express(value, plane)
        self._write(value)

    def _write(self, pod: JSONObject) -> None:
        own = pod["metadata"]
        self._names.add((own.get("namespace") or "", own["name"]))
        self.objects.append(pod)

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
    spec: JSONObject = value.setdefault("spec", {})
    if value["kind"] == "CronJob":
        spec = spec.setdefault("jobTemplate", {}).setdefault("spec", {})
    template: JSONObject = spec.setdefault("template", {})
    return template


def _has_template(value: JSONObject) -> bool:
    """Whether a controller has a pod template of its own, and may still make pods of it."""
    owner = owner_of(value["metadata"])
    if owner is not None and is_made_by(value["kind"], owner):
        return False
    if value["kind"] == "Job":
        conditions = (value.get("status") or {}).get("conditions") or ()
        return not any(
            each.get("type") in DONE and each.get("status") == "True" for each in conditions
        )
    return True


def _maker(key: Key, known: Mapping[Key, JSONObject]) -> Key:
    """The controller whose template a pod is made from, whether it is known or not."""
    pod, seen = known[key], {key}
    while key in known and (owner := owner_of(known[key]["metadata"])) is not None:
        if not is_made_by(key[0], owner):
            return key
        key = (owner.kind, key[1], owner.name)
        if key in seen:
            return key
        seen.add(key)
    if key[0] == "ReplicaSet" and key not in known:
        # It came, or went, between two lists.
        hashes = (pod["metadata"].get("labels") or {}).get("pod-template-hash")
        of = ("Deployment", key[1], key[2].removesuffix(f"-{hashes}"))
        return of if of in known else key
    return key


def _by_labels(
    pods: Iterable[JSONObject], template: Mapping[str, str] | None
) -> dict[frozenset[tuple[str, str]], list[JSONObject]]:
    """Pods by the labels that they share with those to come."""
    sorts: dict[frozenset[tuple[str, str]], list[JSONObject]] = {}
    for pod in pods:
        own = pod["metadata"]
        shared = lasting(labels(own.get("labels")), own["name"], template)
        sorts.setdefault(frozenset(shared.items()), []).append(pod)
    return sorts


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:6]


def _runs(pod: JSONObject) -> bool:
    phase = (pod.get("status") or {}).get("phase")
    return phase not in FINISHED and not pod["metadata"].get("deletionTimestamp")


def _key(value: JSONObject) -> Key:
    return value["kind"], value["metadata"].get("namespace") or "", value["metadata"]["name"]
