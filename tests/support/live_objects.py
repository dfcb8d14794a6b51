"""Objects as a live API server gives them, with everything that must not be written down."""

from __future__ import annotations

from meshgate.model import JSON, JSONObject

SECRET = "hunter2"
AGE = "2026-01-01T00:00:00Z"


def live(kind: str, namespace: str | None, name: str, **content: JSON) -> JSONObject:
    """An object with the metadata that a server adds; `labels`, `annotations` and `owner` too."""
    owner = content.pop("owner", None)
    metadata = {
        "name": name,
        "namespace": namespace,
        "uid": f"uid-of-{name}",
        "resourceVersion": "12345",
        "creationTimestamp": AGE,
        "generation": 3,
        "labels": content.pop("labels", {}),
        "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": SECRET,
            **content.pop("annotations", {}),
        },
        "managedFields": [{"manager": "kubectl"}],
    }
    if namespace is None:
        del metadata["namespace"]
    if owner:
        metadata["ownerReferences"] = [
            {"apiVersion": "v1", "kind": owner[0], "name": owner[1], "uid": "u", "controller": True}
        ]
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **content}


def namespace(name: str, **labels: str) -> JSONObject:
    return live("Namespace", None, name, labels=labels, status={"phase": "Active"})


def containers(*names: str, port: int = 8080) -> list[JSONObject]:
    return [
        {
            "name": name,
            "image": "example/app:1.2.3",
            "env": [{"name": "PASSWORD", "value": SECRET}],
            "volumeMounts": [{"name": "secret", "mountPath": "/secret"}],
            "ports": [{"name": "http", "containerPort": port, "protocol": "TCP"}],
            "livenessProbe": {
                "httpGet": {
                    "path": "/healthz",
                    "port": "http",
                    "scheme": "HTTP",
                    "httpHeaders": [{"name": "Authorization", "value": SECRET}],
                }
            },
        }
        for name in names
    ]


def proxy(*arguments: str) -> JSONObject:
    return {
        "name": "istio-proxy",
        "image": "proxyv2",
        "args": ["proxy", *arguments],
        "ports": [{"name": "http-envoy-prom", "containerPort": 15090}],
    }


def service(space: str, name: str, port: int = 80, **spec: JSON) -> JSONObject:
    ports = [{"name": "http", "port": port, "targetPort": 8080, "protocol": "TCP"}]
    given = {
        "clusterIP": "10.96.0.9",
        "clusterIPs": ["10.96.0.9"],
        "type": "ClusterIP",
        "selector": {"app": name},
        "ports": ports,
        **spec,
    }
    return live("Service", space, name, spec=given)


def deployment(space: str, name: str, *, labels: JSONObject | None = None) -> JSONObject:
    own = {"app": name, **(labels or {})}
    return live(
        "Deployment",
        space,
        name,
        spec={
            "replicas": 2,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": own, "annotations": {"checksum/secret": SECRET}},
                "spec": {"serviceAccountName": name, "containers": containers(name)},
            },
        },
        status={"readyReplicas": 2},
    )


def pods(owner: JSONObject, *proxies: JSONObject | None) -> list[JSONObject]:
    """A Deployment's ReplicaSet, and a pod for each proxy; None: a pod without one."""
    space, name = owner["metadata"]["namespace"], owner["metadata"]["name"]
    template = owner["spec"]["template"]
    made = f"{name}-7d4b9"
    found = [
        live("ReplicaSet", space, made, owner=("Deployment", name), spec={"template": template})
    ]
    for number, each in enumerate(proxies):
        spec = {**template["spec"], "containers": [*template["spec"]["containers"]]}
        if each:
            spec["containers"].append(each)
        own = {**template["metadata"]["labels"], "pod-template-hash": "7d4b9"}
        found.append(
            live(
                *("Pod", space, f"{made}-x{number}"),
                owner=("ReplicaSet", made),
                labels=own,
                spec=spec,
                status={"phase": "Running", "podIP": "10.0.0.1"},
            )
        )
    return found


def peer_authentication(space: str, name: str, mode: str, **more: JSON) -> JSONObject:
    return live("PeerAuthentication", space, name, spec={"mtls": {"mode": mode}}, **more)
