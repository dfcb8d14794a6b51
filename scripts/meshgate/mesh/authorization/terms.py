"""Rules as a proxy holds them: terms over attributes, in entries, in rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

from meshgate.mesh.authorization.attributes import Attribute, Value
from meshgate.mesh.authorization.matchers import Matcher
from meshgate.mesh.authorization.policies import Action, AuthorizationPolicy


class Term(Struct, frozen=True):
    """A list of values for one attribute: it holds if any matches, negated if none does."""

    attribute: Attribute
    matchers: tuple[Matcher, ...]
    negated: bool = False

    def holds(self, value: Value) -> bool:
        """Whether the term holds of a value; None: the attribute is absent."""
        return any(matcher.matches(value) for matcher in self.matchers) != self.negated


# All terms of a source, of an operation or of `when` must hold; no terms: everything.
Entry: TypeAlias = tuple[Term, ...]
EVERYTHING: tuple[Entry, ...] = ((),)


class ProxyRule(Struct, frozen=True, eq=False):
    """A rule: one of its sources, one of its operations and all conditions must hold.

    No entry at all among `sources` or `operations`: the rule never matches. Compared by identity.
    """

    policy: AuthorizationPolicy
    index: int
    sources: tuple[Entry, ...] = EVERYTHING
    operations: tuple[Entry, ...] = EVERYTHING
    conditions: Entry = ()

    @property
    def action(self) -> Action:
        """What the rule's policy does."""
        return self.policy.action

    def matches(self, value: Callable[[Attribute], Value]) -> bool:
        """Whether the rule matches a call, whose attributes `value` gives."""
        return (
            _all_hold(self.conditions, value)
            and any(_all_hold(entry, value) for entry in self.sources)
            and any(_all_hold(entry, value) for entry in self.operations)
        )


def _all_hold(entry: Entry, value: Callable[[Attribute], Value]) -> bool:
    return all(term.holds(value(term.attribute)) for term in entry)
