"""What a control plane says of its mesh, beside what environments.yaml says of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from meshgate.cluster.client import ClusterClient
from meshgate.config.reading import parse
from meshgate.errors import ServiceError, UsageError
from meshgate.mesh.unread.mesh_config import authorization_facts, transport_facts
from meshgate.model import JSON, JSONObject, MeshFacts

MESH_CONFIG = "istio"
KEY = "mesh"
IMAGE_VERSION = re.compile(r":v?(\d+\.\d+)\.\d+")


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
    return value if isinstance(value, dict) else {}


def differences(
    facts: MeshFacts, config: JSONObject, objects: Iterable[JSONObject]
) -> list[FactDifference]:
    """Where environments.yaml is wrong about the cluster, sorted by key.

    `objects` are live Deployments, among them perhaps istiod, whose image tells the version.
    """
    compared = transport_facts(config, facts, "istio-system") | authorization_facts(config, facts)
    versions = sorted(set(_versions(facts, objects)))
    if versions and facts.istio not in versions:
        compared["istio"] = (facts.istio, versions[-1])
    return [
        FactDifference(key, stated, actual)
        for key, (stated, actual) in sorted(compared.items())
        if stated != actual
    ]


def _versions(facts: MeshFacts, objects: Iterable[JSONObject]) -> Iterator[str]:
    """The minor versions of the control planes in the root namespace."""
    for value in objects:
        own = value["metadata"]
        if own.get("namespace") != facts.root_namespace:
            continue
        if (own.get("labels") or {}).get("app") != "istiod":
            continue
        for container in value["spec"]["template"]["spec"].get("containers") or ():
            if match := IMAGE_VERSION.search(str(container.get("image"))):
                yield match[1]
