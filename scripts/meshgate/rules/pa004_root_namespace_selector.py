"""A selector in the root namespace, where it selects nobody.

What it checks
    Every PeerAuthentication of the root namespace (`mesh.rootNamespace`) whose selector has labels.

    ```yaml
    metadata: {name: gateway-strict, namespace: istio-system}
    spec:
      selector: {matchLabels: {app: istio-ingressgateway}}   # ignored
      mtls: {mode: STRICT}
    ```

Why it matters
    istiod uses a policy of the root namespace only without selector, as the mesh-wide one. With
    labels it applies to no workload at all: not to those of other namespaces, and not to those of
    the root namespace either. What it was written to protect stays as open as the wider policies
    leave it, and no tool of Istio says so.

How to fix
    Move the policy to the namespace of the workload. For workloads of the root namespace only the
    mesh-wide mode exists. For all workloads, remove the selector.

Known gaps
    What the policy was meant for is a guess; the finding names its labels.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Severity
from meshgate.rules import peer_authentication as pa
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation


def check(context: Context) -> Iterator[Violation]:
    facts = context.environment.mesh
    for policy in pa.seen(context):
        if pa.is_ignored(policy, facts):
            labels = pa.labels_text(policy.selector.items())
            yield Violation(
                policy.resource,
                "spec.selector",
                f"selects {labels} from the root namespace {facts.root_namespace}, where a policy "
                f"with a selector is ignored for every workload: nothing it says takes effect",
                fix=f"move the policy to the namespace of the workloads with {labels}, "
                "or remove the selector to make it mesh-wide",
            )


RULE = Rule(
    id="PA004",
    name="root-namespace-selector",
    severity=Severity.ERROR,
    summary="A PeerAuthentication with a selector in the root namespace is ignored.",
    fix="move the policy to the namespace of its workloads, or remove the selector",
    phase=Phase.STATE,
    needs=Needs.FACTS,
    kinds=frozenset({pa.KIND}),
    check=check,
)
