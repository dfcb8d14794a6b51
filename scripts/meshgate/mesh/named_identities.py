"""Which clients some rule may treat otherwise than all others: those whose identities it names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from meshgate.mesh.authorization import identity_of
from meshgate.mesh.authorization.attributes import Kind
from meshgate.mesh.authorization.matchers import Form, Matcher, PatternMatcher, TextMatcher
from meshgate.mesh.authorization.rule_sets import RuleSet
from meshgate.mesh.authorization.strangers import rules_of
from meshgate.mesh.authorization.terms import Term
from meshgate.mesh.client_groups import ClientClass
from meshgate.mesh.clients import MeshClients
from meshgate.mesh.workloads import Workload

# What matchers of whole namespaces and service accounts compare behind the trust domain.
_WITHIN = re.compile(r"(?:\.\*|\[\^/\]\+)/ns/((?:[A-Za-z0-9_]|\\.)+)/(?:sa/.*|\.\*)")


class NamedIdentities:
    """The identities of the clients of a mesh, asked about by rules."""

    __slots__ = ("_by_matcher", "_by_namespace", "_classes", "_known", "_named", "_trust_domain")

    def __init__(self, trust_domain: str) -> None:
        self._trust_domain = trust_domain
        self._by_namespace: dict[str, dict[str, list[ClientClass]]] = {}
        self._known: frozenset[str] = frozenset()
        self._by_matcher: dict[Matcher, frozenset[str] | None] = {}
        # The rules are stored with the answers, so that no others take their identity.
        self._named: dict[int, tuple[RuleSet, frozenset[str]]] = {}
        self._classes: dict[int, tuple[RuleSet, tuple[ClientClass, ...]]] = {}

    def file(self, clients: MeshClients) -> None:
        """Take in the classes of clients, each of which has one service account."""
        for each in clients.classes:
            own = self._by_namespace.setdefault(each.namespace, {})
            own.setdefault(self.of(each.members[0]), []).append(each)
        self._known = frozenset(self.all)

    def of(self, client: Workload) -> str:
        """What mutual TLS proves of a client."""
        return identity_of(self._trust_domain, client.namespace, client.service_account)

    def __contains__(self, identity: object) -> bool:
        """Whether it is the identity of a client."""
        return identity in self._known

    @property
    def all(self) -> Iterator[str]:
        """The identities of all clients."""
        return (identity for own in self._by_namespace.values() for identity in own)

    def named(self, rules: RuleSet) -> frozenset[str]:
        """The identities of clients that some rule may treat otherwise than all others."""
        known = self._named.get(id(rules))
        if known is None:
            named = {
                identity
                for matcher in _identity_matchers(rules)
                for identity in self._matching(matcher) or ()
            }
            known = self._named[id(rules)] = rules, frozenset(named)
        return known[1]

    def classes(self, rules: RuleSet) -> tuple[ClientClass, ...]:
        """The classes of the clients that some rule may treat otherwise than all others."""
        known = self._classes.get(id(rules))
        if known is None:
            # Sorted: sets of text have another order in every run.
            classes = tuple(
                own
                for identity in sorted(self.named(rules))
                for own in self._by_namespace[identity.split("/")[2]][identity]
            )
            known = self._classes[id(rules)] = rules, classes
        return known[1]

    def _matching(self, matcher: Matcher) -> frozenset[str] | None:
        """The identities of clients that a matcher matches; None: all of them."""
        if matcher not in self._by_matcher:
            if isinstance(matcher, TextMatcher) and matcher.form is Form.PRESENT:
                self._by_matcher[matcher] = None
            else:
                candidates = self._candidates(matcher)
                self._by_matcher[matcher] = frozenset(filter(matcher.matches, candidates))
        return self._by_matcher[matcher]

    def _candidates(self, matcher: Matcher) -> Iterable[str]:
        """The identities that a matcher may match: those of the namespace that it names."""
        namespace = None
        if isinstance(matcher, TextMatcher) and matcher.form is Form.EXACT:
            _, *rest = matcher.text.split("/")
            namespace = rest[1] if len(rest) > 1 else ""
        elif isinstance(matcher, PatternMatcher):
            within = _WITHIN.fullmatch(matcher.pattern)
            namespace = re.sub(r"\\(.)", r"\1", within[1]) if within else None
        if namespace is not None:
            return self._by_namespace.get(namespace, {})
        return self.all


def _identity_matchers(rules: RuleSet) -> Iterator[Matcher]:
    seen: dict[Matcher, None] = {}
    for rule in rules_of(rules):
        for entry in (*rule.sources, rule.conditions):
            seen.update(dict.fromkeys(_matchers(entry)))
    yield from seen


def _matchers(entry: Iterable[Term]) -> Iterator[Matcher]:
    for term in entry:
        if term.attribute.kind is Kind.IDENTITY:
            yield from term.matchers
