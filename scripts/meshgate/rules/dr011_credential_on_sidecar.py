"""A secret that no sidecar will read.

What it checks
    `credentialName` in a SIMPLE or MUTUAL `tls` block, on any level, of a DestinationRule without
    `workloadSelector`, where a client with a sidecar gets this rule.

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
    From policies alone nobody knows whether a sidecar gets the rule, so the finding is then not
    decided. Rules of the root namespace are left out where a gateway runs in it or nothing of it is
    known, since the rules of the egress gateway live there: that clients with a sidecar are routed
    to that gateway and never use them is taken for granted.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh.destination_rule import DestinationRule, PolicyPlace
from meshgate.mesh.terms import ORIGINATED
from meshgate.model import Severity
from meshgate.rules import destination_rule as dr
from meshgate.rules import inventory
from meshgate.rules.context import Context
from meshgate.rules.effective_rules import effective_rules, names
from meshgate.rules.inventory import Inventory
from meshgate.rules.rule import Needs, Phase, Rule, Violation

# Every proxy may read a ConfigMap (credentials.KubernetesConfigMapTypeURI).
CONFIG_MAP = "configmap://"


def check(context: Context) -> Iterator[Violation]:
    known = inventory.of(context)
    for rule in dr.seen(context):
        places = [place for place in rule.places if names_secret(place)]
        if not places or rule.selector is not None:
            continue
        clients = sidecars(context, rule, known)
        if clients == "":
            continue
        who = "every client that gets this rule" if clients is None else clients
        for place in places:
            name = (place.tls or {}).get("credentialName")
            yield Violation(
                rule.resource,
                place.path("tls", "credentialName"),
                f"tls {place.mode}{place.where} names secret {name} without workloadSelector: "
                f"the sidecar of {who} drops the tls, and plaintext goes to {rule.host}",
                decided=clients is not None,
            )


def names_secret(place: PolicyPlace) -> bool:
    """Whether TLS hangs on a secret that only gateways fetch."""
    name = str((place.tls or {}).get("credentialName") or "")
    return bool(name) and not name.startswith(CONFIG_MAP) and place.mode in ORIGINATED


def sidecars(context: Context, rule: DestinationRule, known: Inventory | None) -> str | None:
    """The clients with a sidecar that get a rule; empty: there is none; None: it is not known."""
    root = context.environment.mesh.root_namespace
    if rule.namespace == root and (known is None or known.may_have_gateway(root)):
        return ""
    services = known.services(rule.host) if known else []
    if known is None or not services:
        return None
    for service in services:
        getting = [
            winner
            for winner in effective_rules(known.mesh, service)
            if any(merged.resource is rule.resource for merged in winner.entry.rules)
        ]
        if getting:
            return names(getting)
    return None if known.has_clients(rule.namespace) is None else ""


RULE = Rule(
    id="DR011",
    name="credential-on-sidecar",
    severity=Severity.ERROR,
    summary="A sidecar drops TLS whose credentialName it may not read, and sends plaintext.",
    fix="add a workloadSelector, or name certificate files; for a gateway, keep the rule in its "
    'own namespace with exportTo ["."]',
    phase=Phase.STATE,
    needs=Needs.POLICIES,
    sharper_with=Needs.INVENTORY,
    kinds=frozenset({dr.KIND}),
    check=check,
)
