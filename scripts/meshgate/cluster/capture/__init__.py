"""From a live cluster to an inventory.

- `read(cluster)`: the live objects; `captured(live, facts, ownership)`: the inventory's objects,
  with the few fields that are looked at.
- `inventory(environment, objects)`, `before(root, environment, …)`: their files, and those there
  are; `by_hand(root, environment)`: what people wrote beside them; `losses(…)`, `changes(…)`,
  `write(…)`: all of it or nothing, while `locked(root, environment)` holds.
- `mesh_control(cluster, facts, objects)`, `differences(…)`: what environments.yaml says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from meshgate.cluster import kinds
from meshgate.cluster.capture.facts import (
    FactDifference,
    MeshControl,
    differences,
    mesh_control,
    unknowns,
)
from meshgate.cluster.capture.files import (
    InventoryFiles,
    before,
    by_hand,
    changes,
    inventory,
    locked,
    losses,
    write,
)
from meshgate.cluster.capture.ownership import ObjectIdentity, Ownership
from meshgate.cluster.capture.reading import STEPS, Live, read
from meshgate.cluster.capture.redact import SLICE_OF, redacted
from meshgate.cluster.capture.services import services
from meshgate.cluster.capture.workloads import CONTROLLERS, workloads
from meshgate.mesh.catalog import Namespace
from meshgate.model import JSONObject, MeshFacts, Resource

__all__ = [
    "STEPS",
    "Captured",
    "FactDifference",
    "InventoryFiles",
    "Live",
    "MeshControl",
    "ObjectIdentity",
    "Ownership",
    "before",
    "by_hand",
    "captured",
    "changes",
    "differences",
    "inventory",
    "locked",
    "losses",
    "mesh_control",
    "read",
    "running",
    "unknowns",
    "write",
]

WEBHOOKS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")


class Captured(NamedTuple):
    """The objects of an inventory, and what a person should know of them."""

    objects: list[JSONObject]
    notes: list[str]
    # The workload of each running pod, as namespace and name, by `POD.NAMESPACE`.
    pods: dict[str, tuple[str, str]]


def captured(live: Live, facts: MeshFacts, ownership: Ownership) -> Captured:
    """What an inventory says of a cluster: what runs there, and what decides and is not ours."""
    capture = running(live, facts)
    deciding = dict.fromkeys(kind.kind for kind in kinds.DECIDING)
    capture.objects.extend(
        redacted(each) for each in live.of(*deciding) if ownership.is_foreign(each)
    )
    return capture


def running(live: Live, facts: MeshFacts) -> Captured:
    """What runs in a cluster and how it is reached, without the objects that decide."""
    namespaces = {value["metadata"]["name"]: _namespace(value) for value in live.of("Namespace")}
    observed = workloads(live.of(*CONTROLLERS, "Pod"), namespaces, facts)
    objects = [redacted(value) for value in live.of("Namespace")]
    objects.extend(services(live.of("Service"), live.of("Pod")))
    objects.extend(_slices(live))
    objects.extend(observed.objects)
    objects.extend(
        webhook for value in live.of(*WEBHOOKS) if "webhooks" in (webhook := redacted(value))
    )
    return Captured(objects, observed.notes, observed.pods)


def _slices(live: Live) -> Iterator[JSONObject]:
    """The endpoints of Services that select no pods: of the others the workloads tell."""
    unselected = {
        (value["metadata"]["namespace"], value["metadata"]["name"])
        for value in live.of("Service")
        if not value["spec"].get("selector")
    } - {("default", "kubernetes")}
    for value in live.of("EndpointSlice"):
        own = value["metadata"]
        if (own["namespace"], (own.get("labels") or {}).get(SLICE_OF)) in unselected:
            yield redacted(value)


def _namespace(value: JSONObject) -> Namespace:
    own = value["metadata"]
    return Namespace(own["name"], own.get("labels") or {}, {}, Resource.of(value))
