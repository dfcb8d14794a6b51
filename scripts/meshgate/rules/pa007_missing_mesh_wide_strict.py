"""No mesh-wide policy that gives the floor.

What it checks
    Whether a PeerAuthentication without selector in the root namespace (`mesh.rootNamespace`)
    gives the mesh the mode of the floor (`require.mtls`). Asked where all policies of a mesh are
    there: by `validate`, and by `lint` with `--mesh`.

    ```yaml
    apiVersion: security.istio.io/v1
    kind: PeerAuthentication
    metadata: {name: default, namespace: istio-system}
    spec:
      mtls: {mode: STRICT}
    ```

Why it matters
    Without a mesh-wide policy every workload is PERMISSIVE: it takes plaintext from any pod of the
    cluster, and nothing looks wrong. A policy for each namespace leaves out the namespace that
    somebody makes tomorrow. A policy applied without its namespace does not become mesh-wide: it
    lands in one namespace and holds there only.

How to fix
    Add the policy above to the bases, in the root namespace. Its name does not matter. Under
    OpenShift Service Mesh 2 the operator writes it: set `spec.security.dataPlane.mtls: true` in
    the ServiceMeshControlPlane.

Known gaps
    Where the mesh-wide policy is there and weak, PA001 points at its mode as well. Under OpenShift
    Service Mesh 2 the operator's policy is known only when the inventory has it; without it the
    finding is not decidable.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh.order import age
from meshgate.mesh.peer_authentication import PeerPolicy
from meshgate.model import Position, Resource, Severity
from meshgate.rules import peer_authentication as pa
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation

SMCP_FIX = "set spec.security.dataPlane.mtls to true in the ServiceMeshControlPlane"


def check(context: Context) -> Iterator[Violation]:
    floor, facts = context.environment.require.mtls, context.environment.mesh
    for plane in pa.planes(context) if context.complete else ():
        policies = sorted(plane.deciding[pa.MESH], key=age)
        modes = [pa.own_mode(policy) for policy in policies] or [pa.UNSET]
        given = [pa.DEFAULT_MODE if m == pa.UNSET else pa.effective(m, facts) for m in modes]
        if all(pa.is_weaker(mode, floor) for mode in given):
            yield weak(context, policies[0], given[0]) if policies else missing(context, plane)
            return


def weak(context: Context, policy: PeerPolicy, mode: str) -> Violation:
    """The mesh-wide policy is there, and below the floor."""
    floor, facts = context.environment.require.mtls, context.environment.mesh
    return Violation(
        policy.resource,
        pa.mode_path(policy.resource),
        f"no mesh-wide policy gives {floor}: {policy} gives {mode}, and "
        "that is the mode of every namespace without a policy of its own",
        fix=SMCP_FIX if facts.distribution == "ossm2" else f"set spec.mtls.mode to {floor}",
    )


def missing(context: Context, plane: pa.Plane) -> Violation:
    """There is none; the finding names the object to write."""
    environment = context.environment
    floor, root = environment.require.mtls, environment.mesh.root_namespace
    metadata = {"namespace": root, "name": "default"}
    wanted = {"apiVersion": "security.istio.io/v1", "kind": pa.KIND, "metadata": metadata}
    operator = environment.mesh.distribution == "ossm2"
    file = f"{environment.overlay.rstrip('/')}/kustomization.yaml" if environment.overlay else ""
    return Violation(
        Resource.of(wanted),
        "",
        f"no policy without selector in the root namespace {root}"
        + (f" for revision {plane.revision}" if plane.revision else "")
        + f": every workload without a narrower policy is {pa.DEFAULT_MODE}, weaker than the "
        f"floor {floor}"
        + ("; the operator's own policy is not in the inventory" if operator else ""),
        fix=SMCP_FIX
        if operator
        else f"add a PeerAuthentication without selector to {root}, with spec.mtls.mode {floor}",
        decided=not operator,
        source=Position(file, 1, 1) if file else None,
    )


RULE = Rule(
    id="PA007",
    name="missing-mesh-wide-strict",
    severity=Severity.ERROR,
    summary="No policy without selector gives the root namespace the floor.",
    fix="add a mesh-wide PeerAuthentication with the mode of the floor to the root namespace",
    phase=Phase.STATE,
    needs=Needs.FACTS,
    kinds=frozenset({pa.KIND}),
    check=check,
)
