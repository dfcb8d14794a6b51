"""Rules as Istio gives them to Envoy: sidecars, gateways, waypoints (authz model.New, Generate)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshgate.mesh.authorization.attributes import Chain
from meshgate.mesh.authorization.identities import TrustDomains
from meshgate.mesh.authorization.policies import (
    Action,
    AuthorizationPolicy,
    Fields,
    PolicyRule,
    positive_field,
)
from meshgate.mesh.authorization.proxy_terms import (
    CLAIMS,
    EXPERIMENTAL,
    HEADERS,
    HTTP_ONLY,
    Dialect,
    UnusableError,
    attribute_of,
    proxy_term,
)
from meshgate.mesh.authorization.terms import EVERYTHING, Entry, ProxyRule

# What each field of a source or operation asks for: the `when` key that means the same.
_FIELDS = {
    "principals": "source.principal",
    "requestPrincipals": "request.auth.principal",
    "namespaces": "source.namespace",
    "serviceAccounts": "source.serviceAccount",
    "trustDomains": "source.trustDomain",
    "ipBlocks": "source.ip",
    "remoteIpBlocks": "remote.ip",
    "hosts": "hosts",
    "ports": "destination.port",
    "methods": "methods",
    "paths": "paths",
}
# Beginnings of keys whose end is only read when the rule is generated.
_PREFIXES = (HEADERS, CLAIMS, EXPERIMENTAL)


def proxy_rules(
    policy: AuthorizationPolicy, chain: Chain, domains: TrustDomains
) -> tuple[ProxyRule, ...]:
    """The rules of a policy in a filter chain, HTTP or TCP; those that Istio drops are missing."""
    dialect = Dialect(domains, policy.namespace)
    rules = (
        _proxy_rule(policy, index, rule, chain, dialect) for index, rule in enumerate(policy.rules)
    )
    return tuple(rule for rule in rules if rule is not None)


def key_of(field: str) -> str:
    """The `when` key that asks for the same as a field of a rule; the field where none does."""
    return _FIELDS.get(positive_field(field), positive_field(field))


def http_only_fields(rule: PolicyRule) -> list[str]:
    """The fields and keys of a rule that exist in HTTP only, as they are written."""
    fields = []
    for name in [*_names(rule.sources), *_names(rule.operations)]:
        base = positive_field(name)
        if base in _FIELDS and attribute_of(_FIELDS[base]).kind in HTTP_ONLY:
            fields.append(name)
    keys = (condition.key for condition in rule.conditions)
    fields += [key for key in keys if key.startswith((HEADERS, "request.auth."))]
    return list(dict.fromkeys(fields))


def malformed_keys(rule: PolicyRule) -> list[str]:
    """The keys of a rule that the webhook lets pass and Istio's generator fails on."""
    keys = (condition.key for condition in rule.conditions)
    return [key for key in dict.fromkeys(keys) if not _is_usable(key)]


def rule_fault(rule: PolicyRule) -> str:
    """What of a rule has no meaning, so that the webhook refuses it; empty: all of it has one.

    The webhook refuses more. This is what an evaluation would take for something else.
    """
    for fields in (*rule.sources, *rule.operations):
        unknown = [name for name in fields if positive_field(name) not in _FIELDS]
        if unknown or not fields:
            return f"`{unknown[0]}` is no field of a rule" if unknown else "an entry is empty"
        for key, values, _ in _asked(fields):
            if not _have_meaning(key, values):
                return f"{', '.join(values)} has no meaning for {key}"
    for condition in rule.conditions:
        key, values = condition.key, (*condition.values, *condition.excluded)
        if not values or key in _FIELDS or not (key.startswith(_PREFIXES) or _is_usable(key)):
            return f"the condition `{key}` has no meaning"
        if _is_usable(key) and not _have_meaning(key, values):
            return f"{', '.join(values)} has no meaning for {key}"
    return ""


def _have_meaning(key: str, values: Sequence[str]) -> bool:
    try:
        proxy_term(key, values, False, Chain.HTTP, Dialect(TrustDomains(()), ""))
    except ValueError:
        return False
    return "" not in values


def _is_usable(key: str) -> bool:
    try:
        attribute_of(key)
    except UnusableError:
        return False
    return True


def _proxy_rule(
    policy: AuthorizationPolicy, index: int, rule: PolicyRule, chain: Chain, dialect: Dialect
) -> ProxyRule | None:
    """One rule; None: an ALLOW rule with something that the chain cannot decide."""
    is_allow = policy.action is Action.ALLOW

    def entry(asked: Iterator[tuple[str, Sequence[str], bool]]) -> Entry:
        terms = []
        for key, values, negated in asked:
            try:
                terms.append(proxy_term(key, values, negated, chain, dialect))
            except UnusableError:
                # Elsewhere the term is left out, and the rule is wider.
                if is_allow:
                    raise
        return tuple(terms)

    try:
        return ProxyRule(
            policy,
            index,
            tuple(entry(_asked(fields)) for fields in rule.sources) or EVERYTHING,
            tuple(entry(_asked(fields)) for fields in rule.operations) or EVERYTHING,
            entry(
                (condition.key, values, negated)
                for condition in rule.conditions
                for values, negated in ((condition.values, False), (condition.excluded, True))
                if values
            ),
        )
    except UnusableError:
        return None


def _asked(fields: Fields) -> Iterator[tuple[str, Sequence[str], bool]]:
    """What a source or operation asks: key, values, whether they are excluded."""
    for name, values in fields.items():
        base = positive_field(name)
        if base in _FIELDS:
            yield _FIELDS[base], values, base != name


def _names(entries: Sequence[Fields]) -> Iterator[str]:
    for fields in entries:
        yield from fields
