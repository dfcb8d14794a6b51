"""Objects and meshes for the tests of the mesh model, in as few words as possible."""

from __future__ import annotations

from typing import Any

from meshgate.mesh import Mesh, Outcome
from meshgate.model import MeshFacts, Resource

Object = dict[str, Any]
ROOT = "istio-system"


def thing(
    api_version: str, kind: str, name: str, namespace: str | None = None, **fields: Any
) -> Object:
    """An object; `labels`, `annotations` and `age` (a day of January 2025) are metadata."""
    metadata: Object = {"name": name}
    if namespace is not None:
        metadata["namespace"] = namespace
    for key in ("labels", "annotations"):
        if key in fields:
            metadata[key] = fields.pop(key)
    if "age" in fields:
        metadata["creationTimestamp"] = f"2025-01-{fields.pop('age'):02}T00:00:00Z"
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def namespace(name: str, injection: str | None = "enabled", **labels: str) -> Object:
    own = dict(labels)
    if injection is not None:
        own["istio-injection"] = injection
    return thing("v1", "Namespace", name, labels=own)


def pod_template(labels: Object, ports: Object, **spec: Any) -> Object:
    annotations = spec.pop("annotations", {})
    container = {
        "name": "app",
        "image": "app",
        "ports": [{"name": name, "containerPort": number} for name, number in ports.items()],
    }
    return {
        "metadata": {"labels": labels, "annotations": annotations},
        "spec": {"containers": [container], **spec},
    }


def deployment(
    name: str,
    place: str,
    labels: Object | None = None,
    ports: Object | None = None,
    **spec: Any,
) -> Object:
    """A Deployment; its pods are labelled `app: NAME` and have port 8080 unless told otherwise."""
    template = pod_template(labels or {"app": name}, ports or {"http": 8080}, **spec)
    return thing("apps/v1", "Deployment", name, place, spec={"template": template})


def service(name: str, place: str, ports: Object | None = None, **fields: Any) -> Object:
    """A Service that selects `app: NAME`; `ports` are targets by `NAME:NUMBER`."""
    listed = []
    for key, target in (ports or {"http:80": 8080}).items():
        own, _, number = key.partition(":")
        listed.append({"name": own, "port": int(number), "targetPort": target})
    metadata = {key: fields.pop(key) for key in ("labels", "annotations", "age") if key in fields}
    spec = {"selector": {"app": name}, "ports": listed, **fields}
    return thing("v1", "Service", name, place, spec=spec, **metadata)


def peer_authentication(
    name: str, place: str, mode: str | None = None, *, age: int | None = 1, **spec: Any
) -> Object:
    """A PeerAuthentication; `selector` are labels, `ports` modes by port."""
    own: Object = {}
    if mode is not None:
        own["mtls"] = {"mode": mode}
    if "selector" in spec:
        own["selector"] = {"matchLabels": spec.pop("selector")}
    if "ports" in spec:
        own["portLevelMtls"] = {
            str(port): {"mode": item} for port, item in spec.pop("ports").items()
        }
    metadata = {"age": age} if age is not None else {}
    own.update(spec.pop("spec", {}))
    return thing(
        "security.istio.io/v1", "PeerAuthentication", name, place, spec=own, **metadata, **spec
    )


def destination_rule(
    name: str, place: str, host: str, mode: str | None = None, *, age: int | None = 1, **spec: Any
) -> Object:
    """A DestinationRule; `mode` is its top-level TLS mode, further fields are its spec's."""
    own: Object = {"host": host}
    if mode is not None:
        own["trafficPolicy"] = {"tls": {"mode": mode}}
    metadata = {key: spec.pop(key) for key in ("labels",) if key in spec}
    if age is not None:
        metadata["age"] = age
    own.update(spec)
    return thing("networking.istio.io/v1", "DestinationRule", name, place, spec=own, **metadata)


def istio(kind: str, name: str, place: str, **fields: Any) -> Object:
    """An object of networking.istio.io; fields that are no metadata are its spec's."""
    keys = ("labels", "annotations", "age", "status")
    metadata = {key: fields.pop(key) for key in keys if key in fields}
    return thing("networking.istio.io/v1", kind, name, place, spec=fields, **metadata)


def mesh(*objects: Object, foreign: bool = False, **facts: Any) -> Mesh:
    """The model of these objects."""
    resources = [Resource.of(each, foreign=foreign) for each in objects]
    return Mesh(resources, MeshFacts(**facts))


def shop(*objects: Object, **facts: Any) -> Mesh:
    """Client `a/ui` and server `b/cart:80` (on 8080) with a sidecar, `a/old` without, and these."""
    return mesh(*shop_inventory(), *objects, **facts)


def shop_inventory() -> list[Object]:
    """What runs in the shop."""
    return [
        namespace(ROOT, None),
        namespace("a"),
        namespace("b"),
        deployment("ui", "a"),
        deployment("old", "a", {"app": "old", "sidecar.istio.io/inject": "false"}),
        deployment("cart", "b"),
        service("cart", "b"),
    ]


def outcomes(
    model: Mesh, client: str, host: str = "cart.b", port: int = 80, subset: str | None = None
) -> list[Outcome]:
    """What becomes of the calls of a client, `NAMESPACE/NAME`."""
    place, _, name = client.partition("/")
    answer = model.client_policy(model.workload(place, name), host, port, subset)
    return [delivery.outcome for delivery in answer.deliveries]
