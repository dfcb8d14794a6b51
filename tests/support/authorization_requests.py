"""Policies, connections and what is decided of them, for tests of authorization."""

from __future__ import annotations

from typing import Any

from meshgate.mesh.authorization import (
    Authorization,
    Chain,
    Connection,
    Decision,
    Enforcer,
    Server,
    identity_of,
)
from meshgate.model import MeshFacts, Resource

Object = dict[str, Any]
SIDECAR = Server("b", {"app": "s"}, Enforcer.SIDECAR)
WEB = identity_of("cluster.local", "a", "web")
GET_ORDERS = {"to": [{"operation": {"methods": ["GET"], "paths": ["/orders/*"]}}]}
NO_DELETE = {"to": [{"operation": {"methods": ["DELETE"]}}]}
FROM_A = {"from": [{"source": {"namespaces": ["a"]}}]}


def security(kind: str, name: str, spec: Object, namespace: str = "b", **metadata: Any) -> Object:
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": spec,
    }


def policy(name: str, *rules: Object, namespace: str = "b", **spec: Any) -> Object:
    return security("AuthorizationPolicy", name, {"rules": list(rules), **spec}, namespace)


def authorization(*objects: Object, **facts: Any) -> Authorization:
    return Authorization.of([Resource.of(value) for value in objects], MeshFacts(**facts))


def http(identity: str | None = WEB, **known: Any) -> Connection:
    return Connection(Chain.HTTP, 8080, identity, **known)


def tcp(identity: str | None = WEB, **known: Any) -> Connection:
    return Connection(Chain.TCP, 8080, identity, **known)


def decided(decision: Decision) -> list[tuple[str, str, int | None]]:
    return [
        (decider.resource.name, decider.action, decider.rule) for decider in decision.decided_by
    ]


def paths(*values: str, **spec: Any) -> Object:
    return policy("p", {"to": [{"operation": {"paths": list(values)}}]}, **spec)
