"""An exact rule that hides the mesh-wide mutual TLS.

What it checks
    DestinationRules without `tls` whose host a wildcard rule with ISTIO_MUTUAL covers, where both
    stand on one client's way: the wildcard in the root namespace, in the same namespace, or in the
    one of the service.

    ```yaml
    # istio-system/mesh-wide
    spec: {host: "*.svc.cluster.local", trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}
    ---
    # boards/userprofile: nothing of it is inherited
    spec: {host: userprofile, trafficPolicy: {outlierDetection: {consecutive5xxErrors: 5}}}
    ```

Why it matters
    A client uses one rule for a host, the more specific one, whole. A rule that only sets a limit
    or subsets takes the mutual TLS of the wildcard away. With auto mTLS on, the client still sends
    mTLS to every endpoint that takes it, so this is a note. With auto mTLS off it sends plaintext.

How to fix
    Write `tls: {mode: ISTIO_MUTUAL}` into the exact rule too.

Known gaps
    Hosts outside the mesh are left alone: without `tls` they are right. Settings for single ports
    and subsets are not looked at. Whether some client really gets the rule needs an inventory.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh.destination_rule import DestinationRule
from meshgate.model import Severity
from meshgate.rules import destination_rule as dr
from meshgate.rules.context import Context
from meshgate.rules.mutual_wildcards import first_hidden, mutual_wildcards
from meshgate.rules.outside import Outside
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation


def check(context: Context) -> Iterator[Violation]:
    facts = context.environment.mesh
    reported: set[int] = set()
    outside = Outside(context)
    for plane in dr.by_control_plane(context):
        rules = plane.all.values()
        wildcards = mutual_wildcards(rules)
        if wildcards is None:
            continue
        with_tls = {(rule.namespace, rule.host) for rule in rules if rule.mode is not None}
        for rule in rules:
            if (rule.namespace, rule.host) in with_tls or id(rule.resource) in reported:
                continue
            hidden = first_hidden(rule, wildcards, facts)
            if hidden and not outside.has(rule.host):
                reported.add(id(rule.resource))
                yield drops(rule, hidden, auto=facts.enable_auto_mtls)


def drops(rule: DestinationRule, hidden: DestinationRule, *, auto: bool) -> Violation:
    """The finding on one rule."""
    then = (
        "auto mTLS decides instead"
        if auto
        else "and enableAutoMtls is off, so clients send plaintext"
    )
    return Violation(
        rule.resource,
        rule.policy_path,
        f"no tls for {rule.host}: the ISTIO_MUTUAL of {hidden.host} in {hidden} is not "
        f"inherited, {then}",
        related=(RelatedResource(hidden.resource, "is hidden for this host", "spec.host"),),
        severity=None if auto else Severity.ERROR,
    )


RULE = Rule(
    id="DR017",
    name="specific-rule-drops-mtls",
    severity=Severity.INFO,
    summary="A rule without tls hides a wildcard rule with ISTIO_MUTUAL.",
    fix="write tls with mode ISTIO_MUTUAL into the rule too",
    phase=Phase.STATE,
    needs=Needs.FACTS,
    kinds=frozenset({dr.KIND, "ServiceEntry"}),
    check=check,
)
