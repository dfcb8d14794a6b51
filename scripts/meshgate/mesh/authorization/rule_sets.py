"""The rules that judge the calls of one server in one filter chain, in the order of evaluation."""

from __future__ import annotations

import enum
import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence

from msgspec import Struct

from meshgate.mesh.authorization.attributes import Attribute, Chain, Value
from meshgate.mesh.authorization.identities import TrustDomains
from meshgate.mesh.authorization.policies import Action, AuthorizationPolicy
from meshgate.mesh.authorization.proxy_rules import proxy_rules
from meshgate.mesh.authorization.terms import ProxyRule
from meshgate.mesh.authorization.ztunnel_rules import is_sent, ztunnel_rules
from meshgate.model import ExtensionProvider

_PROVIDER = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


class RequestJudgement(enum.StrEnum):
    """What becomes of one request.

    CUSTOM           an external authorizer decides, everything else allows
    UNAUTHENTICATED  its token is refused before any policy is asked
    """

    ALLOW = "allow"
    DENY = "deny"
    CUSTOM = "custom"
    UNAUTHENTICATED = "unauthenticated"


class RuleSet(Struct, frozen=True):
    """Enforced rules by what they do; dry-run policies are not among them.

    unauthorized  CUSTOM rules without an authorizer that answers: what they match is denied
    custom        CUSTOM rules that ask their authorizer
    is_closed     an ALLOW policy applies: what no ALLOW rule matches is denied
    """

    unauthorized: tuple[ProxyRule, ...] = ()
    custom: tuple[ProxyRule, ...] = ()
    audit: tuple[ProxyRule, ...] = ()
    deny: tuple[ProxyRule, ...] = ()
    allow: tuple[ProxyRule, ...] = ()
    is_closed: bool = False

    def judge(
        self, value: Callable[[Attribute], Value]
    ) -> tuple[RequestJudgement, tuple[ProxyRule, ...]]:
        """What becomes of a call whose attributes `value` gives, and all rules that match it."""
        unauthorized, custom, audit, deny, allow = (
            [rule for rule in rules if rule.matches(value)]
            for rules in (self.unauthorized, self.custom, self.audit, self.deny, self.allow)
        )
        matching = (*unauthorized, *custom, *audit, *deny, *allow)
        if deny or unauthorized or (self.is_closed and not allow):
            return RequestJudgement.DENY, matching
        return (RequestJudgement.CUSTOM if custom else RequestJudgement.ALLOW), matching


def proxy_rule_set(
    policies: Sequence[AuthorizationPolicy],
    chain: Chain,
    domains: TrustDomains,
    providers: Collection[ExtensionProvider],
) -> RuleSet:
    """The rules of a proxy in an HTTP or TCP chain (authz builder.build)."""
    rules: dict[Action, list[ProxyRule]] = {action: [] for action in Action}
    enforced = [policy for policy in policies if not policy.dry_run]
    for policy in enforced:
        rules[policy.action] += proxy_rules(policy, chain, domains)
    unauthorized, custom = _by_authorizer(enforced, rules[Action.CUSTOM], chain, providers)
    return RuleSet(
        unauthorized=unauthorized,
        custom=custom,
        audit=tuple(rules[Action.AUDIT]),
        deny=tuple(rules[Action.DENY]),
        allow=tuple(rules[Action.ALLOW]),
        is_closed=any(policy.action is Action.ALLOW for policy in enforced),
    )


def ztunnel_rule_set(policies: Sequence[AuthorizationPolicy]) -> RuleSet:
    """The rules of a workload at ztunnel, which knows ALLOW and DENY only."""
    sent = [policy for policy in policies if is_sent(policy)]
    rules = [rule for policy in sent for rule in ztunnel_rules(policy)]
    return RuleSet(
        deny=tuple(rule for rule in rules if rule.action is Action.DENY),
        allow=tuple(rule for rule in rules if rule.action is Action.ALLOW),
        is_closed=any(policy.action is Action.ALLOW for policy in sent),
    )


def _by_authorizer(
    policies: Sequence[AuthorizationPolicy],
    rules: Sequence[ProxyRule],
    chain: Chain,
    providers: Collection[ExtensionProvider],
) -> tuple[tuple[ProxyRule, ...], tuple[ProxyRule, ...]]:
    """CUSTOM rules without and with an authorizer (extauthz.go, processExtensionProvider).

    A provider counts if its name is unique and a DNS label. One workload has one provider; with
    more, none is asked. HTTP providers see no TCP.
    """
    names = {policy.provider for policy in policies if policy.action is Action.CUSTOM}
    counts = Counter(provider.name for provider in providers)
    known = {
        provider.name: provider
        for provider in providers
        if counts[provider.name] == 1 and _PROVIDER.fullmatch(provider.name)
    }
    if len(names) > 1 or not names <= set(known):
        return tuple(rules), ()
    if chain is Chain.TCP and any(known[name].kind == "http" for name in names):
        return (), ()
    return (), tuple(rules)
