"""TLS settings of a Sidecar's ingress that nobody reads.

What it checks
    Each `ingress` listener of a Sidecar resource with `tls`, against what the workloads that it is
    for enforce on that port: Istio uses it only where PeerAuthentication says DISABLE there.

    ```yaml
    kind: Sidecar
    spec:
      workloadSelector: {labels: {app: cart}}
      ingress:
        - port: {number: 9443, protocol: HTTPS, name: https}
          tls: {mode: SIMPLE, serverCertificate: /c, privateKey: /k}   # STRICT: not used
    ```

Why it matters
    Clients from outside the mesh are to come in by this TLS, and are refused; or somebody believes
    that the port asks for these certificates, and it takes those of the mesh.

How to fix
    Set `portLevelMtls` of that port to DISABLE in a policy that selects the workload, with a
    waiver, or remove the `tls` block.

Known gaps
    Where the order of creation decides on the mode, the first one is taken.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import Mode
from meshgate.mesh.selectors import labels, matches
from meshgate.model import Severity, join_path
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation

KIND = "Sidecar"


def check(context: Context) -> Iterator[Violation]:
    mesh = context.mesh
    if mesh is None:
        return
    for sidecar in context.resources.of(KIND):
        if sidecar.group != "networking.istio.io":
            continue
        selector = labels((sidecar.spec.get("workloadSelector") or {}).get("labels"))
        for index, listener in enumerate(sidecar.spec.get("ingress") or ()):
            port = (listener.get("port") or {}).get("number")
            if not listener.get("tls") or not isinstance(port, int):
                continue
            for workload in mesh.workloads:
                if (
                    workload.namespace != sidecar.namespace
                    or not workload.has_sidecar
                    or not matches(selector, workload.labels)
                ):
                    continue
                mode = mesh.mode_at(workload, port)
                policy = mode.decided_by.policy
                if mode.mode is not Mode.DISABLE:
                    yield Violation(
                        sidecar,
                        join_path("spec", "ingress", index, "tls"),
                        f"is not used: {workload}:{port} is {mode.mode} by "
                        f"{policy or 'default'}, and only DISABLE gives way to it",
                        related=(RelatedResource(policy, "decides", "spec"),) if policy else (),
                        key=str(workload),
                    )
                    break


RULE = Rule(
    id="PA014",
    name="ignored-ingress-tls",
    severity=Severity.ERROR,
    summary="TLS of a Sidecar's ingress on a port whose mode is not DISABLE.",
    fix="set the mode of that port to DISABLE, with a waiver, or remove the tls block",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset({KIND}),
    check=check,
)
