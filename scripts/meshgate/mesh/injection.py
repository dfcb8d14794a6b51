"""Which data plane a pod gets: the decisions of Istio's injection webhook."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Struct

from meshgate.mesh.catalog import REVISION_LABEL, Namespace
from meshgate.mesh.selectors import Labels
from meshgate.mesh.terms import DataPlane
from meshgate.model import JSON, JSONObject, MeshFacts

INJECT = "sidecar.istio.io/inject"
INJECTION = "istio-injection"
DATA_PLANE_MODE = "istio.io/dataplane-mode"
_TEMPLATES = "inject.istio.io/templates"
PROXY = "istio-proxy"
# What the webhook, or `istioctl kube-inject`, leaves on a pod that it gave a sidecar.
STATUS = "sidecar.istio.io/status"
# The node proxy of ambient mode, whose container is named like a sidecar.
_ZTUNNEL = "ztunnel"
_NAMES = ("app", "app.kubernetes.io/name")
_INFRASTRUCTURE = frozenset({_ZTUNNEL, "istiod", "istio-cni", "istio-cni-node"})
# What the webhooks without a revision inject; a tag of this name may stand for another one.
DEFAULT_REVISION = "default"
# inject.IgnoredNamespaces
IGNORED = frozenset({"kube-system", "kube-public", "kube-node-lease", "local-path-storage"})


class Membership(NamedTuple):
    """A pod's data plane; `reason` says why it is not known."""

    plane: DataPlane
    reason: str = ""


SIDECAR = Membership(DataPlane.SIDECAR)
NONE = Membership(DataPlane.NONE)
GATEWAY = Membership(DataPlane.GATEWAY)
AMBIENT = Membership(DataPlane.AMBIENT)


class PodMeta(Struct, frozen=True):
    """What injection reads of a pod.

    `known` None: the inventory has no Namespace object, so that only the pod's own labels count.
    """

    namespace: str
    known: Namespace | None
    labels: Labels
    annotations: Labels


def membership(meta: PodMeta, pod: JSONObject, facts: MeshFacts) -> Membership:
    """The data plane of a pod.

    Follows the webhook's selectors (istio-discovery mutatingwebhook.yaml) and
    inject.injectRequired. What a proxy container that is already there is set to be settles it;
    its mere name does not, where labels or the host's network keep sidecars out.
    """
    there = _already_there(meta, pod)
    if there is not None:
        return there
    if pod.get("hostNetwork") is True or meta.namespace in IGNORED:
        return NONE
    injected = _injected(meta, facts)
    if injected is None:
        return Membership(DataPlane.UNKNOWN, no_namespace(meta.namespace))
    if injected:
        return _by_template(meta.annotations.get(_TEMPLATES, ""))
    return AMBIENT if _ambient(meta) else NONE


def revision(meta: PodMeta, plane: DataPlane) -> str:
    """The revision, or tag, whose webhook gives a pod its proxy; empty: it is that of ztunnel.

    `istio-injection` of the namespace decides before `istio.io/rev` there, and that before the
    pod's own (istio-discovery mutatingwebhook.yaml). A pod that was injected says whose it is.
    """
    if plane not in {DataPlane.SIDECAR, DataPlane.GATEWAY}:
        return ""
    own = meta.labels.get(REVISION_LABEL, "")
    if own and STATUS in meta.annotations:
        return own
    labels = meta.known.labels if meta.known is not None else {}
    if INJECTION in labels:
        return DEFAULT_REVISION
    return labels.get(REVISION_LABEL, "") or own or DEFAULT_REVISION


def is_infrastructure(labels: Labels) -> bool:
    """Whether pods are the mesh's own: the control plane, the node proxy, the CNI plugin."""
    return any(labels.get(key) in _INFRASTRUCTURE for key in (*_NAMES, "k8s-app"))


def no_namespace(name: str) -> str:
    """Why nobody knows whether the workloads of a namespace get sidecars."""
    return f"the inventory has no Namespace {name}, whose labels decide on sidecars"


def _already_there(meta: PodMeta, pod: JSONObject) -> Membership | None:
    """What a proxy container of the pod is; None: it has none that says so."""
    proxy = _proxy_container(pod)
    if proxy is None:
        return None
    arguments = {str(item) for item in proxy.get("args") or ()}
    if _ZTUNNEL in arguments or _ZTUNNEL in {meta.labels.get(key) for key in _NAMES}:
        return NONE
    if {"router", "waypoint"} & arguments:
        return GATEWAY
    return SIDECAR if STATUS in meta.annotations or not _is_left_out(meta, pod) else None


def _is_left_out(meta: PodMeta, pod: JSONObject) -> bool:
    """Whether labels, annotations or the host's network speak against a sidecar."""
    setting = meta.labels.get(INJECT, meta.annotations.get(INJECT))
    return (
        setting == "false"
        or meta.labels.get(DATA_PLANE_MODE) == "none"
        or pod.get("hostNetwork") is True
        or meta.namespace in IGNORED
    )


def _by_template(templates: str) -> Membership:
    if "gateway" in templates:
        return GATEWAY
    if "grpc-" in templates:
        return Membership(
            DataPlane.UNKNOWN, "proxyless gRPC: the application decides on TLS by itself"
        )
    return SIDECAR


def _injected(meta: PodMeta, facts: MeshFacts) -> bool | None:
    namespace, own, annotations = meta.known, meta.labels, meta.annotations
    label = own.get(INJECT)
    if facts.distribution == "ossm2":
        # OpenShift Service Mesh 2 injects only what asks for it.
        return (label or annotations.get(INJECT)) == "true"
    if label == "false":
        return False
    if namespace is None:
        return True if label == "true" or REVISION_LABEL in own else None
    called = _injects(namespace.labels)
    if called is None:
        called = label == "true" or REVISION_LABEL in own
    # injectRequired: the label decides before the annotation, anything else is the default.
    setting = label if label is not None else annotations.get(INJECT, "")
    return called and setting != "false"


def injects(namespace: Labels, facts: MeshFacts) -> bool:
    """Whether pods of a namespace with these labels get a sidecar unless they say otherwise."""
    # OpenShift Service Mesh 2 injects only what asks for it.
    return facts.distribution != "ossm2" and bool(_injects(namespace))


def _injects(namespace: Labels) -> bool | None:
    """What the labels of a namespace say on injection; None: nothing, so the pod's own decide."""
    injection = namespace.get(INJECTION)
    if injection is not None:
        return injection == "enabled"
    return True if REVISION_LABEL in namespace else None


def _ambient(meta: PodMeta) -> bool:
    mode = meta.labels.get(DATA_PLANE_MODE)
    if mode is None and meta.known is not None:
        mode = meta.known.labels.get(DATA_PLANE_MODE)
    return mode == "ambient"


def _proxy_container(pod: JSONObject) -> JSONObject | None:
    """The proxy that was injected; a container with image `auto` only asks for one."""
    for container in containers(pod):
        if container.get("name") == PROXY and container.get("image") != "auto":
            return container
    return None


def containers(pod: JSONObject) -> Iterator[JSONObject]:
    """The pod's containers, then its init containers that keep running."""
    for key in ("containers", "initContainers"):
        items: JSON = pod.get(key)
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict) and (
                key == "containers" or item.get("restartPolicy") == "Always"
            ):
                yield item
