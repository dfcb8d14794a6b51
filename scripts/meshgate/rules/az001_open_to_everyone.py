"""An ALLOW policy that lets in every request of every client.

What it checks
    Each enforced ALLOW policy: whether its rules together match every request of a client without
    a certificate and of one of the mesh that no file names, on ports that no rule names. This is
    proven over all requests, so that `rules: [{}]`, `paths: ["*"]` and two rules that make up the
    whole are one and the same. Whom `notNamespaces` and the like leave out, and which ports, the
    message says. Where the environment sets `require.authorization: default-deny`
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
    A rule for named ports is not everything, whatever ports the workload has, nor is one for server
    names (`connection.sni`). DENY policies beside it are not taken into account: they are for
    others to remove.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from meshgate.mesh import DataPlane
from meshgate.mesh.authorization import Action, Authorization, AuthorizationPolicy, identity_of
from meshgate.mesh.authorization.access import access_sets
from meshgate.mesh.authorization.attributes import Chain, Connection, Kind, TokenIssuers
from meshgate.mesh.authorization.boxes import TooComplexError
from meshgate.mesh.authorization.matchers import PortMatcher
from meshgate.mesh.authorization.projection import FreeRuleSet, UndecidableError, project
from meshgate.mesh.authorization.proxy_rules import proxy_rules
from meshgate.mesh.authorization.rule_sets import RuleSet
from meshgate.mesh.authorization.strangers import (
    SOME_NAME,
    TooManyIdentitiesError,
    examples,
)
from meshgate.mesh.authorization.terms import ProxyRule, Term
from meshgate.model import Severity
from meshgate.rules import policy_places
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation
from meshgate.rules.wording import listed

# No rule that means something names this port.
OTHER_PORT = 0
# Stands for whatever issuer somebody verifies.
SOME_ISSUER = TokenIssuers(frozenset({"?"}))


def check(context: Context) -> Iterator[Violation]:
    authorization = policy_places.authorization(context)
    places = policy_places.of(context)
    is_closed = context.environment.require.authorization == "default-deny"
    stranger = identity_of(context.environment.mesh.trust_domain, SOME_NAME, SOME_NAME)
    for policy in policy_places.enforced(context):
        if policy.action is not Action.ALLOW or not policy.rules:
            continue
        rules = [
            rule
            for rule in proxy_rules(policy, Chain.HTTP, authorization.domains)
            if not any(term.attribute.kind is Kind.SNI for term in terms(rule))
        ]
        asked = Openness(authorization, verified(places, policy))
        if not all(asked.is_open(rules, each) for each in (None, stranger)):
            continue
        gateways = places is not None and is_at_gateways(places, policy)
        alone = next(
            (
                rule.index
                for rule in rules
                if all(asked.is_open([rule], each) for each in (None, stranger))
            ),
            None,
        )
        yield Violation(
            policy.resource,
            policy_places.rule_path(alone) if alone is not None else "spec.rules",
            message(asked, rules),
            severity=Severity.ERROR if is_closed and not gateways else Severity.INFO,
        )


class Openness(Struct, frozen=True):
    """Whether rules let somebody in; `issuers` are those whose tokens count."""

    authorization: Authorization
    issuers: TokenIssuers

    def is_open(self, rules: Sequence[ProxyRule], who: str | None, port: int = OTHER_PORT) -> bool:
        """Whether rules together match every request of a client at a port."""
        connection = Connection(Chain.HTTP, port, who)
        free = project(RuleSet(allow=tuple(rules), is_closed=True), connection, self.issuers)
        return bool(free.allow) and _is_everything(self.authorization, free)


def message(asked: Openness, rules: Sequence[ProxyRule]) -> str:
    """What rules let in that leave out nobody, or those only whom they name."""
    try:
        clients = examples(rules, asked.authorization.domains)
    except TooManyIdentitiesError:
        return "lets in every request of nearly every client, with or without a certificate"
    without = [each.replace(SOME_NAME, "*") for each in clients if not asked.is_open(rules, each)]
    ports = [port for port in sorted(named_ports(rules)) if not asked.is_open(rules, None, port)]
    who = f"every client but {listed(without)}" if without else "every client"
    where = f" at every port but {listed(map(str, ports))}" if ports else ""
    rest = "" if without or ports else ": no other ALLOW policy decides anything beside it"
    return f"lets in every request of {who}{where}, with or without a certificate{rest}"


def verified(
    places: policy_places.PolicyPlaces | None, policy: AuthorizationPolicy
) -> TokenIssuers:
    """Whose tokens count where a policy is enforced: nobody's, or those of some issuer."""
    is_known = places is not None and not any(
        places.mesh.authorization.applied(place.server).authentications
        for place in places.of(policy)
    )
    return TokenIssuers() if is_known else SOME_ISSUER


def named_ports(rules: Sequence[ProxyRule]) -> set[int]:
    """The ports that rules name."""
    return {
        matcher.number
        for rule in rules
        for term in terms(rule)
        for matcher in term.matchers
        if isinstance(matcher, PortMatcher)
    }


def terms(rule: ProxyRule) -> Iterator[Term]:
    """All that a rule asks."""
    for entry in (*rule.sources, *rule.operations, rule.conditions):
        yield from entry


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
