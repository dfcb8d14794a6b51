"""Rules of AuthorizationPolicies that decide nothing, for others decide all they would."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from msgspec import Struct

from meshgate.mesh.authorization import Action, Authorization, AuthorizationPolicy
from meshgate.mesh.authorization.access import AccessSet, access_sets
from meshgate.mesh.authorization.attributes import Chain, Connection, Kind
from meshgate.mesh.authorization.boxes import Box, TooComplexError, intersections, uncovered
from meshgate.mesh.authorization.enforcement import Enforcer, Server
from meshgate.mesh.authorization.identities import trust_domain_of
from meshgate.mesh.authorization.matchers import Form, TextMatcher
from meshgate.mesh.authorization.projection import (
    FreeRule,
    FreeRuleSet,
    UndecidableError,
    project,
)
from meshgate.mesh.authorization.rule_sets import RuleSet
from meshgate.mesh.authorization.strangers import (
    TooManyIdentitiesError,
    examples,
    identity_entries,
)
from meshgate.mesh.authorization.terms import Entry, ProxyRule
from meshgate.rules.policy_places import EnforcedPlace, PolicyPlaces

# Servers with more rules of one action than this are not compared.
MAX_RULES = 400
# Names no port: what policies say of ports that nothing declares.
OTHER_PORT = 0

RuleKey: TypeAlias = tuple[int, int]


class CoveredRule(Struct, frozen=True):
    """A rule, and the rules that decide in its place wherever it applies."""

    policy: AuthorizationPolicy
    number: int
    by: tuple[tuple[AuthorizationPolicy, int], ...]


def covered_rules(places: PolicyPlaces) -> Iterator[CoveredRule]:
    """The rules that others make superfluous; of equals the first one stays."""
    judge = _Judge(places)
    gone: set[RuleKey] = set()
    for policy in sorted(
        places.mesh.authorization.policies,
        key=lambda policy: (policy.namespace, policy.name),
        reverse=True,
    ):
        if policy.dry_run or policy.fault or policy.action not in {Action.ALLOW, Action.DENY}:
            continue
        for number in reversed(range(len(policy.rules))):
            by = judge.covering(policy, number, gone)
            if by:
                gone.add((id(policy), number))
                yield CoveredRule(policy, number, tuple(by))


class _Chained(Struct, frozen=True):
    """One chain of a place: the ports it stands before, and its rules."""

    server: Server
    chain: Chain
    ports: tuple[int, ...]
    rules: RuleSet


class _ByIdentity:
    """Rules by the whole identities they are for; the others may be for anybody."""

    def __init__(self, rules: Iterable[ProxyRule]) -> None:
        self._exact: dict[str, list[ProxyRule]] = {}
        self._others: list[ProxyRule] = []
        for rule in rules:
            wanted = [_whole(entry) for entry in identity_entries(rule)]
            if all(wanted):
                for text in dict.fromkeys(itertools.chain.from_iterable(wanted)):
                    self._exact.setdefault(text, []).append(rule)
            else:
                self._others.append(rule)

    def of(self, identity: str | None) -> Iterator[ProxyRule]:
        """The rules that may match an identity; None: no identity."""
        yield from self._exact.get(identity, ()) if identity is not None else ()
        yield from self._others


def _whole(entry: Entry) -> list[str]:
    """The identities of which an entry needs one; empty: others may fit, too."""
    for term in entry:
        texts = [
            matcher.text
            for matcher in term.matchers
            if isinstance(matcher, TextMatcher) and matcher.form is Form.EXACT
        ]
        if not term.negated and len(texts) == len(term.matchers):
            return texts
    return []


class _Judge:
    """Whether rules are covered, place by place."""

    def __init__(self, places: PolicyPlaces) -> None:
        self._places = places
        self._mesh = places.mesh
        self._authorization: Authorization = places.mesh.authorization
        self._indexes: dict[tuple[int, Action], tuple[RuleSet, _ByIdentity]] = {}

    def covering(
        self, policy: AuthorizationPolicy, number: int, gone: set[RuleKey]
    ) -> list[tuple[AuthorizationPolicy, int]]:
        """The rules that cover one everywhere; none: it decides something, or it is not known."""
        covering: dict[RuleKey, tuple[AuthorizationPolicy, int]] = {}
        decided = False
        for place in self._places.of(policy):
            for chain, ports in self._chains(place).items():
                rules = self._authorization.rules(place.server, chain)
                group = rules.allow if policy.action is Action.ALLOW else rules.deny
                own = [
                    each for each in group if (id(each.policy), each.index) == (id(policy), number)
                ]
                others = [
                    each
                    for each in group
                    if each not in own and (id(each.policy), each.index) not in gone
                ]
                if not own:
                    continue
                if not others or len(group) > MAX_RULES:
                    return []
                chained = _Chained(place.server, chain, tuple(ports), rules)
                answer = self._at(chained, own[0], others)
                if answer is None:
                    return []
                decided |= bool(answer)
                for rule in answer:
                    covering[id(rule.policy), rule.index] = rule.policy, rule.index
        return list(covering.values()) if decided else []

    def _chains(self, place: EnforcedPlace) -> dict[Chain, dict[int, None]]:
        """The ports of a place, by what judges them."""
        by_chain: dict[Chain, dict[int, None]] = {}
        for workload in place.workloads:
            for port in (*self._mesh.ports(workload), OTHER_PORT):
                for chain in self._places.chains(workload, port):
                    by_chain.setdefault(chain, {})[port] = None
        return by_chain

    def _at(
        self, at: _Chained, own: ProxyRule, others: Sequence[ProxyRule]
    ) -> list[ProxyRule] | None:
        """The rules that cover one at a place; None: they do not, or it is not known."""
        try:
            identities = list(self._identities(at.rules, own))
        except TooManyIdentitiesError:
            return None
        by_rule: dict[int, ProxyRule] = {}
        # Clients and ports of which the rules ask the same are one.
        seen: set[object] = set()
        known = {id(each) for each in others}
        index = self._index(at.rules, own.action)
        issuers = self._authorization.applied(at.server).issuers
        trusts = at.server.enforcer is not Enforcer.GATEWAY
        alone = RuleSet(deny=(own,))
        for port, identity in itertools.product(_apart(at.ports, (own, *others)), identities):
            connection = Connection(at.chain, port, identity, trusts_headers=trusts)
            if not project(alone, connection, issuers).deny:
                continue
            near = tuple(each for each in index.of(identity) if id(each) in known)
            if not near:
                return None
            free = project(RuleSet(deny=(own, *near)), connection, issuers)
            mine, *rest = free.deny
            key = mine.alternatives, tuple(each.alternatives for each in rest)
            if key in seen:
                continue
            seen.add(key)
            by = self._covering(free, mine, rest)
            if by is None:
                return None
            by_rule.update((id(rule), rule) for rule in by)
        return list(by_rule.values())

    def _index(self, rules: RuleSet, action: Action) -> _ByIdentity:
        key = id(rules), action
        if key not in self._indexes:
            group = rules.allow if action is Action.ALLOW else rules.deny
            # The rules are stored with the answer, so that no others take their identity.
            self._indexes[key] = rules, _ByIdentity(group)
        return self._indexes[key][1]

    def _identities(self, rules: RuleSet, own: ProxyRule) -> Iterator[str | None]:
        """Whom to try: of each class of clients that a rule may match one that others least name.

        Raises TooManyIdentitiesError.
        """
        domains = self._authorization.domains
        yield from dict.fromkeys([*examples((own,), domains), None])
        for identity in self._mesh.admissions.named(rules):
            for domain in domains.names:
                yield domain + identity[len(trust_domain_of(identity)) :]

    def _covering(
        self, free: FreeRuleSet, mine: FreeRule, rest: Sequence[FreeRule]
    ) -> list[ProxyRule] | None:
        """The rules of `rest` that cover a rule for one client; None: they do not all of it."""
        whole = next((each for each in rest if () in each.alternatives), None)
        if whole is not None or not rest:
            return [whole.rule] if whole is not None else None
        try:
            (access,) = access_sets(
                [free], self._authorization.normalization, self._authorization.families
            )
            boxes = intersections(access.universe, access.space.rule_boxes((mine,), free.issuers))
            # What matches nothing by itself is reported elsewhere.
            return _cover(boxes, access, free, rest) if boxes else []
        except (TooComplexError, UndecidableError):
            return None


def _cover(
    boxes: Sequence[Box], access: AccessSet, free: FreeRuleSet, rest: Sequence[FreeRule]
) -> list[ProxyRule] | None:
    """The rules of `rest` that cover boxes, one alone where one does; None: they do not."""
    parts: list[ProxyRule] = []
    cover: list[Box] = []
    for each in rest:
        own = access.space.rule_boxes((each,), free.issuers)
        if all(uncovered(box, own) is None for box in boxes):
            return [each.rule]
        if intersections(boxes, own):
            parts.append(each.rule)
            cover += own
    return parts if all(uncovered(box, cover) is None for box in boxes) else None


def _apart(ports: Iterable[int], rules: Iterable[ProxyRule]) -> list[int]:
    """The ports that some rule asks for, and one of all others."""
    asked = [
        term
        for rule in rules
        for entry in (*rule.sources, *rule.operations, rule.conditions)
        for term in entry
        if term.attribute.kind is Kind.PORT
    ]
    named = [
        port
        for port in ports
        if any(matcher.matches(port) for term in asked for matcher in term.matchers)
    ]
    return [*named, *(port for port in ports if port not in named)][: len(named) + 1]
