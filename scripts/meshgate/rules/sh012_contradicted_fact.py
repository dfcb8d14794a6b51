"""MeshConfig of the cluster is not what environments.yaml declares.

What it checks
    The ConfigMap `istio` (with a revision `istio-<revision>`) of the inventory against `mesh` of
    the environment: `rootNamespace`, `enableAutoMtls`, `outboundTrafficPolicy`,
    `defaultDestinationRuleExportTo`, `discoverySelectors`, `trustDomain` and its aliases,
    `pathNormalization`, the external authorizers of `extensionProviders`, and every other key on
    which calls may depend and that no fact can state.

    ```yaml
    kind: ConfigMap
    metadata: {name: istio, namespace: istio-system}
    data:
      mesh: |
        enableAutoMtls: false       # and environments.yaml says nothing of it: true
    ```

Why it matters
    All verdicts are worked out from the declared facts. Where the cluster has others every call is
    undecided, and it is not known what a policy means there.

How to fix
    State in environments.yaml what the cluster has, or mend the cluster.

Known gaps
    Without the ConfigMap in the inventory the declared facts are believed. `meshgate verify` asks
    the cluster itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation


def check(context: Context) -> Iterator[Violation]:
    if context.mesh is None:
        return
    for each in context.mesh.contradictions:
        consequence = (
            "every call is undecided"
            if each.decides
            else "what authorization policies mean is undecided"
        )
        yield Violation(
            each.resource,
            "data.mesh",
            f"it says {each.text}: {consequence}",
            fix=f"state {each.key or 'the facts'} in `mesh` of the environment as the cluster "
            "has it, or mend the cluster",
            decided=False,
            key=each.text,
        )


RULE = Rule(
    id="SH012",
    name="contradicted-fact",
    severity=Severity.ERROR,
    summary="MeshConfig of the cluster is not what environments.yaml declares.",
    fix="state in `mesh` of the environment what the cluster has, or mend the cluster",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset({"ConfigMap"}),
    check=check,
)
