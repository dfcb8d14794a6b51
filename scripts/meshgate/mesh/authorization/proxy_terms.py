"""What one field or key of a rule asks of Envoy: the attribute, and a matcher for each value."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

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
from meshgate.mesh.authorization.terms import Term

MAX_PORT = 65535
HEADERS = "request.headers"
CLAIMS = "request.auth.claims"
EXPERIMENTAL = "experimental.envoy.filters."
_IN_BRACKETS = re.compile(r"\[(.+)\]")
# Headers that are another attribute; `host` is an alias of `:authority` in Envoy.
_PSEUDO_HEADERS = {
    ":method": Attribute(Kind.METHOD),
    ":path": Attribute(Kind.PATH_AND_QUERY),
    ":authority": Attribute(Kind.AUTHORITY),
    "host": Attribute(Kind.AUTHORITY),
}
HTTP_ONLY = frozenset(
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


class UnusableError(Exception):
    """A key that Istio's generator fails on, or that a filter chain has no use for."""


class Dialect(Struct, frozen=True):
    """What the meaning of a value depends on besides the value."""

    domains: TrustDomains
    namespace: str  # of the policy


def proxy_term(
    key: str, values: Sequence[str], negated: bool, chain: Chain, dialect: Dialect
) -> Term:
    """The term of a key. Raises UnusableError, and ValueError for a value without meaning."""
    attribute = attribute_of(key)
    if chain is Chain.TCP and attribute.kind in HTTP_ONLY:
        raise UnusableError
    generator = _GENERATORS[attribute.kind if key not in _BY_KEY else key]
    matchers = (matcher for value in values for matcher in generator(value, dialect))
    return Term(attribute, tuple(dict.fromkeys(matchers)), negated)


def attribute_of(key: str) -> Attribute:
    """The attribute that a key asks for. Raises UnusableError where Istio's generator fails."""
    known = _BY_KEY.get(key) or _ATTRIBUTES.get(key)
    if known is not None:
        return known
    if key.startswith(HEADERS):
        name = _bracketed(key.removeprefix(HEADERS)).lower()
        return _PSEUDO_HEADERS.get(name) or Attribute(Kind.HEADER, name)
    if key.startswith(CLAIMS):
        return Attribute(Kind.CLAIM, _bracketed(key.removeprefix(CLAIMS)))
    if key.startswith(EXPERIMENTAL):
        return Attribute(Kind.METADATA, key)
    raise UnusableError


def _bracketed(text: str) -> str:
    match = _IN_BRACKETS.fullmatch(text)
    if match is None:
        raise UnusableError
    return match[1]


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
    port = int(value)
    if not 0 <= port <= MAX_PORT:
        raise ValueError(f"{value} is no port")
    yield PortMatcher(port)


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
