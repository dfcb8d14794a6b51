"""The control planes of a cluster: which there are, and which releases of Istio they are of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from meshgate.mesh.catalog import REVISION_LABEL
from meshgate.mesh.controllers import owner_of
from meshgate.mesh.selectors import labels, matches
from meshgate.model import JSONObject, MeshFacts

ISTIOD, DISCOVERY = "istiod", "discovery"
# What istiod of a release without a name of its own has in its label of the revision.
DEFAULT_REVISION = "default"
# `1.31.2`, `v1.31.2-distroless`, `1.31-alpha.4f2`: the minor release; no mere number or date.
RELEASE = re.compile(r"v?(1)\.(\d{1,2})(?![\d])(?:[.-]|$)")
CHART = "helm.sh/chart"
VERSION_LABELS = ("app.kubernetes.io/version", CHART)
TEMPLATE_HASH = "pod-template-hash"
FINISHED = frozenset({"Succeeded", "Failed"})
# The variable that names a ConfigMap beside its own; its own has the last word.
SHARED = "SHARED_MESH_CONFIG"


class ControlPlane(NamedTuple):
    """One istiod with all its replicas.

    name      of its Deployment, or of a pod of any other kind
    revision  empty: it says none, or `default`
    shared    the ConfigMap that it reads beside its own; empty: none
    releases  that its images, labels and pods tell; more than one while it is rolled out
    """

    name: str
    revision: str
    shared: str
    releases: frozenset[str]


class ControlPlaneReleases(NamedTuple):
    """The minor releases of the control planes, and why that of others is not known."""

    known: set[str]
    unknown: list[str]


def control_planes(facts: MeshFacts, objects: Iterable[JSONObject]) -> list[ControlPlane]:
    """The istiods of the root namespace that run, or those of the stated revision.

    `objects` are live Deployments and Pods. A Deployment at 0 replicas runs nothing.
    """
    istiods = [value for value in objects if _is_istiod(value, facts)]
    pods = [value for value in istiods if value["kind"] == "Pod"]
    listed = []
    for value in istiods:
        if value["kind"] == "Pod":
            continue
        own = [pod for pod in pods if _is_pod_of(pod, value)]
        pods = [pod for pod in pods if pod not in own]
        if own or (value.get("spec") or {}).get("replicas") != 0:
            listed.append(_control_plane(value, own))
    # What something else than a Deployment runs.
    return [*listed, *(_control_plane(pod, ()) for pod in pods)]


def releases(
    facts: MeshFacts, planes: Sequence[ControlPlane], stated: Iterable[str] = ()
) -> ControlPlaneReleases:
    """Which releases the control planes are of.

    A digest, `latest` and the like tell nothing; then labels do, and what istiod itself states. Of
    several control planes nobody knows which of them it was that was asked.
    """
    asked = {release for text in stated if (release := release_of(text))}
    known = asked.union(*(plane.releases for plane in planes))
    silent = [plane.name for plane in planes if not plane.releases]
    if asked and len(planes) <= 1:
        return ControlPlaneReleases(known, [])
    unsaid = [f"neither the image of {name} nor a label of it says so" for name in silent]
    return ControlPlaneReleases(
        known, unsaid if planes else [f"there is no istiod in {facts.root_namespace}"]
    )


def release_of(text: str) -> str:
    """The minor release that a version begins with; empty: it is none of Istio's."""
    match = RELEASE.match(text)
    return f"{match[1]}.{match[2]}" if match else ""


def tag_of(image: str) -> str:
    """The tag of an image, without its registry and digest; empty: it has none."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2]


def _control_plane(value: JSONObject, pods: Iterable[JSONObject]) -> ControlPlane:
    revision = str(_labels(value).get(REVISION_LABEL) or "")
    shared = [
        str(variable.get("value") or "")
        for container in _discovery(value)
        for variable in container.get("env") or ()
        if isinstance(variable, dict) and variable.get("name") == SHARED
    ]
    found = _releases_of(value).union(*map(_releases_of, pods))
    return ControlPlane(
        f"{value['metadata'].get('namespace')}/{value['metadata']['name']}",
        "" if revision == DEFAULT_REVISION else revision,
        next(iter(shared), ""),
        frozenset(found),
    )


def _is_istiod(value: JSONObject, facts: MeshFacts) -> bool:
    own = value["metadata"]
    marks = _labels(value)
    if own.get("namespace") != facts.root_namespace or marks.get("app") != ISTIOD:
        return False
    if value["kind"] == "Pod" and (value.get("status") or {}).get("phase") in FINISHED:
        return False
    return not facts.revision or marks.get(REVISION_LABEL) in {None, facts.revision}


def _releases_of(value: JSONObject) -> set[str]:
    """The releases that the images and the labels of an istiod name; images before labels."""
    tags = {release_of(tag_of(str(each.get("image") or ""))) for each in _discovery(value)} - {""}
    if tags:
        return tags
    template = (value.get("spec") or {}).get("template") or {}
    marks = {**_labels(value), **((template.get("metadata") or {}).get("labels") or {})}
    for label in VERSION_LABELS:
        # Of a chart's label the version follows the name.
        text = str(marks.get(label) or "")
        if release := release_of(text.rpartition("-")[2] if label == CHART else text):
            return {release}
    return set()


def _discovery(value: JSONObject) -> list[JSONObject]:
    """The containers of istiod: others may stand beside it, an exporter of metrics or a sidecar."""
    spec = value.get("spec") or {}
    pod = spec if value["kind"] == "Pod" else (spec.get("template") or {}).get("spec") or {}
    containers = [each for each in pod.get("containers") or () if isinstance(each, dict)]
    return [each for each in containers if each.get("name") == DISCOVERY] or containers


def _is_pod_of(pod: JSONObject, deployment: JSONObject) -> bool:
    """Whether a Deployment made a pod: by its owner, or by its labels where it says none."""
    owner = owner_of(pod["metadata"])
    if owner is not None:
        of_template = _labels(pod).get(TEMPLATE_HASH)
        return bool(owner.name.removesuffix(f"-{of_template}") == deployment["metadata"]["name"])
    selector = ((deployment.get("spec") or {}).get("selector") or {}).get("matchLabels")
    return bool(selector) and matches(labels(selector), labels(_labels(pod)))


def _labels(value: JSONObject) -> JSONObject:
    return value["metadata"].get("labels") or {}
