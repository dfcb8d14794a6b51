"""The lab's pods and services as Kubernetes objects: nothing schedules them, so they are given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from e2e.network import Pod
from meshgate.model import JSONObject

NODE = "node"
DOMAIN = "svc.cluster.local"


class Port(NamedTuple):
    """One port of a Service; Istio reads its protocol from the name."""

    name: str
    number: int
    target: int


class Service(NamedTuple):
    """A Service over pods of one namespace; `address` empty: it is headless.

    `external`: the host of a ServiceEntry, which no Service object stands for.
    """

    name: str
    pods: tuple[Pod, ...]
    ports: tuple[Port, ...]
    address: str = ""
    external: str = ""

    @property
    def namespace(self) -> str:
        """Where it is: with its pods."""
        return self.pods[0].namespace

    @property
    def host(self) -> str:
        """Its name for every client."""
        return self.external or f"{self.name}.{self.namespace}.{DOMAIN}"


def namespaces(pods: Iterable[Pod]) -> list[JSONObject]:
    """The pods' namespaces: all of them ask for sidecars."""
    return [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "labels": {"istio-injection": "enabled"}},
        }
        for name in dict.fromkeys(pod.namespace for pod in pods)
    ]


def workloads(pods: Iterable[Pod]) -> list[JSONObject]:
    """A node, and a service account and Pod object for each pod."""
    listed: list[JSONObject] = [{"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}}]
    for pod in pods:
        listed += [
            {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {"name": pod.name, "namespace": pod.namespace},
            },
            _pod(pod),
        ]
    return listed


def labels(pod: Pod) -> dict[str, str]:
    """A pod's labels, with those that injection adds."""
    own = {"app": pod.name, **({"group": pod.group} if pod.group else {})}
    if pod.gateway:
        own["istio"] = pod.name
    elif pod.sidecar:
        own["security.istio.io/tlsMode"] = "istio"
        own["service.istio.io/canonical-name"] = pod.name
    else:
        own["sidecar.istio.io/inject"] = "false"
    return own


def _pod(pod: Pod) -> JSONObject:
    containers: list[JSONObject] = [{"name": "app", "image": "app"}]
    annotations = {}
    if pod.gateway:
        containers = [{"name": "istio-proxy", "image": "proxyv2"}]
        annotations["inject.istio.io/templates"] = "gateway"
    elif pod.sidecar:
        containers.append({"name": "istio-proxy", "image": "proxyv2"})
        annotations["sidecar.istio.io/status"] = "{}"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": pod.name,
            "namespace": pod.namespace,
            "labels": labels(pod),
            "annotations": annotations,
        },
        "spec": {"nodeName": NODE, "serviceAccountName": pod.name, "containers": containers},
    }


def running(pod: Pod) -> JSONObject:
    """The status of a pod that a kubelet would report."""
    return {
        "status": {
            "phase": "Running",
            "podIP": pod.address,
            "podIPs": [{"ip": pod.address}],
            "conditions": [{"type": "Ready", "status": "True"}],
        }
    }


def services(listed: Iterable[Service]) -> list[JSONObject]:
    """Services with the EndpointSlices that a controller would make."""
    objects: list[JSONObject] = []
    for service in listed:
        if service.external:
            continue
        metadata = {"name": service.name, "namespace": service.namespace}
        objects += [
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": metadata,
                "spec": {
                    "clusterIP": service.address or "None",
                    "selector": selector(service),
                    "ports": [
                        {"name": port.name, "port": port.number, "targetPort": port.target}
                        for port in service.ports
                    ],
                },
            },
            _slice(service, metadata),
        ]
    return objects


def selector(service: Service) -> dict[str, str]:
    """One pod is selected by its own label, several by that of their group."""
    return (
        {"app": service.pods[0].name}
        if len(service.pods) == 1
        else {"group": service.pods[0].group}
    )


def _slice(service: Service, metadata: Mapping[str, str]) -> JSONObject:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            **metadata,
            "labels": {
                "kubernetes.io/service-name": service.name,
                "endpointslice.kubernetes.io/managed-by": "lab",
            },
        },
        "addressType": "IPv4",
        "ports": [
            {"name": port.name, "port": port.target, "protocol": "TCP"} for port in service.ports
        ],
        "endpoints": [
            {
                "addresses": [pod.address],
                "conditions": {"ready": True, "serving": True, "terminating": False},
                "nodeName": NODE,
                "targetRef": {"kind": "Pod", "name": pod.name, "namespace": pod.namespace},
            }
            for pod in service.pods
        ],
    }
