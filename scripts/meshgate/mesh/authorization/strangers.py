"""Identities that policies may treat apart though no workload of the inventory has them.

A policy can name a namespace or a service account in which nothing runs that files know of. Each of
its matchers gets an example here, so that a comparison asks for those identities too.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator

from meshgate.mesh.authorization.attributes import Kind
from meshgate.mesh.authorization.identities import TrustDomains, identity_of
from meshgate.mesh.authorization.matchers import Form, Matcher, PatternMatcher, TextMatcher
from meshgate.mesh.authorization.rule_sets import RuleSet
from meshgate.mesh.authorization.terms import Entry, ProxyRule

# Stands for any text that no file has.
SOME_NAME = "?"
# So many identities are tried at one server.
MAX_IDENTITIES = 512
# An identity is TRUST_DOMAIN/ns/NAMESPACE/sa/ACCOUNT: the places of what is free in it.
_NAMESPACE, _ACCOUNT = 2, 4
_PARTS = 5
_ANY_TEXT = re.compile(r"\.\*|\[\^/\][+*]")
_ESCAPED = re.compile(r"\\(.)")
_OF_NAMESPACE = re.compile(r"\.\*/ns/(.*)/\.\*")
_OF_ACCOUNT = re.compile(r"\[\^/\]\+(/ns/.*/sa/.*)")


class TooManyIdentitiesError(Exception):
    """Policies name more identities than are tried; `str()` says how many."""


def stranger(domains: TrustDomains) -> str:
    """An identity of the mesh that no file names."""
    return identity_of(domains.names[0], SOME_NAME, SOME_NAME)


def rules_of(rules: RuleSet) -> tuple[ProxyRule, ...]:
    """The rules that decide."""
    return (*rules.unauthorized, *rules.custom, *rules.deny, *rules.allow)


def content(rule: ProxyRule) -> tuple[object, ...]:
    """Equal for two rules of equal content, whatever policy they are of."""
    provider = rule.policy.provider
    return (
        rule.action,
        provider,
        frozenset(rule.sources),
        frozenset(rule.operations),
        rule.conditions,
    )


def identity_entries(rule: ProxyRule) -> Iterator[Entry]:
    """What each source of a rule, with its conditions, asks of an identity."""
    own = _of_identity(rule.conditions)
    for source in rule.sources:
        yield (*_of_identity(source), *own)


def holds(entry: Entry, identity: str | None) -> bool:
    """Whether an identity fits what an entry asks of it."""
    return all(term.holds(identity) for term in entry)


def examples(rules: Iterable[ProxyRule], domains: TrustDomains) -> list[str]:
    """Identities that servers trust, of which every matcher of some rules has one if there is any.

    Parts that nothing names are `?`. Raises TooManyIdentitiesError.
    """
    matchers = dict.fromkeys(
        matcher
        for rule in rules
        for entry in identity_entries(rule)
        for term in entry
        for matcher in term.matchers
    )
    whole: dict[str, None] = {}
    namespaces, accounts = {SOME_NAME: None}, {SOME_NAME: None}
    for domain in domains.names:
        for text in itertools.chain.from_iterable(_texts(each, domain) for each in matchers):
            parts = text.split("/")
            if len(parts) != _PARTS or parts[1::2] != ["ns", "sa"] or not all(parts):
                continue
            if SOME_NAME not in {parts[_NAMESPACE], parts[_ACCOUNT]}:
                whole[text] = None
            else:
                namespaces[parts[_NAMESPACE]] = None
                accounts[parts[_ACCOUNT]] = None
    count = len(whole) + len(namespaces) * len(accounts) * len(domains.names)
    if count > MAX_IDENTITIES:
        raise TooManyIdentitiesError(f"policies tell {count} identities apart")
    for names in itertools.product(domains.names, namespaces, accounts):
        whole[identity_of(*names)] = None
    return [text for text in whole if domains.trusts(text)]


def _of_identity(entry: Entry) -> Entry:
    return tuple(term for term in entry if term.attribute.kind is Kind.IDENTITY)


def _texts(matcher: Matcher, domain: str) -> Iterator[str]:
    """Identities of a trust domain that a matcher may fit; whoever asks them tries each."""
    anybody = [domain, "ns", SOME_NAME, "sa", SOME_NAME]
    match matcher:
        case TextMatcher(Form.EXACT, text):
            yield text
        case TextMatcher(Form.PREFIX, text):
            *before, last = text.split("/")
            for part in _ended(last):
                yield "/".join([*before, part, *anybody[len(before) + 1 :]])
            yield "/".join([*before, *anybody[len(before) :]])
        case TextMatcher(Form.SUFFIX, text):
            first, *behind = text.split("/")
            ahead = anybody[: max(0, _PARTS - len(behind) - 1)]
            for part in _begun(first):
                yield "/".join([*ahead, part, *behind])
            yield "/".join([*anybody[: _PARTS - len(behind)], *behind])
        case PatternMatcher(pattern):
            yield from _of_pattern(pattern, domain)
        case _:
            # Fits everybody, or nobody.
            pass


def _ended(text: str) -> tuple[str, ...]:
    return (text, text + SOME_NAME) if text else (SOME_NAME,)


def _begun(text: str) -> tuple[str, ...]:
    return (text, SOME_NAME + text) if text else (SOME_NAME,)


def _of_pattern(pattern: str, domain: str) -> Iterator[str]:
    """The same of the expressions that `namespaces` and `serviceAccounts` become."""
    if match := _OF_NAMESPACE.fullmatch(pattern):
        for filler in ("", SOME_NAME):
            inner = _plain(match[1], filler)
            yield identity_of(domain, inner, SOME_NAME)
    elif match := _OF_ACCOUNT.fullmatch(pattern):
        yield domain + _plain(match[1], SOME_NAME)


def _plain(pattern: str, filler: str) -> str:
    return _ESCAPED.sub(r"\1", _ANY_TEXT.sub(filler, pattern))
