"""A mode that lets in what the environment keeps out.

What it checks
    The effective mode of each scope that some PeerAuthentication is written for: the mesh, a
    namespace, the workloads of a selector. UNSET and an absent mode are followed to the wider
    policy, and to Istio's default PERMISSIVE where no policy is left. A mode weaker than the
    floor (`require.mtls`) is told once, at the policy that decides it.

    ```yaml
    apiVersion: security.istio.io/v1
    kind: PeerAuthentication
    metadata: {name: default, namespace: boards}
    spec:
      mtls: {mode: PERMISSIVE}   # below a STRICT floor
    ```

Why it matters
    The narrowest policy wins, even where it is the weaker one: there is no "strictest wins". One
    namespace policy with PERMISSIVE takes plaintext from any pod of the cluster under the
    strictest mesh-wide policy, and DISABLE refuses every client that does it right.

How to fix
    Set `spec.mtls.mode` to the floor, or remove the policy so that the wider one holds. Where a
    workload must stay open for a while, write a waiver with an owner and an expiry date.

Known gaps
    Entries of `portLevelMtls` are PA002's, a missing mesh-wide policy is PA007's. A policy that an
    older one certainly hides is left to PA003. Namespaces that discovery selectors exclude are
    judged like the others. Given loose files without a mesh-wide policy, what UNSET inherits is
    not decidable, and the finding says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshgate.model import Severity
from meshgate.rules import peer_authentication as pa
from meshgate.rules.rule import Rule, Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshgate.model import Resource
    from meshgate.rules.context import Context


def check(context: Context) -> Iterator[Violation]:
    told: set[int] = set()
    for plane in pa.planes(context):
        for policy, scope in deciding(plane):
            if id(policy) not in told and (violation := judged(context, plane, policy, scope)):
                told.add(id(policy))
                yield violation


def deciding(plane: pa.Plane) -> Iterator[tuple[Resource, pa.Scope | None]]:
    """Each policy that may decide for its scope; the mesh is None."""
    for policy in plane.deciding_mesh_wide():
        yield policy, None
    for scope in plane.scopes:
        for policy in plane.deciding(scope):
            yield policy, scope


def judged(
    context: Context, plane: pa.Plane, policy: Resource, scope: pa.Scope | None
) -> Violation | None:
    """What is wrong with the mode that this policy decides for its scope."""
    facts, floor = context.environment.mesh, context.environment.require.mtls
    mode, decided, how = pa.own_mode(policy), True, ""
    if mode == pa.UNSET:
        if scope is not None and plane.has_wider(scope):
            return None  # told at the wider policy
        mode, how = pa.DEFAULT_MODE, ", because it is UNSET and no wider policy sets a mode"
        decided = scope is None or (context.complete and facts.distribution != "ossm2")
    if not pa.is_weaker(pa.effective(mode, facts), floor):
        return None
    subject = f"{scope} get" if scope else "the mesh-wide policy gives"
    each = "each of them" if scope else "every workload without a narrower policy"
    return Violation(
        policy,
        pa.mode_path(policy),
        f"{subject} {mode}{how}, weaker than the floor {floor}: "
        f"{each} {pa.ACCEPTS[pa.effective(mode, facts)]}",
        fix=f"set spec.mtls.mode to {floor}"
        + (", or remove the policy so that the wider one holds" if scope else ""),
        decided=decided,
    )


RULE = Rule(
    id="PA001",
    name="permissive-mode",
    severity=Severity.ERROR,
    summary="The mode of a mesh, namespace or workload is weaker than the floor.",
    fix="set spec.mtls.mode to the floor of the environment",
    needs="F (R)",
    kinds=frozenset({pa.KIND}),
    check=check,
)
