"""A PeerAuthentication that selects no workload.

What it checks
    The labels of `selector.matchLabels` against the workloads of the policy's own namespace.

    ```yaml
    metadata: {name: boards, namespace: boards}
    spec:
      selector: {matchLabels: {app: board}}    # the pods say app: boards
    ```

Why it matters
    The policy stands there and does nothing. Whoever reads it believes a workload is closed (or
    open) that follows another policy.

How to fix
    Copy the label from the pod template of the workload, or remove the policy.

Known gaps
    A workload that is not in the inventory yet is not known: add it there in the same pull request.
    A namespace without inventory is not decidable.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import Mesh
from meshgate.mesh.selectors import Labels
from meshgate.model import Severity
from meshgate.rules import peer_authentication as pa
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation
from meshgate.wording.nearest import nearest


def check(context: Context) -> Iterator[Violation]:
    mesh = context.mesh
    if mesh is None:
        return
    for policy in pa.seen(context):
        labels, namespace = policy.selector, policy.namespace
        # In the root namespace a selector is ignored for everyone: PA004.
        if not labels or namespace == mesh.facts.root_namespace:
            continue
        wanted = ", ".join(f"{key}: {value}" for key, value in sorted(labels.items()))
        if not mesh.knows(namespace):
            yield Violation(
                policy.resource,
                "spec.selector",
                f"whether a workload has {wanted} cannot be told: the inventory has nothing of "
                f"namespace {namespace}",
                fix=f"add the workloads of {namespace} to the inventory",
                decided=False,
            )
        elif not mesh.selected(namespace, labels):
            yield Violation(
                policy.resource,
                "spec.selector.matchLabels",
                f"no workload of namespace {namespace} has {wanted}: the policy does nothing",
                fix=_meant(mesh, namespace, labels),
            )


def _meant(mesh: Mesh, namespace: str, labels: Labels) -> str:
    """The label that was meant by one that no workload of the namespace has; empty: none is."""
    own = [each.labels for each in mesh.workloads if each.namespace == namespace]
    for key, value in sorted(labels.items()):
        values = {each[key] for each in own if key in each}
        if not values:
            keys = sorted({other for each in own for other in each} - labels.keys())
            if other := nearest(key, keys):
                return f"did you mean the label `{other}`?"
        elif value not in values and (other := nearest(value, sorted(values))):
            return f"did you mean `{key}: {other}`?"
    return ""


RULE = Rule(
    id="PA005",
    name="unmatched-selector",
    severity=Severity.WARNING,
    summary="The selector matches no workload of its namespace.",
    fix="copy the labels from the pod template of the workload, or remove the policy",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset({pa.KIND}),
    check=check,
)
