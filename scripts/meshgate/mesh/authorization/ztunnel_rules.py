"""Rules as istiod sends them to ztunnel, which judges connections (convertAuthorizationPolicy)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from meshgate.mesh.authorization.attributes import Attribute, Kind
from meshgate.mesh.authorization.identities import principal_matcher, service_account_matcher
from meshgate.mesh.authorization.matchers import (
    BlockMatcher,
    Form,
    Matcher,
    PatternMatcher,
    PortMatcher,
    text_matcher,
)
from meshgate.mesh.authorization.policies import (
    Action,
    AuthorizationPolicy,
    Fields,
    PolicyRule,
    positive_field,
)
from meshgate.mesh.authorization.terms import EVERYTHING, Entry, ProxyRule, Term

# Fields that ztunnel cannot judge; `trustDomains` is not among them: it is lost without a word.
_HTTP_FIELDS = frozenset({"hosts", "methods", "paths", "requestPrincipals", "remoteIpBlocks"})
_KEYS = {
    "source.ip": "ipBlocks",
    "source.namespace": "namespaces",
    "source.principal": "principals",
    "destination.ip": "destination.ip",
    "destination.port": "ports",
}
_ATTRIBUTES = {
    "principals": Kind.IDENTITY,
    "namespaces": Kind.IDENTITY,
    "serviceAccounts": Kind.IDENTITY,
    "ipBlocks": Kind.SOURCE_IP,
    "destination.ip": Kind.DESTINATION_IP,
    "ports": Kind.PORT,
}


def is_sent(policy: AuthorizationPolicy) -> bool:
    """Whether ztunnel gets a policy at all."""
    return (
        policy.action in {Action.ALLOW, Action.DENY}
        and not policy.dry_run
        and not policy.attachment.targets
    )


def ztunnel_rules(policy: AuthorizationPolicy) -> tuple[ProxyRule, ...]:
    """The rules of a policy that ztunnel gets (handleRule); dropped ones are missing."""
    rules = (_rule(policy, index, rule) for index, rule in enumerate(policy.rules))
    return tuple(rule for rule in rules if rule is not None)


def unjudged_fields(rule: PolicyRule) -> list[str]:
    """The fields and keys of a rule that ztunnel cannot judge, as they are written."""
    names = [
        name
        for fields in (*rule.sources, *rule.operations)
        for name in fields
        if positive_field(name) in _HTTP_FIELDS
    ]
    names += [condition.key for condition in rule.conditions if condition.key not in _KEYS]
    return list(dict.fromkeys(names))


def _rule(policy: AuthorizationPolicy, index: int, rule: PolicyRule) -> ProxyRule | None:
    if policy.action is Action.ALLOW and unjudged_fields(rule):
        return None
    namespace = policy.namespace
    conditions: list[Term] = []
    for condition in rule.conditions:
        terms = list(_terms(condition.key, condition.values, condition.excluded, namespace))
        if not terms:
            # An empty entry never matches (rbac.rs), and `when` needs all of its entries.
            return ProxyRule(policy, index, sources=())
        conditions += terms
    return ProxyRule(
        policy,
        index,
        _entries(rule.sources, namespace),
        _entries(rule.operations, namespace),
        tuple(conditions),
    )


def _entries(entries: Sequence[Fields], namespace: str) -> tuple[Entry, ...]:
    """The entries of `from` or `to`; those of which nothing is left never match."""
    if not entries:
        return EVERYTHING
    converted = (tuple(_entry(fields, namespace)) for fields in entries)
    return tuple(entry for entry in converted if entry)


def _entry(fields: Fields, namespace: str) -> Iterator[Term]:
    for name, values in fields.items():
        base = positive_field(name)
        if base in _ATTRIBUTES:
            yield _term(base, values, base != name, namespace)


def _terms(
    key: str, values: Sequence[str], excluded: Sequence[str], namespace: str
) -> Iterator[Term]:
    if key in _KEYS:
        if values:
            yield _term(_KEYS[key], values, False, namespace)
        if excluded:
            yield _term(_KEYS[key], excluded, True, namespace)


def _term(field: str, values: Sequence[str], negated: bool, namespace: str) -> Term:
    matchers = tuple(_matcher(field, value, namespace) for value in values)
    return Term(Attribute(_ATTRIBUTES[field]), matchers, negated)


def _matcher(field: str, value: str, namespace: str) -> Matcher:
    match field:
        case "principals":
            return principal_matcher(value)
        case "namespaces":
            return _namespace(value)
        case "serviceAccounts":
            return service_account_matcher(value, namespace)
        case "ports":
            return PortMatcher(int(value))
        case _:
            return BlockMatcher.of(value)


def _namespace(value: str) -> Matcher:
    """A namespace compared by itself, unlike in Envoy."""
    matcher = text_matcher(value)
    text = re.escape(matcher.text)
    inner = {
        Form.EXACT: text,
        Form.PREFIX: f"{text}[^/]*",
        Form.SUFFIX: f"[^/]*{text}",
    }.get(matcher.form, "[^/]*")
    return PatternMatcher(f"[^/]*/ns/{inner}/sa/[^/]*")
