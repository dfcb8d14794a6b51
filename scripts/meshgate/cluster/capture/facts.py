"""What a control plane says of its mesh, beside what environments.yaml says of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import NamedTuple

from meshgate.answers import words
from meshgate.cluster.client import ClusterClient
from meshgate.config.reading import parse
from meshgate.errors import ServiceError, UsageError
from meshgate.mesh.catalog import REVISION_LABEL
from meshgate.mesh.unread.mesh_config import (
    authorization_facts,
    transport_facts,
    unmodelled_keys,
    unstated_facts,
)
from meshgate.model import JSON, JSONObject, MeshFacts

MESH_CONFIG = "istio"
KEY = "mesh"
ISTIOD, DISCOVERY = "istiod", "discovery"
# `1.31.2`, `v1.31.2-distroless`, `1.31-alpha.4f2`: the minor release; no mere number or date.
RELEASE = re.compile(r"v?(1)\.(\d{1,2})(?![\d])(?:[.-]|$)")
CHART = "helm.sh/chart"
VERSION_LABELS = ("app.kubernetes.io/version", CHART)
FINISHED = frozenset({"Succeeded", "Failed"})


class FactDifference(NamedTuple):
    """A fact that environments.yaml states otherwise than the cluster."""

    key: str
    stated: JSON
    live: JSON

    def __str__(self) -> str:
        return f"mesh.{self.key} is {json.dumps(self.stated)}, the cluster has " + json.dumps(
            self.live
        )


def mesh_config(cluster: ClusterClient, facts: MeshFacts) -> JSONObject:
    """The MeshConfig of the control plane, from its ConfigMap.

    Raises ServiceError where it is not there or cannot be read.
    """
    name = f"{MESH_CONFIG}-{facts.revision}" if facts.revision else MESH_CONFIG
    where = f"{facts.root_namespace}/{name}"
    data = cluster.config_map(facts.root_namespace, name)
    if data is None or KEY not in data:
        raise ServiceError(
            f"{cluster.context}: there is no MeshConfig in the ConfigMap {where}",
            why="mesh.rootNamespace and mesh.revision of environments.yaml say where it is.",
            hint="correct them, or name the right context",
        )
    try:
        value = parse(data[KEY], f"ConfigMap {where}").value
    except UsageError as error:
        raise ServiceError(f"{cluster.context}: {error.what}", why=error.why) from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ServiceError(
            f"{cluster.context}: the ConfigMap {where} holds no MeshConfig",
            why=f"{KEY} is {words(json.dumps(value))}",
        )
    return value


def differences(
    facts: MeshFacts,
    config: JSONObject,
    objects: Iterable[JSONObject],
    stated: Iterable[str] = (),
) -> list[FactDifference]:
    """Where environments.yaml is wrong about the cluster, sorted by key.

    `objects` are live Deployments and Pods, among them perhaps istiod; `stated` are the releases
    that istiods themselves say they are of.
    """
    compared = (
        transport_facts(config, facts, "istio-system")
        | authorization_facts(config, facts)
        | unstated_facts(config)
    )
    versions = releases(facts, objects, stated).known
    if versions and versions != {facts.istio}:
        live = sorted(versions, key=_by_number)
        compared["istio"] = (facts.istio, live[0] if len(live) == 1 else live)
    return [
        FactDifference(key, stated, actual)
        for key, (stated, actual) in sorted(compared.items())
        if stated != actual
    ]


class Releases(NamedTuple):
    """The minor releases of the control planes, and why that of others is not known."""

    known: set[str]
    unknown: list[str]


def releases(
    facts: MeshFacts, objects: Iterable[JSONObject], stated: Iterable[str] = ()
) -> Releases:
    """Which releases the control planes of the environment are of.

    They are istiod's Deployments in the root namespace and their pods, or those of the stated
    revision. A digest, `latest` and the like tell nothing; then labels do, and what istiod says.
    """
    asked = {release for text in stated if (release := _release(text))}
    istiods = [value for value in objects if _is_istiod(value, facts)]
    known: set[str] = set()
    silent: list[str] = []
    for value in istiods:
        found = _releases_of(value)
        known |= found
        if not found and value["kind"] != "Pod":
            silent.append(f"{value['metadata'].get('namespace')}/{value['metadata']['name']}")
    if asked:
        return Releases(asked | known, [])
    unsaid = [f"neither the image of {name} nor a label of it says so" for name in silent]
    if known:
        # The pods of a Deployment by digest may say what it does not.
        return Releases(known, unsaid if unsaid and not _pods_tell(istiods) else [])
    return Releases(set(), unsaid or [f"there is no istiod in {facts.root_namespace}"])


def unknowns(
    facts: MeshFacts,
    config: JSONObject,
    objects: Iterable[JSONObject],
    stated: Iterable[str] = (),
) -> list[str]:
    """What decides, or may, and was not read; each in a sentence."""
    listed = [
        f"which release of Istio runs: {why}; it is taken for {facts.istio}"
        for why in releases(facts, objects, stated).unknown
    ]
    return listed + [
        f"MeshConfig has {key}, which is not modelled" for key in unmodelled_keys(config)
    ]


def _is_istiod(value: JSONObject, facts: MeshFacts) -> bool:
    own = value["metadata"]
    marks = own.get("labels") or {}
    if own.get("namespace") != facts.root_namespace or marks.get("app") != ISTIOD:
        return False
    if value["kind"] == "Pod" and (value.get("status") or {}).get("phase") in FINISHED:
        return False
    return not facts.revision or marks.get(REVISION_LABEL) in {None, facts.revision}


def _releases_of(value: JSONObject) -> set[str]:
    """The releases that the images and the labels of an istiod name; images before labels."""
    spec = value.get("spec") or {}
    template = spec if value["kind"] == "Pod" else spec.get("template") or {}
    pod = template if value["kind"] == "Pod" else template.get("spec") or {}
    containers = [each for each in pod.get("containers") or () if isinstance(each, dict)]
    # Others may stand beside it: an exporter of metrics, or a sidecar.
    named = [each for each in containers if each.get("name") == DISCOVERY] or containers
    tags = {_release(tag_of(str(each.get("image") or ""))) for each in named} - {""}
    if tags:
        return tags
    marks = {
        **(value["metadata"].get("labels") or {}),
        **((template.get("metadata") or {}).get("labels") or {}),
    }
    for label in VERSION_LABELS:
        # Of a chart's label the version follows the name.
        text = str(marks.get(label) or "")
        if release := _release(text.rpartition("-")[2] if label == CHART else text):
            return {release}
    return set()


def _pods_tell(istiods: Iterable[JSONObject]) -> bool:
    return any(value["kind"] == "Pod" and _releases_of(value) for value in istiods)


def tag_of(image: str) -> str:
    """The tag of an image, without its registry and digest; empty: it has none."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2]


def _release(text: str) -> str:
    match = RELEASE.match(text)
    return f"{match[1]}.{match[2]}" if match else ""


def _by_number(release: str) -> tuple[int, ...]:
    return tuple(map(int, release.split(".")))
