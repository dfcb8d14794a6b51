"""What a control plane says of its mesh, beside what environments.yaml says of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from meshgate.answers import excerpt
from meshgate.cluster.capture.control_planes import (
    DEFAULT_REVISION,
    ControlPlane,
    control_planes,
    releases,
)
from meshgate.cluster.client import ClusterClient
from meshgate.config.reading import parse
from meshgate.errors import ServiceError, UsageError
from meshgate.mesh.unread.mesh_config import (
    authorization_facts,
    layered,
    normal,
    refused_keys,
    transport_facts,
    unmodelled_keys,
    unstated_facts,
)
from meshgate.model import JSON, JSONObject, MeshFacts

MESH_CONFIG = "istio"
KEY = "mesh"


class FactDifference(NamedTuple):
    """A fact that environments.yaml states otherwise than the cluster."""

    key: str
    stated: JSON
    live: JSON

    def __str__(self) -> str:
        return f"mesh.{self.key} is {json.dumps(self.stated)}, the cluster has " + json.dumps(
            self.live
        )


class MeshControl(NamedTuple):
    """The control planes of an environment, and the MeshConfig that its facts are compared with.

    unread  what of MeshConfig was not read and may decide, each in a sentence
    """

    planes: Sequence[ControlPlane]
    config: JSONObject
    unread: Sequence[str] = ()


def mesh_control(
    cluster: ClusterClient, facts: MeshFacts, objects: Iterable[JSONObject]
) -> MeshControl:
    """What controls the mesh of a cluster; `objects` are its Deployments and Pods.

    Raises ServiceError where its MeshConfig is not there or cannot be read.
    """
    planes = control_planes(facts, objects)
    own = _config_of(facts.revision)
    config = _read(cluster, facts, own)
    unread: list[str] = []
    for shared in sorted({plane.shared for plane in planes} - {"", own}):
        try:
            # As istiod does it: its own has the last word.
            config = layered(_read(cluster, facts, shared), config)
        except ServiceError as error:
            unread.append(
                f"the MeshConfig of the ConfigMap {shared}, which istiod reads, too: {error}"
            )
    # Without a revision of the environment every control plane is one of it.
    for plane in planes:
        if plane.revision and plane.revision != facts.revision:
            unread += _beside(cluster, facts, plane, config)
    return MeshControl(planes, config, unread)


def differences(
    facts: MeshFacts, control: MeshControl, stated: Iterable[str] = ()
) -> list[FactDifference]:
    """Where environments.yaml is wrong about the cluster, sorted by key.

    `stated` are the releases that istiods themselves say they are of.
    """
    compared = (
        transport_facts(control.config, facts, "istio-system")
        | authorization_facts(control.config, facts)
        | unstated_facts(control.config)
    )
    versions = releases(facts, control.planes, stated).known
    if versions and versions != {facts.istio}:
        live = sorted(versions, key=_by_number)
        compared["istio"] = (facts.istio, live[0] if len(live) == 1 else live)
    return [
        FactDifference(key, stated, actual)
        for key, (stated, actual) in sorted(compared.items())
        if stated != actual
    ]


def unknowns(facts: MeshFacts, control: MeshControl, stated: Iterable[str] = ()) -> list[str]:
    """What decides, or may, and was not read; each in a sentence."""
    return [
        *(
            f"which release of Istio runs: {why}; it is taken for {facts.istio}"
            for why in releases(facts, control.planes, stated).unknown
        ),
        *(
            f"MeshConfig has {key}, which is not modelled"
            for key in unmodelled_keys(control.config)
        ),
        *(
            f"MeshConfig has {key} as istiod does not take it: it goes on with what it had before"
            for key in refused_keys(control.config)
        ),
        *control.unread,
    ]


def _beside(
    cluster: ClusterClient, facts: MeshFacts, plane: ControlPlane, config: JSONObject
) -> list[str]:
    """What is to be said of another control plane of the same environment."""
    name = _config_of(plane.revision)
    try:
        other = _read(cluster, facts, name)
    except ServiceError as error:
        return [f"what MeshConfig {plane.name} has, of revision {plane.revision}: {error}"]
    keys = sorted(key for key in config.keys() | other.keys() if config.get(key) != other.get(key))
    if not keys:
        return []
    difference = (
        f"which pods are of {plane.name}, of revision {plane.revision}: its ConfigMap {name} has "
        f"{', '.join(keys)} otherwise; mesh.revision of environments.yaml says which one counts"
    )
    return [difference]


def _config_of(revision: str) -> str:
    """The ConfigMap of a revision (istio.io/istio, getMeshConfigMapName)."""
    return MESH_CONFIG if revision in {"", DEFAULT_REVISION} else f"{MESH_CONFIG}-{revision}"


def _read(cluster: ClusterClient, facts: MeshFacts, name: str) -> JSONObject:
    """The MeshConfig of one ConfigMap, as its documentation spells it. Raises ServiceError."""
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
            why=f"{KEY} is {excerpt(json.dumps(value))}",
        )
    return normal(value)


def _by_number(release: str) -> tuple[int, ...]:
    return tuple(map(int, release.split(".")))
