"""Rules of AuthorizationPolicies that no request can match, for what they ask excludes itself."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from msgspec import structs

from meshgate.mesh.authorization import Authorization, AuthorizationPolicy
from meshgate.mesh.authorization.attributes import Attribute, Chain, Kind, TokenIssuers
from meshgate.mesh.authorization.boxes import TooComplexError
from meshgate.mesh.authorization.matchers import PortMatcher
from meshgate.mesh.authorization.policies import Action, PolicyRule
from meshgate.mesh.authorization.projection import UndecidableError
from meshgate.mesh.authorization.proxy_rules import proxy_rules
from meshgate.mesh.authorization.space import Space
from meshgate.mesh.authorization.strangers import TooManyIdentitiesError, examples, holds
from meshgate.mesh.authorization.terms import ProxyRule, Term

# What a token holds depends on who verifies it, and has its own rule.
_LEFT_OUT = frozenset({Kind.TOKEN_PRINCIPAL, Kind.CLAIM, Kind.METADATA})


def contradiction(
    policy: AuthorizationPolicy, number: int, rule: PolicyRule, authorization: Authorization
) -> str:
    """Why a rule can match nothing, wherever it is enforced over HTTP; empty: it can."""
    if not _asks_twice(rule):
        return ""
    # As a DENY, of which nothing is dropped.
    alone = structs.replace(policy, action=Action.DENY)
    own = [
        each
        for each in proxy_rules(alone, Chain.HTTP, authorization.domains)
        if each.index == number
    ]
    reasons = list(itertools.chain.from_iterable(_reasons(each, authorization) for each in own))
    return next(iter(dict.fromkeys(reasons)), "") if all(reasons) else ""


def _asks_twice(rule: PolicyRule) -> bool:
    """Whether a rule asks for anything in two ways: only then it can exclude itself."""
    names = [name for fields in (*rule.sources, *rule.operations) for name in fields]
    asked = len(rule.conditions) + sum(
        bool(each.values and each.excluded) for each in rule.conditions
    )
    return (
        asked > 1
        or bool(asked and names)
        or any(len(fields) > 1 for fields in (*rule.sources, *rule.operations))
    )


def _reasons(rule: ProxyRule, authorization: Authorization) -> Iterator[str]:
    """Of each combination of a source and an operation: why it matches nothing; empty: it may."""
    for source, operation in itertools.product(rule.sources, rule.operations):
        by_attribute: dict[Attribute, list[Term]] = {}
        for term in (*source, *operation, *rule.conditions):
            by_attribute.setdefault(term.attribute, []).append(term)
        yield next(
            (
                f"what it asks of {_named(attribute)} excludes itself"
                for attribute, terms in by_attribute.items()
                if len(terms) > 1
                and attribute.kind not in _LEFT_OUT
                and not _holds_for_some(attribute, terms, rule, authorization)
            ),
            "",
        )


def _holds_for_some(
    attribute: Attribute, terms: Sequence[Term], rule: ProxyRule, authorization: Authorization
) -> bool:
    """Whether one value can satisfy all terms; also where that is not known."""
    positive = [term for term in terms if not term.negated]
    match attribute.kind:
        case Kind.PORT:
            ports = {
                matcher.number
                for term in positive
                for matcher in term.matchers
                if isinstance(matcher, PortMatcher)
            }
            return not ports or any(all(term.holds(port) for term in terms) for port in ports)
        case Kind.IDENTITY:
            return _some_identity(positive, terms, rule, authorization)
        case _:
            return _some_text(terms, authorization)


def _some_text(terms: Sequence[Term], authorization: Authorization) -> bool:
    """Whether some text or address satisfies all; also where that is too much to know."""
    try:
        space = Space(terms, [TokenIssuers()], authorization.normalization, authorization.families)
        return bool(space.entry_boxes(tuple(terms), TokenIssuers()))
    except (TooComplexError, UndecidableError):
        return True


def _some_identity(
    positive: Sequence[Term], terms: Sequence[Term], rule: ProxyRule, authorization: Authorization
) -> bool:
    """Whether some identity satisfies all, where some satisfies each list by itself."""
    try:
        tried = examples((rule,), authorization.domains)
    except TooManyIdentitiesError:
        return True
    if not all(any(map(term.holds, tried)) for term in positive):
        return True
    return not positive or any(holds(tuple(terms), identity) for identity in tried)


def _named(attribute: Attribute) -> str:
    """The attribute in words; several fields ask for the identity."""
    return "the client's identity" if attribute.kind is Kind.IDENTITY else f"the {attribute}"
