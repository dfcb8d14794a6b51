"""A mesh-wide policy beside the operator's own.

What it checks
    Under OpenShift Service Mesh 2 (`mesh.distribution: ossm2`), every PeerAuthentication without
    selector in the root namespace, the control plane's.

    ```yaml
    metadata: {name: mesh-strict, namespace: istio-system}
    spec: {mtls: {mode: STRICT}}   # the operator's `default` is older
    ```

Why it matters
    The operator writes a mesh-wide policy named `default` when it installs the control plane:
    STRICT where the ServiceMeshControlPlane sets `spec.security.dataPlane.mtls`, else PERMISSIVE.
    It is nearly always the oldest, and the oldest wins: a second policy does nothing. A policy
    that is itself named `default` is written over again by the operator, and the syncer and the
    operator undo each other's work for ever.

How to fix
    Remove the policy and set `spec.security.dataPlane.mtls: true` in the ServiceMeshControlPlane.
    Policies of the member namespaces are not affected.

Known gaps
    The operator's own `default` in the inventory is expected there and not reported. What the
    ServiceMeshControlPlane says is not read.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Severity
from meshgate.rules import peer_authentication as pa
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation

OPERATORS_NAME = "default"


def check(context: Context) -> Iterator[Violation]:
    facts = context.environment.mesh
    if facts.distribution != "ossm2":
        return
    for policy in pa.seen(context):
        operators = policy.resource.foreign and policy.name == OPERATORS_NAME
        if pa.is_mesh_wide(policy, facts) and not operators:
            follows = (
                "the operator writes its own values over it again and again"
                if policy.name == OPERATORS_NAME
                else f"the operator's own policy {OPERATORS_NAME} is normally older, "
                "and only the oldest counts"
            )
            yield Violation(
                policy.resource,
                "metadata.name",
                f"is mesh-wide in {facts.root_namespace}, where the operator owns the mesh-wide "
                f"policy: {follows}, so {pa.own_mode(policy)} does not hold",
                fix=f"remove {policy.name}, and set spec.security.dataPlane.mtls in the "
                "ServiceMeshControlPlane",
            )


RULE = Rule(
    id="PA010",
    name="operator-owned-policy",
    severity=Severity.ERROR,
    summary="The operator of OpenShift Service Mesh 2 owns the mesh-wide policy.",
    fix="set spec.security.dataPlane.mtls in the ServiceMeshControlPlane instead",
    phase=Phase.STATE,
    needs=Needs.FACTS,
    kinds=frozenset({pa.KIND}),
    check=check,
)
