"""Workloads: the clients and servers of the mesh."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from msgspec import Struct, field

from meshgate.mesh import injection, selectors
from meshgate.mesh.catalog import Catalog, Namespace, namespace_of
from meshgate.mesh.controllers import Controller, controllers, is_ready
from meshgate.mesh.injection import Membership, PodMeta
from meshgate.mesh.selectors import Labels
from meshgate.mesh.terms import DataPlane
from meshgate.mesh.unread.pods import NO_DOUBTS, PodDoubts, doubts
from meshgate.model import JSON, JSONObject, MeshFacts, Resource

TLS_MODE = "security.istio.io/tlsMode"
# The agent's own ports, which are never redirected to the sidecar.
AGENT_PORTS = frozenset({15020, 15021, 15090})
_GATEWAY_LABELS = frozenset({"ingressgateway", "egressgateway", "eastwestgateway"})
_GATEWAY_GROUP = "gateway.networking.k8s.io"
GATEWAY_API = f"{_GATEWAY_GROUP}/gateway-name"
# Classes of Gateways that are waypoints, and what istiod writes to their pods.
_WAYPOINT_CLASSES = frozenset({"istio-waypoint"})
_MANAGED = "gateway.istio.io/managed"
_WAYPOINT_CONTROLLER = "istio.io-mesh-controller"
_ANNOTATION = "traffic.sidecar.istio.io/"


class ContainerPort(Struct, frozen=True):
    """A port that a pod declares."""

    name: str
    number: int
    protocol: str = "TCP"


class Workload(Struct, eq=False):
    """A Deployment, StatefulSet, DaemonSet, Job, CronJob, lone Pod or WorkloadEntry.

    `labels` are those of its pods, with the labels that injection adds. Compared by identity.
    """

    namespace: str
    name: str
    kind: str
    labels: Labels
    ports: tuple[ContainerPort, ...]
    plane: DataPlane
    service_account: str
    resource: Resource
    annotations: Labels = field(default_factory=dict)
    # The revision, or tag, whose control plane its proxies ask; empty: that of ztunnel, or none.
    revision: str = ""
    # Why `plane` is unknown.
    plane_reason: str = ""
    # False: its pods run, and none is ready.
    ready: bool = True
    pods: tuple[str, ...] = ()
    # Whether its pods are in the node's network.
    on_host: bool = False
    # Whether its pods are a waypoint, which is a gateway that judges calls to others.
    is_waypoint: bool = False
    # Why it is not known what its proxy takes and sends, for what its pods are.
    doubts: PodDoubts = NO_DOUBTS

    @property
    def has_sidecar(self) -> bool:
        """Whether a sidecar stands before its ports."""
        return self.plane is DataPlane.SIDECAR

    @property
    def is_proxied(self) -> bool:
        """Whether DestinationRules decide on what it sends."""
        return self.plane in {DataPlane.SIDECAR, DataPlane.GATEWAY}

    def captures(self, port: int) -> bool:
        """Whether inbound traffic to this port reaches the sidecar."""
        if port in AGENT_PORTS:
            return False
        excluded = self.annotations.get(f"{_ANNOTATION}excludeInboundPorts")
        if excluded and port in _ports(excluded):
            return False
        included = self.annotations.get(f"{_ANNOTATION}includeInboundPorts", "*")
        return included == "*" or port in _ports(included)

    @property
    def uncaptured_inbound(self) -> frozenset[int]:
        """The ports that an annotation keeps from the sidecar by their number."""
        excluded = self.annotations.get(f"{_ANNOTATION}excludeInboundPorts")
        return _ports(excluded) if excluded else frozenset()

    @property
    def uncaptured_outbound(self) -> frozenset[int]:
        """Destination ports whose calls bypass the sidecar."""
        excluded = self.annotations.get(f"{_ANNOTATION}excludeOutboundPorts")
        return _ports(excluded) if excluded else frozenset()

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def workloads(catalog: Catalog, facts: MeshFacts) -> list[Workload]:
    """Every workload of the inventory, sorted by namespace, name and kind."""
    gateways = [
        selector
        for gateway in catalog.of("Gateway")
        if (selector := selectors.labels(gateway.spec.get("selector")))
    ]
    waypoints = {
        (namespace_of(gateway), gateway.name)
        for gateway in catalog.of_group(_GATEWAY_GROUP, "Gateway")
        if str(gateway.spec.get("gatewayClassName")) in _WAYPOINT_CLASSES
    }
    listed = [
        _workload(
            controller,
            catalog.namespaces.get(controller.namespace),
            gateways,
            facts,
            waypoints=waypoints,
        )
        for controller in controllers(catalog)
    ]
    return sorted(listed, key=lambda each: (each.namespace, each.name, each.kind))


def _workload(
    controller: Controller,
    namespace: Namespace | None,
    gateways: Iterable[Labels],
    facts: MeshFacts,
    *,
    waypoints: Collection[tuple[str, str]],
) -> Workload:
    metadata = _object(controller.template.get("metadata"))
    pod = _object(controller.template.get("spec"))
    own = selectors.labels(metadata.get("labels"))
    annotations = selectors.labels(metadata.get("annotations"))
    meta = PodMeta(controller.namespace, namespace, own, annotations)
    plane, reason = injection.membership(meta, pod, facts)
    if controller.pods and controller.kind != "Pod":
        plane, reason = _observed(controller, namespace, facts)
    if plane is not DataPlane.GATEWAY and _is_gateway(own, pod, plane, gateways):
        plane, reason = injection.GATEWAY
    revisions = {
        injection.revision(each, plane) for each in _observed_metas(controller, namespace) or [meta]
    }
    if plane is DataPlane.SIDECAR:
        own = {**own, **_injected_labels(own, controller.name)}
    return Workload(
        namespace=controller.namespace,
        name=controller.name,
        kind=controller.kind,
        labels=own,
        ports=tuple(_container_ports(pod)),
        plane=plane,
        service_account=str(pod.get("serviceAccountName") or "default"),
        resource=controller.resource,
        annotations=annotations,
        revision=" or ".join(sorted(revisions)),
        plane_reason=reason,
        ready=not controller.pods or any(is_ready(pod) for pod in controller.pods),
        pods=tuple(pod.name for pod in controller.pods),
        on_host=pod.get("hostNetwork") is True,
        is_waypoint=plane is DataPlane.GATEWAY
        and (
            own.get(_MANAGED) == _WAYPOINT_CONTROLLER
            or (controller.namespace, own.get(GATEWAY_API, "")) in waypoints
        ),
        doubts=doubts(pod, annotations, plane),
    )


def _observed(controller: Controller, namespace: Namespace | None, facts: MeshFacts) -> Membership:
    """The data plane of the pods that run, which may be older than the namespace's labels."""
    metas = _observed_metas(controller, namespace)
    seen = {
        injection.membership(meta, _object(pod.value.get("spec")), facts)
        for meta, pod in zip(metas, controller.pods, strict=True)
    }
    if len(seen) == 1:
        return seen.pop()
    return Membership(DataPlane.UNKNOWN, "some of its pods have a sidecar and some have none")


def _observed_metas(controller: Controller, namespace: Namespace | None) -> list[PodMeta]:
    """What injection read of each pod that runs."""
    return [
        PodMeta(
            controller.namespace,
            namespace,
            selectors.labels(pod.labels),
            selectors.labels(pod.annotations),
        )
        for pod in controller.pods
    ]


def _is_gateway(own: Labels, pod: JSONObject, plane: DataPlane, gateways: Iterable[Labels]) -> bool:
    """Whether the pods are a gateway, by their labels or since a Gateway selects them.

    istiod gives Gateways to routers alone: what injection makes a sidecar stays one, whatever
    selects it. An inventory need not show the proxy of a gateway that nothing injects.
    """
    if any(container.get("name") == "istio-proxy" for container in injection.containers(pod)):
        return False
    if own.get("istio") in _GATEWAY_LABELS or GATEWAY_API in own:
        return True
    return plane is not DataPlane.SIDECAR and any(
        selectors.matches(selector, own) for selector in gateways
    )


def _injected_labels(own: Labels, name: str) -> Labels:
    """The labels that the injection template adds."""
    return {
        TLS_MODE: own.get(TLS_MODE, "istio"),
        "service.istio.io/canonical-name": own.get("service.istio.io/canonical-name")
        or own.get("app.kubernetes.io/name")
        or own.get("app")
        or name,
        "service.istio.io/canonical-revision": own.get("service.istio.io/canonical-revision")
        or own.get("app.kubernetes.io/version")
        or own.get("version")
        or "latest",
    }


def _container_ports(pod: JSONObject) -> Iterator[ContainerPort]:
    for container in injection.containers(pod):
        ports: JSON = container.get("ports")
        for port in ports if isinstance(ports, list) else ():
            if isinstance(port, dict) and isinstance(port.get("containerPort"), int):
                yield ContainerPort(
                    str(port.get("name") or ""),
                    port["containerPort"],
                    str(port.get("protocol") or "TCP"),
                )


def _ports(text: str) -> frozenset[int]:
    return frozenset(int(part) for part in text.replace(" ", "").split(",") if part.isdigit())


def _object(value: JSON) -> JSONObject:
    return value if isinstance(value, dict) else {}
