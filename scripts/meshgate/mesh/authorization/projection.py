"""What is left of rules once a connection is known: terms over what each request is free in."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from msgspec import Struct, structs

from meshgate.mesh.authorization.attributes import (
    Attribute,
    Chain,
    Connection,
    Kind,
    TokenIssuers,
    Value,
)
from meshgate.mesh.authorization.rule_sets import RuleSet
from meshgate.mesh.authorization.terms import Entry, ProxyRule, Term

_TOKEN = frozenset({Kind.TOKEN_PRINCIPAL, Kind.CLAIM})
_FORWARDED_FOR = Attribute(Kind.HEADER, "x-forwarded-for")


class UndecidableError(Exception):
    """Rules that the sets cannot hold; the answer is then unknown. `str()` says why."""


class FreeRule(Struct, frozen=True):
    """A rule for one connection: it matches where all terms of any alternative hold."""

    rule: ProxyRule
    alternatives: tuple[Entry, ...]


FreeRules: TypeAlias = tuple[FreeRule, ...]


class FreeRuleSet(Struct, frozen=True):
    """The rules of a server for one connection; rules that cannot match are missing."""

    unauthorized: FreeRules
    custom: FreeRules
    deny: FreeRules
    allow: FreeRules
    is_closed: bool
    issuers: TokenIssuers
    chain: Chain

    @property
    def terms(self) -> Iterator[Term]:
        """All terms of all rules."""
        for rules in (self.unauthorized, self.custom, self.deny, self.allow):
            for rule in rules:
                yield from itertools.chain.from_iterable(rule.alternatives)

    @property
    def meaning(self) -> tuple[object, ...]:
        """What is equal for two rule sets only if they let in the same requests."""
        return (
            self.is_closed,
            self.issuers,
            self.chain,
            *(
                frozenset(entry for rule in rules for entry in rule.alternatives)
                for rules in (self.unauthorized, self.deny, self.allow)
            ),
            frozenset((rule.rule.policy.provider, rule.alternatives) for rule in self.custom),
        )


def project(rules: RuleSet, connection: Connection, issuers: TokenIssuers) -> FreeRuleSet:
    """The rules of a server for one connection. AUDIT decides nothing and is left out."""
    projection = _Projection(connection, issuers)
    return FreeRuleSet(
        unauthorized=tuple(projection.rules(rules.unauthorized)),
        custom=tuple(projection.rules(rules.custom)),
        deny=tuple(projection.rules(rules.deny)),
        allow=tuple(projection.rules(rules.allow)),
        is_closed=rules.is_closed,
        issuers=issuers,
        chain=connection.chain,
    )


def check_independent(terms: Iterable[Term]) -> None:
    """Raise UndecidableError where two attributes hang together, which boxes cannot hold."""
    asked = {term.attribute for term in terms}
    kinds = {attribute.kind for attribute in asked}
    if {Kind.HOST, Kind.AUTHORITY} <= kinds:
        raise UndecidableError("the host is compared both with and without regard to case")
    if {Kind.PATH, Kind.PATH_AND_QUERY} <= kinds:
        raise UndecidableError("the path is compared both with and without its query")
    if Kind.REMOTE_IP in kinds and _FORWARDED_FOR in asked:
        raise UndecidableError("X-Forwarded-For is compared both as text and as an address")
    claims = sorted(attribute.claim for attribute in asked if attribute.kind is Kind.CLAIM)
    for outer, inner in itertools.pairwise(claims):
        if inner[: len(outer)] == outer:
            name = ".".join(outer)
            raise UndecidableError(f"the claim {name} is compared as a text and as an object")


class _Projection:
    """The terms of one connection that are decided before its first request."""

    def __init__(self, connection: Connection, issuers: TokenIssuers) -> None:
        self._fixed: dict[Kind, Value] = {
            Kind.IDENTITY: connection.identity,
            Kind.PORT: connection.port,
            Kind.SNI: connection.sni or None,
            Kind.METADATA: None,
        }
        if connection.source is not None:
            self._fixed[Kind.SOURCE_IP] = connection.source
        if connection.destination is not None:
            self._fixed[Kind.DESTINATION_IP] = connection.destination
        if not issuers.issuers:
            self._fixed |= dict.fromkeys(_TOKEN)
        # Without X-Forwarded-For the client's address is that of the direct peer.
        self._is_remote_free = connection.chain is Chain.HTTP and connection.trusts_headers

    def rules(self, rules: Iterable[ProxyRule]) -> Iterator[FreeRule]:
        """The rules that can match."""
        for rule in rules:
            alternatives = dict.fromkeys(self._alternatives(rule))
            if () in alternatives:
                yield FreeRule(rule, ((),))
            elif alternatives:
                yield FreeRule(rule, tuple(alternatives))

    def _alternatives(self, rule: ProxyRule) -> Iterator[Entry]:
        conditions = self._entry(rule.conditions)
        if conditions is None:
            return
        sources, operations = self._entries(rule.sources), self._entries(rule.operations)
        for source, operation in itertools.product(sources, operations):
            yield (*source, *operation, *conditions)

    def _entries(self, entries: Iterable[Entry]) -> tuple[Entry, ...]:
        """The entries that can match; only the empty one where it is among them."""
        left = tuple(free for entry in entries if (free := self._entry(entry)) is not None)
        return ((),) if () in left else left

    def _entry(self, entry: Entry) -> Entry | None:
        """The terms that are still free; None: one that is not free does not hold."""
        free = []
        for term in entry:
            attribute = term.attribute
            if attribute.kind is Kind.REMOTE_IP and not self._is_remote_free:
                attribute = Attribute(Kind.SOURCE_IP)
            if attribute.kind not in self._fixed:
                free.append(structs.replace(term, attribute=attribute))
            elif not term.holds(self._fixed[attribute.kind]):
                return None
        return tuple(free)
