"""STRICT on a port that Kubernetes itself calls.

What it checks
    Ports in STRICT mode, of a workload with a sidecar that captures them, which an HTTP or gRPC
    probe or an HTTP hook of `lifecycle` asks while probe rewriting is off, or to which a webhook
    configuration, an APIService or the conversion of a CustomResourceDefinition sends the API
    server. Of a workload in ambient mode those of the API server: ztunnel lets kubelet in, and
    nobody else without a certificate.

    ```yaml
    kind: ValidatingWebhookConfiguration
    webhooks:
      - clientConfig: {service: {name: policy-webhook, namespace: tools}}    # tools is STRICT
    ```

Why it matters
    Kubelet and API server have no certificate of the mesh. The pod never gets ready, or every
    change of the kinds the webhook guards fails, which can stop a whole cluster.

How to fix
    Leave probe rewriting on. Make the webhook's one port PERMISSIVE, with a waiver for PA002, which
    tells of it from then on. Taking the port out of the sidecar's hands
    (`traffic.sidecar.istio.io/excludeInboundPorts`) lets the API server in, too, and breaks the
    calls of clients with a sidecar: auto mTLS does not look at that annotation.

Known gaps
    A TCP probe succeeds whatever the mode, so it is left out, and so is one that names a host: it
    asks that host, not the pod. Custom resources that make webhooks
    are not known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshgate.mesh import DataPlane, Mode
from meshgate.model import Severity
from meshgate.rules import peer_authentication as pa
from meshgate.rules.context import Context
from meshgate.rules.kubernetes_calls import (
    REWRITE,
    WEBHOOKS,
    KubernetesCall,
    is_switched_off,
    kubernetes_calls,
)
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, SharedCause, Violation
from meshgate.rules.wording import listed

TAKING = frozenset({DataPlane.SIDECAR, DataPlane.AMBIENT})


def check(context: Context) -> Iterator[Violation]:
    mesh = context.mesh
    if mesh is None:
        return
    for call in kubernetes_calls(mesh, context.resources):
        mode = mesh.mode_at(call.workload, call.port)
        policy = mode.decided_by.policy
        if (
            call.workload.plane in TAKING
            and mode.mode is Mode.STRICT
            and mode.captured
            and policy is not None
        ):
            server = f"{call.workload}:{call.port}"
            yield Violation(
                policy,
                pa.port_path(policy, call.port),
                f"STRICT wants a certificate of the mesh on {server}: {call.why}",
                fix=fix(call),
                related=(RelatedResource(call.workload.resource, "is the server"), *call.related),
                key=server,
                group=SharedCause(
                    f"{policy.ref} probes",
                    server,
                    several_probes,
                    "leave probe rewriting on, so that the sidecars answer the probes",
                )
                if call.is_probe
                else None,
            )


def several_probes(names: Sequence[str]) -> str:
    """The message on the probes of several ports."""
    return (
        f"STRICT wants a certificate of the mesh on {len(names)} ports that probes ask without "
        f"one, and the probes are not rewritten: {listed(names)}"
    )


def fix(call: KubernetesCall) -> str:
    """What lets Kubernetes in and keeps everybody else under STRICT."""
    if call.is_probe:
        how = "leave probe rewriting on"
        if is_switched_off(call.workload):
            how = f"remove the annotation {REWRITE} from its pods"
        return f"let the sidecar answer the probes of {call.workload}: {how}"
    return (
        f"make port {call.port} of {call.workload} PERMISSIVE by portLevelMtls, with a waiver for "
        "PA002: nothing else lets the API server in and keeps the calls of the mesh working"
    )


RULE = Rule(
    id="PA013",
    name="strict-shuts-out-kubernetes",
    severity=Severity.ERROR,
    summary="STRICT on a port that kubelet's probes or the API server's webhooks call.",
    fix="leave probe rewriting on; make a webhook's port PERMISSIVE, with a waiver",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset(WEBHOOKS),
    check=check,
)
