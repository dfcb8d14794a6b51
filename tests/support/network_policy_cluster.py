"""A small cluster under NetworkPolicies, and how its calls end."""

from __future__ import annotations

from typing import Any

from meshes import (
    Object,
    deployment,
    mesh,
    namespace,
    outcomes,
    service,
    thing,
)
from meshgate.mesh import Mesh, Outcome
from meshgate.report.explain import page as explain
from meshgate.report.explain.explanation import CallExplanation
from meshgate.report.view import View


def policy(name: str, place: str, **spec: Any) -> Object:
    own = {"podSelector": {}, **spec}
    return thing("networking.k8s.io/v1", "NetworkPolicy", name, place, spec=own)


def from_(*peers: Object, ports: list[Object] | None = None) -> Object:
    rule: Object = {"from": list(peers)} if peers else {}
    return {**rule, "ports": ports} if ports is not None else rule


def to(*peers: Object, ports: list[Object] | None = None) -> Object:
    rule: Object = {"to": list(peers)} if peers else {}
    return {**rule, "ports": ports} if ports is not None else rule


def pods(**labels: str) -> Object:
    return {"podSelector": {"matchLabels": labels}}


def places(**labels: str) -> Object:
    return {"namespaceSelector": {"matchLabels": labels}}


def cluster(*others: Object, plane: str = "sidecar", **facts: Any) -> Mesh:
    """a/ui and c/job call b/cart; b/web is a neighbour of b/cart."""
    ambient = {"istio.io/dataplane-mode": "ambient"} if plane == "ambient" else {}
    injection = "enabled" if plane == "sidecar" else None
    own = [
        namespace("a", injection, team="red", **ambient),
        namespace("b", injection, team="blue", **ambient),
        namespace("c", None),
        deployment("ui", "a"),
        deployment("cart", "b"),
        deployment("web", "b"),
        deployment("job", "c"),
        service("cart", "b"),
    ]
    if ambient:
        facts["data_plane"] = "ambient"
    return mesh(*own, *others, **facts)


def ends(model: Mesh) -> dict[str, Outcome]:
    """How each client's calls to b/cart end."""
    return {
        str(client): outcome
        for client in model.workloads
        for outcome in outcomes(model, str(client))
        if str(client) != "b/cart"
    }


OPEN = {"a/ui": Outcome.OK_MTLS, "b/web": Outcome.OK_MTLS, "c/job": Outcome.OK_PLAINTEXT}
SHUT = dict.fromkeys(OPEN, Outcome.BLOCKED)
UNKNOWN = dict.fromkeys(OPEN, Outcome.UNKNOWN)
NAME = "kubernetes.io/metadata.name"


def explained(model: Mesh) -> CallExplanation:
    view = View("prod", model, lambda _resource, _path: None)
    host = model.service("cart", "b")
    (found,) = explain.explanations(view, model.workload("a", "ui"), host, host.ports[0])
    return found
