"""A selector that selects everything.

What it checks
    PeerAuthentications with a `selector` that has no labels.

    ```yaml
    metadata: {name: boards, namespace: boards}
    spec:
      selector: {}              # or matchLabels: {}
      mtls: {mode: PERMISSIVE}  # the whole namespace
    ```

Why it matters
    The policy holds for its whole namespace, in the root namespace for the whole mesh, while it
    reads like one for a single workload: often a label was lost on the way. It also takes part in
    the contest for the namespace's only slot. In ambient, parts of istiod look for an absent
    selector and do not find it: in the root namespace it is then not mesh-wide.

How to fix
    Remove `selector` if the whole namespace is meant; write the labels if a workload is.

Known gaps
    None: the shape alone decides.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh.peer_authentication import PeerPolicy
from meshgate.model import MeshFacts, Severity
from meshgate.rules import peer_authentication as pa
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation


def check(context: Context) -> Iterator[Violation]:
    for policy in pa.seen(context):
        if policy.has_selector and not policy.selector:
            yield Violation(
                policy.resource,
                "spec.selector",
                f"the selector has no labels: {reach(policy, context.environment.mesh)}",
                fix="remove the selector, or write the labels of the workload that is meant",
            )


def reach(policy: PeerPolicy, facts: MeshFacts) -> str:
    """What such a policy holds for."""
    if pa.is_mesh_wide(policy, facts):
        return f"{pa.own_mode(policy)} holds for the whole mesh, not for one workload"
    place = f"namespace {policy.namespace}"
    if policy.namespace == facts.root_namespace:
        return f"in ambient {pa.own_mode(policy)} holds for {place} only, not for the mesh"
    return f"{pa.own_mode(policy)} holds for all of {place}, not for one workload"


RULE = Rule(
    id="PA012",
    name="empty-selector",
    severity=Severity.WARNING,
    summary="A selector without labels makes the policy namespace-wide.",
    fix="remove the selector, or write the labels of the workload that is meant",
    phase=Phase.STATE,
    needs=Needs.POLICIES,
    kinds=frozenset({pa.KIND}),
    check=check,
)
