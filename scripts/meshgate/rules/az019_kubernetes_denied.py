"""A policy denies what Kubernetes itself calls.

What it checks
    Ports that a webhook configuration, an APIService or the conversion of a
    CustomResourceDefinition sends the API server to, and those that probes and hooks ask while
    probe rewriting is off: whether AuthorizationPolicies let in a caller that proves no identity.

    ```yaml
    kind: AuthorizationPolicy
    metadata: {name: own, namespace: tools}      # its webhook is called by the API server
    spec:
      rules:
      - from: [{source: {namespaces: [tools]}}]
    ```

Why it matters
    Kubelet and API server have no certificate of the mesh, so no rule that asks for an identity
    lets them in, whatever the mode of the port is. The pod never gets ready, or every change of the
    kinds the webhook guards fails, which can stop a whole cluster.

How to fix
    Allow the one port without asking who calls: `to: [{operation: {ports: ["9443"]}}]` in a rule
    without `from`, for the workload alone. Everybody may then call the port.

Known gaps
    Where some requests to the port are let in, by path or method, nothing is reported. What STRICT
    refuses before any policy is asked is PA013.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import Mesh, Outcome
from meshgate.model import Resource, Severity
from meshgate.rules.context import Context
from meshgate.rules.kubernetes_calls import WEBHOOKS, KubernetesCall, kubernetes_calls
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation


def check(context: Context) -> Iterator[Violation]:
    mesh = context.mesh
    if mesh is None or mesh.authorization.is_empty:
        return
    for call in kubernetes_calls(mesh, context.resources):
        if mesh.met_by(call.workload, call.port, None).outcome is Outcome.DENIED:
            policy = deciding(mesh, call)
            server = f"{call.workload}:{call.port}"
            yield Violation(
                policy or call.workload.resource,
                "spec" if policy else "",
                f"no policy lets in who proves no identity at {server}: {call.why}",
                fix=f"allow port {call.port} of {call.workload} by a rule without `from`, "
                f'`to: [{{operation: {{ports: ["{call.port}"]}}}}]`',
                related=(RelatedResource(call.workload.resource, "is the server"), *call.related),
                key=server,
            )


def deciding(mesh: Mesh, call: KubernetesCall) -> Resource | None:
    """The policy that denies the call, or the first that lets in others; None: it is not known."""
    admission = mesh.met_by(call.workload, call.port, None).admission
    decided = admission.decision.decided_by if admission is not None else ()
    named = (each.resource for each in decided)
    applied = mesh.admissions.deciding(call.workload, call.port)
    return next(named, None) or next(iter(applied), None)


RULE = Rule(
    id="AZ019",
    name="kubernetes-denied",
    severity=Severity.ERROR,
    summary="Policies deny the API server's webhooks, or kubelet's probes.",
    fix="allow the port by a rule without `from`",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset(WEBHOOKS),
    check=check,
)
