"""Rules as Istio gives them to Envoy: sidecars, gateways, waypoints (authz model.New, Generate)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from meshgate.mesh.authorization.attributes import Attribute, Chain, Kind
from meshgate.mesh.authorization.identities import (
    TrustDomains,
    namespace_matcher,
    principal_matcher,
    service_account_matcher,
    trust_domain_matcher,
)
from meshgate.mesh.authorization.matchers import (
    BlockMatcher,
    Form,
    Matcher,
    NeverMatcher,
    PortMatcher,
    TemplateMatcher,
    text_matcher,
    token_matcher,
)
from meshgate.mesh.authorization.paths import is_template
from meshgate.mesh.authorization.policies import Action, AuthorizationPolicy, Fields, Rule
from meshgate.mesh.authorization.terms import EVERYTHING, Entry, ProxyRule, Term

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
_HEADERS = "request.headers"
_CLAIMS = "request.auth.claims"
_EXPERIMENTAL = "experimental.envoy.filters."
_IN_BRACKETS = re.compile(r"\[(.+)\]")
# Headers that are another attribute; `host` is an alias of `:authority` in Envoy.
_PSEUDO_HEADERS = {
    ":method": Attribute(Kind.METHOD),
    ":path": Attribute(Kind.PATH_AND_QUERY),
    ":authority": Attribute(Kind.AUTHORITY),
    "host": Attribute(Kind.AUTHORITY),
}
_HTTP_ONLY = frozenset(
    {
        Kind.METHOD,
        Kind.PATH,
        Kind.PATH_AND_QUERY,
        Kind.HOST,
        Kind.AUTHORITY,
        Kind.HEADER,
        Kind.TOKEN_PRINCIPAL,
        Kind.CLAIM,
    }
)


class _UnusableError(Exception):
    """A key that Istio's generator fails on, or that its chain has no use for."""


class Dialect(NamedTuple):
    """What the meaning of a value depends on besides the value."""

    domains: TrustDomains
    namespace: str  # of the policy


def proxy_rules(
    policy: AuthorizationPolicy, chain: Chain, domains: TrustDomains
) -> tuple[ProxyRule, ...]:
    """The rules of a policy in a filter chain, HTTP or TCP; those that Istio drops are missing."""
    dialect = Dialect(domains, policy.namespace)
    rules = (
        _proxy_rule(policy, index, rule, chain, dialect) for index, rule in enumerate(policy.rules)
    )
    return tuple(rule for rule in rules if rule is not None)


def http_only_fields(rule: Rule) -> list[str]:
    """The fields and keys of a rule that exist in HTTP only, as they are written."""
    found = []
    for name in [*_names(rule.sources), *_names(rule.operations)]:
        base = _positive(name)
        if base in _FIELDS and _attribute(_FIELDS[base]).kind in _HTTP_ONLY:
            found.append(name)
    keys = (condition.key for condition in rule.conditions)
    found += [key for key in keys if key.startswith((_HEADERS, "request.auth."))]
    return list(dict.fromkeys(found))


def _proxy_rule(
    policy: AuthorizationPolicy, index: int, rule: Rule, chain: Chain, dialect: Dialect
) -> ProxyRule | None:
    """One rule; None: an ALLOW rule with something that the chain cannot decide."""
    is_allow = policy.action is Action.ALLOW

    def entry(asked: Iterator[tuple[str, Sequence[str], bool]]) -> Entry:
        terms = []
        for key, values, negated in asked:
            try:
                terms.append(_term(key, values, negated, chain, dialect))
            except _UnusableError:
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
    except _UnusableError:
        return None


def _asked(fields: Fields) -> Iterator[tuple[str, Sequence[str], bool]]:
    """What a source or operation asks: key, values, whether they are excluded."""
    for name, values in fields.items():
        base = _positive(name)
        if base in _FIELDS:
            yield _FIELDS[base], values, base != name


def _positive(field: str) -> str:
    """The field whose not-form this is, or the field."""
    return field[3].lower() + field[4:] if field.startswith("not") else field


def _names(entries: Sequence[Fields]) -> Iterator[str]:
    for fields in entries:
        yield from fields


def _term(key: str, values: Sequence[str], negated: bool, chain: Chain, dialect: Dialect) -> Term:
    attribute = _attribute(key)
    if chain is Chain.TCP and attribute.kind in _HTTP_ONLY:
        raise _UnusableError
    generator = _GENERATORS[attribute.kind if key not in _BY_KEY else key]
    matchers = (matcher for value in values for matcher in generator(value, dialect))
    return Term(attribute, tuple(dict.fromkeys(matchers)), negated)


def _attribute(key: str) -> Attribute:
    """The attribute that a key asks for. Raises _UnusableError where Istio's generator fails."""
    known = _BY_KEY.get(key) or _ATTRIBUTES.get(key)
    if known is not None:
        return known
    if key.startswith(_HEADERS):
        name = _bracketed(key.removeprefix(_HEADERS)).lower()
        return _PSEUDO_HEADERS.get(name) or Attribute(Kind.HEADER, name)
    if key.startswith(_CLAIMS):
        return Attribute(Kind.CLAIM, _bracketed(key.removeprefix(_CLAIMS)).replace("][", "."))
    if key.startswith(_EXPERIMENTAL):
        return Attribute(Kind.METADATA, key)
    raise _UnusableError


def _bracketed(text: str) -> str:
    found = _IN_BRACKETS.fullmatch(text)
    if found is None:
        raise _UnusableError
    return found[1]


# Keys by which one attribute, the identity, is asked for in several ways.
_BY_KEY = {
    "source.principal": Attribute(Kind.IDENTITY),
    "source.namespace": Attribute(Kind.IDENTITY),
    "source.serviceAccount": Attribute(Kind.IDENTITY),
    "source.trustDomain": Attribute(Kind.IDENTITY),
}
_ATTRIBUTES = {
    "source.ip": Attribute(Kind.SOURCE_IP),
    "remote.ip": Attribute(Kind.REMOTE_IP),
    "destination.ip": Attribute(Kind.DESTINATION_IP),
    "destination.port": Attribute(Kind.PORT),
    "connection.sni": Attribute(Kind.SNI),
    "methods": Attribute(Kind.METHOD),
    "paths": Attribute(Kind.PATH),
    "hosts": Attribute(Kind.HOST),
    "request.auth.principal": Attribute(Kind.TOKEN_PRINCIPAL),
    "request.auth.audiences": Attribute(Kind.CLAIM, "aud"),
    "request.auth.presenter": Attribute(Kind.CLAIM, "azp"),
}


def _texts(value: str, _: Dialect) -> Iterator[Matcher]:
    yield text_matcher(value)


def _present_texts(value: str, _: Dialect) -> Iterator[Matcher]:
    yield text_matcher(value, Form.PRESENT)


def _folded(value: str, _: Dialect) -> Iterator[Matcher]:
    yield text_matcher(value.lower())


def _paths(value: str, _: Dialect) -> Iterator[Matcher]:
    yield TemplateMatcher(value) if is_template(value) else text_matcher(value)


def _blocks(value: str, _: Dialect) -> Iterator[Matcher]:
    yield BlockMatcher.of(value)


def _ports(value: str, _: Dialect) -> Iterator[Matcher]:
    yield PortMatcher(int(value))


def _tokens(value: str, _: Dialect) -> Iterator[Matcher]:
    yield token_matcher(value)


def _nothing(_: str, __: Dialect) -> Iterator[Matcher]:
    # No filter sets dynamic metadata of its own.
    yield NeverMatcher()


def _principals(value: str, dialect: Dialect) -> Iterator[Matcher]:
    for principal in dialect.domains.principals(value):
        yield principal_matcher(principal)


def _namespaces(value: str, _: Dialect) -> Iterator[Matcher]:
    yield namespace_matcher(value)


def _service_accounts(value: str, dialect: Dialect) -> Iterator[Matcher]:
    yield service_account_matcher(value, dialect.namespace)


def _trust_domains(value: str, dialect: Dialect) -> Iterator[Matcher]:
    for domain in dialect.domains.aliases(value):
        yield trust_domain_matcher(domain)


_GENERATORS: dict[str, Callable[[str, Dialect], Iterator[Matcher]]] = {
    "source.principal": _principals,
    "source.namespace": _namespaces,
    "source.serviceAccount": _service_accounts,
    "source.trustDomain": _trust_domains,
    Kind.SOURCE_IP: _blocks,
    Kind.REMOTE_IP: _blocks,
    Kind.DESTINATION_IP: _blocks,
    Kind.PORT: _ports,
    Kind.SNI: _texts,
    Kind.METHOD: _texts,
    Kind.PATH: _paths,
    Kind.PATH_AND_QUERY: _present_texts,
    Kind.HOST: _folded,
    Kind.AUTHORITY: _present_texts,
    Kind.HEADER: _present_texts,
    Kind.TOKEN_PRINCIPAL: _tokens,
    Kind.CLAIM: _texts,
    Kind.METADATA: _nothing,
}
