"""The workloads and Services of a mesh: their manifests, and what a case tells of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from meshgate.model import JSONObject


@dataclass(slots=True)
class Workload:
    """One Pod, one controller with one pod, or a WorkloadEntry."""

    namespace: str
    name: str
    kind: str
    labels: dict[str, str]
    ports: list[tuple[str, int]]
    ip: str
    sidecar: bool
    annotations: dict[str, str] = field(default_factory=dict)
    gateway: bool = False
    ambient: bool = False
    ready: bool = True

    @property
    def reference(self) -> dict[str, str]:
        """How clients and direct calls name it."""
        return {"namespace": self.namespace, "name": self.name}


@dataclass(slots=True)
class Service:
    """A Service and where its ports lead, for policies that speak of it."""

    namespace: str
    name: str
    ports: list[int]


def object_of(workload: Workload) -> JSONObject:
    """The Pod or Deployment of a workload."""
    metadata: JSONObject = {"labels": workload.labels}
    if workload.annotations:
        metadata["annotations"] = workload.annotations
    containers = [
        {
            "name": "app",
            "image": "app",
            "ports": [{"name": n, "containerPort": p} for n, p in workload.ports],
        }
    ]
    named = {"name": workload.name, "namespace": workload.namespace}
    if workload.kind == "Pod":
        pod: JSONObject = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {**named, **metadata},
            "spec": {"containers": containers},
        }
        if not workload.ready:
            conditions = [{"type": "Ready", "status": "False"}]
            pod["status"] = {"phase": "Running", "conditions": conditions}
        return pod
    identity = {k: v for k, v in workload.labels.items() if k in {"app", "version", "istio"}}
    return {
        "apiVersion": "apps/v1",
        "kind": workload.kind,
        "metadata": named,
        "spec": {
            "selector": {"matchLabels": identity},
            "template": {"metadata": metadata, "spec": {"containers": containers}},
        },
    }


def fact_of(workload: Workload) -> JSONObject:
    """What a case says of a workload beside its object."""
    found: JSONObject = {
        "namespace": workload.namespace,
        "name": workload.name,
        "kind": workload.kind,
        "sidecar": workload.sidecar,
        "ip": workload.ip,
        "labels": workload.labels,
        "ports": [{"name": name, "port": port} for name, port in workload.ports],
    }
    if workload.gateway or workload.ambient:
        found["plane"] = "gateway" if workload.gateway else "ambient"
    if not workload.ready:
        found["ready"] = False
    return found
