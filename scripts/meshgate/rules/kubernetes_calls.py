"""The ports that Kubernetes itself calls without a certificate of the mesh: probes and webhooks."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

from msgspec import Struct

from meshgate.mesh import Mesh, Workload, hosts
from meshgate.mesh.controllers import template_of
from meshgate.mesh.injection import PROXY, containers
from meshgate.model import JSONObject, Resource, ResourceIndex
from meshgate.rules.rule import RelatedResource
from meshgate.rules.wording import listed
from meshgate.wording import agree

PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
# Of `lifecycle`: kubelet asks there as its probes do, and their rewriting is that of probes.
HOOKS = ("postStart", "preStop")
REWRITE = "sidecar.istio.io/rewriteAppHTTPProbers"
WEBHOOKS = (
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
    "APIService",
    "CustomResourceDefinition",
)
HTTPS = 443
# strconv.ParseBool
_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})
# Where kubelet's probes of ambient pods seem to come from (HOST_PROBE_SNAT_IP of istio-cni).
PROBE_ADDRESS = "169.254.7.127"


class KubernetesCall(Struct, frozen=True):
    """A port of a workload with a sidecar that kubelet or the API server calls in its own way."""

    workload: Workload
    port: int
    why: str
    # Of a webhook: the configuration that sends the API server there.
    related: tuple[RelatedResource, ...] = ()

    @property
    def is_probe(self) -> bool:
        """Whether kubelet calls, and not the API server."""
        return not self.related


# Several rules, and several findings of one, ask for the same mesh.
@functools.lru_cache(maxsize=4)
def kubernetes_calls(mesh: Mesh, resources: ResourceIndex) -> tuple[KubernetesCall, ...]:
    """All of them, probes first."""
    return tuple(_calls(mesh, resources))


def _calls(mesh: Mesh, resources: ResourceIndex) -> Iterator[KubernetesCall]:
    for workload in mesh.workloads:
        template = template_of(workload.resource)
        if workload.has_sidecar and not rewrites(mesh, template):
            ports: dict[int, list[str]] = {}
            for port, probe in sorted(probed(template)):
                ports.setdefault(port, []).append(probe)
            for port, probes in ports.items():
                asks = f"its {' and '.join(probes)} {agree(len(probes), 'asks', 'ask')}"
                tail = agree(len(probes), "is not rewritten", "are not rewritten")
                yield KubernetesCall(workload, port, f"{asks} there without one, and {tail}")
    for configuration in resources.of(*WEBHOOKS):
        yield from _webhooks(mesh, configuration)


def whom_strict_shuts_out(
    mesh: Mesh, resources: ResourceIndex, decided: Callable[[KubernetesCall], bool]
) -> str:
    """What a fix that makes a mode STRICT adds: whom PA013 then keeps out; empty: nobody.

    `decided` says whether the mode is that of the port which Kubernetes calls.
    """
    called = [
        f"{each.workload}:{each.port}"
        for each in kubernetes_calls(mesh, resources)
        if decided(each)
    ]
    return f"; Kubernetes calls {listed(called)} without a certificate (PA013)" if called else ""


def rewrites(mesh: Mesh, template: JSONObject) -> bool:
    """Whether the sidecar answers probes for its pod."""
    stated = _stated(template)
    return mesh.facts.rewrite_app_http_probe if stated is None else stated


def is_switched_off(workload: Workload) -> bool:
    """Whether an annotation of its pods turns the rewriting of probes off."""
    return _stated(template_of(workload.resource)) is False


def _stated(template: JSONObject) -> bool | None:
    """What the annotation of pods says; None: nothing, or what is no boolean to Istio."""
    annotations = (template.get("metadata") or {}).get("annotations") or {}
    stated = str(annotations.get(REWRITE, ""))
    return stated in _TRUE if stated in _TRUE | _FALSE else None


def probed(template: JSONObject) -> set[tuple[int, str]]:
    """The ports that kubelet asks by HTTP or gRPC, with the probe."""
    return {
        (number, probe)
        for container in containers(template.get("spec") or {})
        if container.get("name") != PROXY
        for probe in (*PROBES, *HOOKS)
        if (number := asked_port(container, probe)) is not None
    }


def all_probed(template: JSONObject) -> set[int]:
    """The ports that kubelet asks, be it by a connection alone."""
    numbers = {number for number, _ in probed(template)}
    for container in containers(template.get("spec") or {}):
        for probe in PROBES:
            port = ((container.get(probe) or {}).get("tcpSocket") or {}).get("port")
            if isinstance(port, int):
                numbers.add(port)
    return numbers


def asked_port(container: JSONObject, probe: str) -> int | None:
    """The number of the port that an HTTP or gRPC probe or hook asks; None: there is none.

    One that names a host asks that host, not the pod.
    """
    asks = (container if probe in PROBES else container.get("lifecycle") or {}).get(probe) or {}
    asked = asks.get("httpGet") or asks.get("grpc") or {}
    if asked.get("host"):
        return None
    port = asked.get("port")
    if isinstance(port, str):
        # The name of a port of the same container; a port without a name is none of them.
        for each in container.get("ports") or ():
            if each.get("name") == port and isinstance(each.get("containerPort"), int):
                return int(each["containerPort"])
        return int(port) if port.isdigit() else None
    return port if isinstance(port, int) else None


def _webhooks(mesh: Mesh, configuration: Resource) -> Iterator[KubernetesCall]:
    """The ports that the API server is sent to."""
    for about, target in called_by_api_server(configuration):
        namespace = target.get("namespace") or ""
        try:
            service = mesh.service(
                hosts.of_service(str(target.get("name")), namespace, mesh.facts.cluster_domain),
                namespace,
            )
        except LookupError:
            continue
        for endpoint in service.endpoints.get(target.get("port") or HTTPS, ()):
            if endpoint.workload is not None:
                yield KubernetesCall(
                    endpoint.workload,
                    endpoint.port,
                    f"the API server calls it for {configuration} and has none",
                    (RelatedResource(configuration, about, "webhooks"),),
                )


def called_by_api_server(configuration: Resource) -> Iterator[tuple[str, JSONObject]]:
    """The services that the API server calls for an object, each with what it is for."""
    for webhook in configuration.value.get("webhooks") or ():
        target = (webhook.get("clientConfig") or {}).get("service")
        if target:
            yield f"webhook {webhook.get('name')}", target
    if configuration.kind == "APIService" and configuration.spec.get("service"):
        yield "is served there", configuration.spec["service"]
    conversion = configuration.spec.get("conversion") or {}
    client = (conversion.get("webhook") or {}).get("clientConfig") or {}
    if client.get("service"):
        yield "is converted there", client["service"]
