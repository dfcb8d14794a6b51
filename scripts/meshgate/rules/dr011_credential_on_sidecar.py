"""A secret that no sidecar will read.

What it checks
    `credentialName` in a SIMPLE or MUTUAL `tls` block, on any level, of a DestinationRule without
    `workloadSelector`.

    ```yaml
    spec:
      host: payments.example.com
      trafficPolicy:
        tls: {mode: MUTUAL, credentialName: payments-client}   # dropped on sidecars
    ```

Why it matters
    Only gateways fetch such a secret. A sidecar that gets the rule drops the whole TLS block
    without a word and sends plaintext, where everybody reads MUTUAL in the file.

How to fix
    Select the workloads that may read the secret with `workloadSelector` (and give their service
    account the right to it), mount the certificates and name them as files, or name a ConfigMap
    (`configmap://`) where only a CA is needed. For a gateway, put the rule where only the gateway
    looks: into the gateway's own namespace, with `exportTo: ["."]`.

Known gaps
    From policies alone nobody knows whether a sidecar gets the rule, so the finding is not decided.
    Rules of the root namespace are left out there, since the egress gateway's rules live in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshgate.model import Severity
from meshgate.rules import destination_rule as dr
from meshgate.rules.rule import Rule, Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshgate.rules.context import Context

# Every proxy may read a ConfigMap (credentials.KubernetesConfigMapTypeURI).
CONFIG_MAP = "configmap://"


def check(context: Context) -> Iterator[Violation]:
    facts = context.environment.mesh
    for rule in dr.seen(context):
        if rule.selects or rule.namespace == facts.root_namespace:
            continue
        for place in rule.places:
            name = str((place.tls or {}).get("credentialName") or "")
            if not name or name.startswith(CONFIG_MAP) or place.mode not in dr.ORIGINATED:
                continue
            yield Violation(
                rule.resource,
                place.path("tls", "credentialName"),
                f"tls {place.mode}{place.where} names secret {name} without workloadSelector: a "
                f"sidecar that gets this rule drops the tls and sends plaintext to {rule.host}",
                decided=False,
            )


RULE = Rule(
    id="DR011",
    name="credential-on-sidecar",
    severity=Severity.ERROR,
    summary="A sidecar drops TLS whose credentialName it may not read, and sends plaintext.",
    fix="add a workloadSelector, or name certificate files; for a gateway, keep the rule in its "
    'own namespace with exportTo ["."]',
    needs="P (R)",
    kinds=frozenset({dr.KIND}),
    check=check,
)
