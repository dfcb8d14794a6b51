"""An ALLOW policy that lets in every request of every client.

What it checks
    Each enforced ALLOW policy: whether its rules together match every request of a client without
    a certificate and of one of the mesh that no file names, on ports that no rule names. This is
    proven over all requests, so that `rules: [{}]`, `paths: ["*"]` and two rules that make up the
    whole are one and the same. Where the environment sets `require.authorization: default-deny`
    it is an error, else an information; for gateways alone, whose callers are the world, too.

    ```yaml
    kind: AuthorizationPolicy
    metadata: {name: web, namespace: shop}
    spec:
      rules:
        - {}                     # everybody, everything
    ```

Why it matters
    Policies of one workload are a union: beside this one no other ALLOW decides anything, and the
    default-deny of the namespace is void there. It reads like a policy and is none.

How to fix
    Say who is wanted, by `from: [{source: {principals: [...]}}]`. Where everybody is meant, remove
    the other ALLOW policies and waive the finding.

Known gaps
    A rule for named ports is not everything, whatever ports the workload has. DENY policies beside
    it are not taken into account: they are for others to remove.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import DataPlane
from meshgate.mesh.authorization import Action, Authorization, AuthorizationPolicy, identity_of
from meshgate.mesh.authorization.access import access_sets
from meshgate.mesh.authorization.attributes import Chain, Connection, TokenIssuers
from meshgate.mesh.authorization.boxes import TooComplexError
from meshgate.mesh.authorization.projection import FreeRuleSet, UndecidableError, project
from meshgate.mesh.authorization.proxy_rules import proxy_rules
from meshgate.mesh.authorization.rule_sets import RuleSet
from meshgate.mesh.authorization.terms import ProxyRule
from meshgate.model import Severity
from meshgate.rules import policy_places
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation

# No rule that means something names this port.
OTHER_PORT = 0


def check(context: Context) -> Iterator[Violation]:
    authorization = policy_places.authorization(context)
    places = policy_places.of(context)
    is_closed = context.environment.require.authorization == "default-deny"
    stranger = identity_of(context.environment.mesh.trust_domain, "?", "?")
    for policy in policy_places.enforced(context):
        if policy.action is not Action.ALLOW or not policy.rules:
            continue
        rules = proxy_rules(policy, Chain.HTTP, authorization.domains)
        if not all(is_open(authorization, rules, each) for each in (None, stranger)):
            continue
        gateways = places is not None and is_at_gateways(places, policy)
        alone = next(
            (
                rule.index
                for rule in rules
                if all(is_open(authorization, [rule], each) for each in (None, stranger))
            ),
            None,
        )
        yield Violation(
            policy.resource,
            policy_places.rule_path(alone) if alone is not None else "spec.rules",
            "lets in every request of every client, with or without a certificate: no other "
            "ALLOW policy decides anything beside it",
            severity=Severity.ERROR if is_closed and not gateways else Severity.INFO,
        )


def is_open(
    authorization: Authorization, rules: tuple[ProxyRule, ...] | list[ProxyRule], who: str | None
) -> bool:
    """Whether rules together match every request of a client."""
    connection = Connection(Chain.HTTP, OTHER_PORT, who)
    free = project(RuleSet(allow=tuple(rules), is_closed=True), connection, TokenIssuers())
    return bool(free.allow) and _is_everything(authorization, free)


def _is_everything(authorization: Authorization, rules: FreeRuleSet) -> bool:
    if any(() in rule.alternatives for rule in rules.allow):
        return True
    try:
        (access,) = access_sets([rules], authorization.normalization, authorization.families)
        return access.first_denied() is None
    except (TooComplexError, UndecidableError):
        return False


def is_at_gateways(places: policy_places.PolicyPlaces, policy: AuthorizationPolicy) -> bool:
    """Whether a policy is enforced at gateways and nowhere else."""
    planes = {workload.plane for place in places.of(policy) for workload in place.workloads}
    return planes == {DataPlane.GATEWAY}


RULE = Rule(
    id="AZ001",
    name="open-to-everyone",
    severity=Severity.ERROR,
    summary="An ALLOW policy lets in every request of every client.",
    fix="say who is wanted, by `from: [{source: {principals: [...]}}]`",
    phase=Phase.STATE,
    needs=Needs.FACTS,
    sharper_with=Needs.INVENTORY,
    kinds=frozenset({"AuthorizationPolicy"}),
    check=check,
)
