"""A workload that no policy of authorization closes, where the floor is default-deny.

What it checks
    Where the environment sets `require.authorization: default-deny`, each workload with a proxy or
    ztunnel: at least one enforced ALLOW policy applies to it, be it one without rules. Only then
    what no rule names is denied. DENY, AUDIT and dry-run policies close nothing. A gateway that a
    Gateway resource opens is not asked for: it is there for everybody, and leads on what its routes
    name to workloads that are. Nor is a waypoint, which judges for them.

    ```yaml
    # of the root namespace: for every workload of the mesh
    apiVersion: security.istio.io/v1
    kind: AuthorizationPolicy
    metadata:
      name: deny-by-default
      namespace: istio-system
    spec: {}
    ```

Why it matters
    Without an ALLOW policy Istio lets everybody in. A new workload that nobody wrote a policy for
    is open from its first minute, and nothing tells it.

How to fix
    Add an ALLOW policy without rules for the mesh or the namespace, and one with rules for each
    client that is wanted. `meshgate who-can` tells who gets in.

Known gaps
    Which policies apply is not certain for a policy that cannot be read: such a workload is left to
    the rules that tell that.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import DataPlane, Workload
from meshgate.model import Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation
from meshgate.rules.wording import listed

SHOWN = 3
_ENFORCED = frozenset({DataPlane.SIDECAR, DataPlane.AMBIENT, DataPlane.GATEWAY})


def check(context: Context) -> Iterator[Violation]:
    mesh = context.mesh
    if mesh is None or context.environment.require.authorization != "default-deny":
        return
    open_: dict[str, list[Workload]] = {}
    for workload in mesh.workloads:
        if workload.plane not in _ENFORCED or workload.is_waypoint:
            continue
        if not mesh.gateway_chains(workload) and not mesh.is_closed(workload):
            open_.setdefault(workload.namespace, []).append(workload)
    root = context.environment.mesh.root_namespace
    for namespace, workloads in open_.items():
        # At none of the workloads: what is of the inventory is not to be edited here.
        yield Violation(
            None,
            "",
            f"no ALLOW policy applies to {listed(map(str, workloads))}: everybody gets in",
            fix=f"add an AuthorizationPolicy with `spec: {{}}` in namespace {namespace} or {root}, "
            "and allow what is wanted beside it",
            related=tuple(
                RelatedResource(each.resource, "is open to everybody") for each in workloads[:SHOWN]
            ),
            decided=context.complete,
            key=namespace,
        )


RULE = Rule(
    id="AZ002",
    name="no-default-deny",
    severity=Severity.ERROR,
    summary="The floor is default-deny, and no ALLOW policy applies to a workload.",
    fix="add an ALLOW policy without rules for the namespace or the mesh",
    needs=Needs.INVENTORY,
    kinds=frozenset({"AuthorizationPolicy"}),
    check=check,
    phase=Phase.STATE,
)
