"""Each policy of a server, in the order of evaluation, with one client's requests it matches."""

from __future__ import annotations

import enum
from collections.abc import Iterator

from msgspec import Struct

from meshgate.mesh.authorization.access import AccessSet
from meshgate.mesh.authorization.attributes import Chain
from meshgate.mesh.authorization.cover import described
from meshgate.mesh.authorization.decisions import matches_all, matches_any
from meshgate.mesh.authorization.enforcement import Applied
from meshgate.mesh.authorization.policies import Action, AuthorizationPolicy, PolicyRule
from meshgate.mesh.authorization.projection import FreeRule, FreeRuleSet
from meshgate.mesh.authorization.proxy_rules import http_only_fields, malformed_keys
from meshgate.mesh.authorization.ztunnel_rules import is_sent, unjudged_fields

# The order in which a proxy asks policies.
_ORDER = (Action.CUSTOM, Action.AUDIT, Action.DENY, Action.ALLOW)


class RuleMatch(enum.StrEnum):
    """Which of a client's requests a rule matches."""

    ALL = "matches every request"
    SOME = "matches some requests"
    NONE = "matches no request"
    # ALLOW with fields that this place cannot judge.
    DROPPED = "is dropped here"


class RuleStep(Struct, frozen=True):
    """One rule, by its number from 0. `unjudged` are its fields that this place cannot judge."""

    number: int
    says: RuleMatch
    requests: tuple[str, ...] = ()
    unjudged: tuple[str, ...] = ()


class PolicyStep(Struct, frozen=True):
    """One policy. `ignored`: why it decides nothing; empty: it counts."""

    policy: AuthorizationPolicy
    rules: tuple[RuleStep, ...] = ()
    ignored: str = ""


def policy_steps(applied: Applied, access: AccessSet, rules: FreeRuleSet) -> Iterator[PolicyStep]:
    """Each policy that applies to a server, in order. Raises TooComplexError."""
    groups = (*rules.unauthorized, *rules.custom, *rules.deny, *rules.allow)
    matching = {(id(free.rule.policy), free.rule.index): free for free in groups}
    for policy in sorted(applied.policies, key=lambda policy: _ORDER.index(policy.action)):
        ignored = _ignored(policy, rules.chain)
        steps = (
            RuleStep(
                number,
                RuleMatch.DROPPED
                if unjudged and policy.action is Action.ALLOW
                else _matched(free, access, rules),
                _requests(free, access, rules),
                unjudged,
            )
            for number, rule in enumerate(policy.rules)
            for free in (matching.get((id(policy), number)),)
            for unjudged in (_unjudged(rule, rules.chain),)
        )
        yield PolicyStep(policy, () if ignored else tuple(steps), ignored)


def _ignored(policy: AuthorizationPolicy, chain: Chain) -> str:
    if policy.dry_run:
        return "it is a dry run"
    if policy.action is Action.AUDIT:
        return "AUDIT only logs"
    if chain is Chain.ZTUNNEL and not is_sent(policy):
        return f"ztunnel does not get {policy.action} policies"
    return ""


def _unjudged(rule: PolicyRule, chain: Chain) -> tuple[str, ...]:
    """The fields of a rule that a place cannot judge."""
    match chain:
        case Chain.HTTP:
            return tuple(malformed_keys(rule))
        case Chain.TCP:
            return (*http_only_fields(rule), *malformed_keys(rule))
        case Chain.ZTUNNEL:
            return tuple(unjudged_fields(rule))


def _matched(free: FreeRule | None, access: AccessSet, rules: FreeRuleSet) -> RuleMatch:
    if free is None or not matches_any(access, rules, free):
        return RuleMatch.NONE
    return RuleMatch.ALL if matches_all(access, rules, free) else RuleMatch.SOME


def _requests(free: FreeRule | None, access: AccessSet, rules: FreeRuleSet) -> tuple[str, ...]:
    """What a rule matches, in words."""
    if free is None:
        return ()
    return described(access, access.space.rule_boxes((free,), rules.issuers))
