"""Pods whose traffic may pass by their proxy, or whose proxy is not the usual one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from meshgate.mesh.terms import DataPlane
from meshgate.mesh.unread.texts import deciding_keys, mapping
from meshgate.model import JSON, JSONObject

# The user and group of the proxy, whose traffic is not captured (istio-iptables).
PROXY_USER = 1337
_PROXY_CONTAINERS = frozenset({"istio-proxy", "istio-init", "istio-validation"})
_CAPTURE = "traffic.sidecar.istio.io/"
# Annotations on capture that are modelled (Workload.captures, Workload.uncaptured_outbound), or
# looked at below; any other may decide anything.
_READ = frozenset(
    {
        "excludeInboundPorts",
        "excludeOutboundIPRanges",
        "excludeOutboundPorts",
        "includeInboundPorts",
        "includeOutboundIPRanges",
        "includeOutboundPorts",
    }
)
_DECIDING = frozenset({"istio.io/reroute-virtual-interfaces", "sidecar.istio.io/bootstrapOverride"})
_TEMPLATES = frozenset({"sidecar", "gateway", "grpc-agent", "grpc-simple"})
_CAPTURING_MODES = frozenset({"", "REDIRECT", "TPROXY"})


class PodDoubts(NamedTuple):
    """Why it is not known what a pod's proxy takes, and what it sends; empty: it is.

    Each goes on after the name of the workload, or `it`.
    """

    server: str = ""
    client: str = ""


NO_DOUBTS = PodDoubts()


def doubts(pod: JSONObject, annotations: Mapping[str, str], plane: DataPlane) -> PodDoubts:
    """What of a pod the model does not read. `pod` is its spec."""
    if plane is DataPlane.AMBIENT:
        return PodDoubts(next(_at_ztunnel(annotations), ""))
    if plane is not DataPlane.SIDECAR:
        return NO_DOUBTS
    both = next(_proxy(pod, annotations), "")
    return PodDoubts(both, both or next(_outbound(pod, annotations), ""))


def _at_ztunnel(annotations: Mapping[str, str]) -> Iterator[str]:
    """Why it is not known what ztunnel takes for it."""
    if annotations.get("ambient.istio.io/bypass-inbound-capture") == "true":
        yield "takes what comes in past ztunnel"


def _proxy(pod: JSONObject, annotations: Mapping[str, str]) -> Iterator[str]:
    """Why neither end is known."""
    if pod.get("hostNetwork") is True:
        yield "has a sidecar on the host's network, where nothing is captured"
    if not annotations:
        return
    mode = annotations.get("sidecar.istio.io/interceptionMode", "")
    if mode not in _CAPTURING_MODES:
        yield f"has interceptionMode {mode}, which captures nothing"
    for key in sorted(annotations):
        captures = key.startswith(_CAPTURE) and key.removeprefix(_CAPTURE) not in _READ
        if annotations[key] and (captures or key in _DECIDING):
            yield f"has annotation {key}, which decides what its sidecar is or captures"
    unknown = sorted(set(_names(annotations.get("inject.istio.io/templates"))) - _TEMPLATES)
    if unknown:
        yield f"asks for injection template {unknown[0]}, which decides what its sidecar is"
    yield from _proxy_config(annotations.get("proxy.istio.io/config", ""))


def _proxy_config(text: str) -> Iterator[str]:
    config = mapping(text, "proxy.istio.io/config")
    if config is None:
        yield "has an annotation proxy.istio.io/config that cannot be read"
    elif keys := deciding_keys(config):
        yield f"sets {', '.join(keys)} of its sidecar by annotation proxy.istio.io/config"


def _outbound(pod: JSONObject, annotations: Mapping[str, str]) -> Iterator[str]:
    """Why it is not known what it sends."""
    if annotations.get(f"{_CAPTURE}includeOutboundIPRanges", "*") != "*":
        yield f"has annotation {_CAPTURE}includeOutboundIPRanges, which leaves calls uncaptured"
    if annotations.get(f"{_CAPTURE}excludeOutboundIPRanges"):
        yield f"has annotation {_CAPTURE}excludeOutboundIPRanges, which leaves calls uncaptured"
    for container in _containers(pod):
        is_said = "securityContext" in container or "securityContext" in pod
        if is_said and PROXY_USER in _identity(pod, container):
            yield (f"runs a container as user or group {PROXY_USER}, whose calls are not captured")


def _identity(pod: JSONObject, container: JSONObject) -> set[object]:
    """The user and the group that a container runs as."""
    own, common = (_object(each.get("securityContext")) for each in (container, pod))
    return {
        own[key] if own.get(key) is not None else common.get(key)
        for key in ("runAsUser", "runAsGroup")
    }


def _containers(pod: JSONObject) -> Iterator[JSONObject]:
    """The containers that may call, those that run before the others included."""
    for key in ("containers", "initContainers"):
        items: JSON = pod.get(key)
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict) and item.get("name") not in _PROXY_CONTAINERS:
                yield item


def _names(text: str | None) -> Iterator[str]:
    yield from (part.strip() for part in (text or "").split(",") if part.strip())


def _object(value: JSON) -> JSONObject:
    return value if isinstance(value, dict) else {}
