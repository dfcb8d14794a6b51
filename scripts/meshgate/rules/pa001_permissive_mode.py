"""A mode that lets in what the environment keeps out.

What it checks
    The effective mode of each scope that some PeerAuthentication is written for: the mesh, a
    namespace, the workloads of a selector. UNSET and an absent mode are followed to the wider
    policy, and to Istio's default PERMISSIVE where no policy is left. A mode weaker than the
    floor (`require.mtls`) is reported once, at the policy that decides it.

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

from collections.abc import Iterator, Sequence

from msgspec import structs

from meshgate.mesh import Mesh, Workload
from meshgate.mesh.catalog import revision_of
from meshgate.mesh.order import possible_oldest
from meshgate.mesh.peer_authentication import PeerPolicy
from meshgate.model import Severity
from meshgate.rules import peer_authentication as pa
from meshgate.rules.context import Context
from meshgate.rules.kubernetes_calls import WEBHOOKS, whom_strict_shuts_out
from meshgate.rules.rule import Needs, Phase, Rule, Violation
from meshgate.rules.wording import listed


def check(context: Context) -> Iterator[Violation]:
    reported: set[int] = set()
    decided = decided_workloads(context.mesh) if context.mesh else {}
    for plane in pa.by_control_plane(context):
        for scope, policies in plane.deciding.items():
            for policy in policies:
                violation = judged(context, plane, scope, policy)
                if violation and id(policy.resource) not in reported:
                    reported.add(id(policy.resource))
                    workloads = decided.get(id(policy.resource), ())
                    yield named(context, violation, workloads)


def decided_workloads(mesh: Mesh) -> dict[int, list[Workload]]:
    """The workloads with a sidecar whose mode each policy decides."""
    by_policy: dict[int, list[Workload]] = {}
    for workload in mesh.workloads:
        if workload.has_sidecar:
            mode = mesh.mode_at(workload, None)
            for answer in mode.alternatives or (mode,):
                if answer.decided_by.policy is not None:
                    by_policy.setdefault(id(answer.decided_by.policy), []).append(workload)
    return by_policy


def named(context: Context, violation: Violation, workloads: Sequence[Workload]) -> Violation:
    """The violation with the workloads it is about, as far as the inventory knows them."""
    if not workloads:
        return violation
    known = listed(map(str, workloads))
    assert context.mesh is not None
    decided = {id(workload) for workload in workloads}
    strict = whom_strict_shuts_out(
        context.mesh, context.resources, lambda call: id(call.workload) in decided
    )
    return structs.replace(
        violation,
        message=f"{violation.message}; the inventory has {known}",
        fix=f"{violation.fix}{strict}",
    )


def judged(
    context: Context, plane: pa.ControlPlanePolicies, scope: pa.PolicyScope, policy: PeerPolicy
) -> Violation | None:
    """What is wrong with the mode that this policy gives its scope."""
    facts, floor = context.environment.mesh, context.environment.require.mtls
    mode, decided, because = pa.own_mode(policy), True, ""
    if mode == pa.UNSET:
        if plane.above(scope):
            return None  # reported at the wider policy
        mode, because = pa.DEFAULT_MODE, " (this policy sets no mode, and no wider policy is here)"
        decided = scope == pa.MESH or (context.complete and facts.distribution != "ossm2")
    # Whether such a policy is for this control plane at all is not known.
    decided = decided and (bool(facts.revision) or revision_of(policy.resource) is None)
    effective = pa.effective(mode, ambient=pa.is_ambient(context, scope))
    if not pa.is_weaker(effective, floor):
        return None
    contested = len(possible_oldest(plane.rivals(scope))) > 1
    return Violation(
        policy.resource,
        pa.mode_path(policy.resource),
        f"{f'if this policy is the oldest of its scope, {scope}' if contested else scope} "
        f"{'are' if scope.labels else 'is'} {mode}{because}, weaker than the floor {floor}: "
        f"{whose(scope)} {pa.ACCEPTS[effective]}",
        fix=f"set spec.mtls.mode to {floor}{pa.once(floor)}"
        + (
            ", or remove the policy so that a wider one holds"
            if not any(pa.is_weaker(wider, floor) for wider in plane.inherited(scope))
            else ""
        ),
        decided=decided,
    )


def whose(scope: pa.PolicyScope) -> str:
    """Whom a mode of this scope is the mode of."""
    if scope == pa.MESH:
        return "every workload without a narrower policy"
    return "each of them" if scope.labels else "every workload without a policy of its own"


RULE = Rule(
    id="PA001",
    name="permissive-mode",
    severity=Severity.ERROR,
    summary="The mode of a mesh, namespace or workload is weaker than the floor.",
    fix="set spec.mtls.mode to the floor of the environment",
    phase=Phase.STATE,
    needs=Needs.FACTS,
    sharper_with=Needs.INVENTORY,
    kinds=frozenset({pa.KIND, *WEBHOOKS}),
    check=check,
)
