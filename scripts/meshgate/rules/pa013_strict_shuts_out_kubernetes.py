"""STRICT on a port that Kubernetes itself calls.

What it checks
    Ports in STRICT mode, of a workload with a sidecar that captures them, which an HTTP or gRPC
    probe asks while probe rewriting is off, or to which a webhook configuration, an APIService or
    the conversion of a CustomResourceDefinition sends the API server. Of a workload in ambient mode
    those of the API server: ztunnel lets kubelet in, and nobody else without a certificate.

    ```yaml
    kind: ValidatingWebhookConfiguration
    webhooks:
      - clientConfig: {service: {name: policy-webhook, namespace: tools}}    # tools is STRICT
    ```

Why it matters
    Kubelet and API server have no certificate of the mesh. The pod never gets ready, or every
    change of the kinds the webhook guards fails, which can stop a whole cluster.

How to fix
    Leave probe rewriting on. Take the webhook's port out of the mesh by
    `traffic.sidecar.istio.io/excludeInboundPorts`, or make that one port PERMISSIVE with a waiver;
    in ambient mode only the latter helps.

Known gaps
    A TCP probe succeeds whatever the mode, so it is left out. Custom resources that make webhooks
    are not known.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import DataPlane, Mesh, Mode, Workload
from meshgate.mesh.controllers import template_of
from meshgate.model import JSONObject, Resource, Severity
from meshgate.rules import peer_authentication as pa
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation

PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
REWRITE = "sidecar.istio.io/rewriteAppHTTPProbers"
WEBHOOKS = (
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
    "APIService",
    "CustomResourceDefinition",
)
HTTPS = 443
# What stands before a port and refuses the API server: ztunnel does as a sidecar does.
ENFORCING = frozenset({DataPlane.SIDECAR, DataPlane.AMBIENT})
# ztunnel captures every port; DISABLE is not a mode of ambient.
AMBIENT_FIX = "make this port PERMISSIVE in a policy that selects the workload, with a waiver"


def check(context: Context) -> Iterator[Violation]:
    mesh = context.mesh
    if mesh is None:
        return
    for workload in mesh.workloads:
        template = template_of(workload.resource)
        if workload.has_sidecar and not rewrites(mesh, template):
            for port, probe in sorted(probed(template)):
                why = f"its {probe} asks there without one, and is not rewritten"
                yield from shut_out(mesh, workload, port, why)
    for configuration in context.resources.of(*WEBHOOKS):
        yield from webhooks(mesh, configuration)


def rewrites(mesh: Mesh, template: JSONObject) -> bool:
    """Whether the sidecar answers probes for its pod."""
    annotations = (template.get("metadata") or {}).get("annotations") or {}
    stated = annotations.get(REWRITE)
    return mesh.facts.rewrite_app_http_probe if stated is None else str(stated).lower() == "true"


def probed(template: JSONObject) -> set[tuple[int, str]]:
    """The ports that kubelet asks by HTTP or gRPC, with the probe."""
    found = set()
    for container in (template.get("spec") or {}).get("containers") or ():
        names = {
            port.get("name"): port.get("containerPort") for port in container.get("ports") or ()
        }
        for probe in PROBES:
            asks = container.get(probe) or {}
            port = (asks.get("httpGet") or asks.get("grpc") or {}).get("port")
            number = names.get(port, port)
            if isinstance(number, int):
                found.add((number, probe))
    return found


def webhooks(mesh: Mesh, configuration: Resource) -> Iterator[Violation]:
    """The STRICT ports that the API server is sent to."""
    for told, target in called_by_api_server(configuration):
        namespace = target.get("namespace") or ""
        try:
            service = mesh.service(
                f"{target.get('name')}.{namespace}.svc.{mesh.facts.cluster_domain}", namespace
            )
        except LookupError:
            continue
        for endpoint in service.endpoints.get(target.get("port") or HTTPS, ()):
            if endpoint.workload is not None and endpoint.workload.plane in ENFORCING:
                yield from shut_out(
                    mesh,
                    endpoint.workload,
                    endpoint.port,
                    f"the API server calls it for {configuration} and has none",
                    RelatedResource(configuration, told, "webhooks"),
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


def shut_out(
    mesh: Mesh, workload: Workload, port: int, why: str, *related: RelatedResource
) -> Iterator[Violation]:
    """The finding on one port, if it is STRICT."""
    mode = mesh.mode_at(workload, port)
    policy = mode.decided_by.policy
    if mode.mode is Mode.STRICT and mode.captured and policy is not None:
        yield Violation(
            policy,
            pa.port_path(policy, port),
            f"STRICT wants a certificate of the mesh on {workload}:{port}: {why}",
            fix=AMBIENT_FIX if workload.plane is DataPlane.AMBIENT else "",
            related=(RelatedResource(workload.resource, "is the server"), *related),
            key=f"{workload}:{port}",
        )


RULE = Rule(
    id="PA013",
    name="strict-shuts-out-kubernetes",
    severity=Severity.ERROR,
    summary="STRICT on a port that kubelet's probes or the API server's webhooks call.",
    fix="leave probe rewriting on; exclude a webhook's port from capture, or make it PERMISSIVE",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset(WEBHOOKS),
    check=check,
)
