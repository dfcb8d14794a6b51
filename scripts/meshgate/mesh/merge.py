"""How Istio merges DestinationRules of one host, and what every possible order of creation gives.

The order of creation decides what is merged into what, and files carry no creationTimestamp. All
orders are searched at once: orders that come to the same are followed only once, so the exact
answer is there for most groups of rules. Where the search would take too long it gives up and says
so, and nobody may take what it found until then for the whole answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from meshgate.mesh import export_to
from meshgate.mesh.destination_rule import DestinationRule
from meshgate.mesh.order import age
from meshgate.mesh.selectors import Labels
from meshgate.mesh.traffic_policy import Resolved, Subset, TrafficPolicy

# The search gives up after so many merges; six rules without anything in common need nearly all.
# Every answer that depends on the order of creation is bound by this limit and no other.
MOST_MERGES = 2000
# What is shown of a search that gave up: so many rules, each as the oldest and as the newest.
MOST_SHOWN = 50

UNTRIED = "more orders of objects without creationTimestamp are possible than can be tried"


class Entry:
    """One merged rule (ConsolidatedDestRule): what the first rule sets, filled up by later ones."""

    __slots__ = (
        "_meaning",
        "export_to",
        "namespace",
        "policy",
        "resolved",
        "rules",
        "selector",
        "subsets",
    )

    def __init__(
        self,
        rules: Sequence[DestinationRule],
        policy: TrafficPolicy | None,
        subsets: Sequence[Subset],
    ) -> None:
        first = rules[0]
        self.namespace = first.namespace
        self.export_to = first.export_to
        self.selector: Labels | None = first.selector
        # In merge order; a rule is listed even if nothing of it survived.
        self.rules = rules
        self.policy = policy
        self.subsets = subsets
        # Filled by the resolver: meanings by service port and subset.
        self.resolved: dict[tuple[int, str | None], Resolved] = {}
        self._meaning: object = None

    def absorbing(self, rule: DestinationRule) -> Entry:
        """This with a later rule: its unknown subsets, and its policy only where there is none."""
        subsets = list(self.subsets)
        names = {subset.name for subset in subsets}
        for subset in rule.subsets:
            if subset.name not in names:
                names.add(subset.name)
                subsets.append(subset)
        policy = rule.policy if self.policy is None else self.policy
        return Entry((*self.rules, rule), policy, subsets)

    def seen_from(self, namespace: str) -> bool:
        """Whether clients of another namespace get it."""
        return export_to.names(self.export_to, namespace)

    @property
    def meaning(self) -> object:
        """Equal for entries that no client can tell apart, whatever the order of their rules."""
        if self._meaning is None:
            self._meaning = (_audience(self), self.policy, _by_name(self.subsets))
        return self._meaning

    @property
    def origin(self) -> object:
        """Equal for entries that get every part from the same rule."""
        policy = next((rule for rule in self.rules if rule.policy is not None), None)
        subsets: dict[str, int] = {}
        for rule in self.rules:
            for subset in rule.subsets:
                subsets.setdefault(subset.name, id(rule))
        members = frozenset(map(id, self.rules))
        return (id(self.rules[0]), id(policy), frozenset(subsets.items()), members)


Entries = tuple[Entry, ...]
# DestinationRules in Istio's order: with a selector first, then by age.
Order = tuple[DestinationRule, ...]
Pools = Sequence[Sequence[DestinationRule]]


def merge(rules: Iterable[DestinationRule]) -> Entries:
    """The entries that rules of one host become, in Istio's order (mergeDestinationRule).

    The rules come with selectors first, then by age. Each rule is offered to every entry so far;
    the last of them decides whether the rule also stands alone.
    """
    entries: Entries = ()
    for rule in rules:
        entries = _with(entries, rule)
    return entries


def _with(entries: Entries, rule: DestinationRule) -> Entries:
    """The entries after one more rule."""
    alone = True
    merged = []
    for entry in entries:
        absorbs, alone = _offer(entry, rule)
        merged.append(entry.absorbing(rule) if absorbs else entry)
    if alone:
        merged.append(Entry((rule,), rule.policy, rule.subsets))
    return tuple(merged)


def _offer(entry: Entry, rule: DestinationRule) -> tuple[bool, bool]:
    """Whether an entry takes a rule in, and whether the rule must also stand alone."""
    same = rule.export_to == entry.export_to
    if not same and not (entry.export_to and rule.export_to >= entry.export_to):
        return False, True
    selecting = rule.selector is not None, entry.selector is not None
    if selecting == (True, True) and rule.selector != entry.selector:
        return False, True
    both_alike = selecting[0] == selecting[1]
    return True, not (same or both_alike)


class MergeOrders(Struct, frozen=True):
    """Orders of creation that come to different results, the one of a fresh cluster first.

    `is_complete` False: the search gave up; there may be results that no order here gives.
    """

    orders: tuple[Order, ...]
    is_complete: bool


class _State(Struct, frozen=True):
    """Some rules in the order in which they were created, and those that come later.

    order    the rules so far
    entries  what they were merged to, in each pool
    later    the rules to come, in Istio's order for a fresh cluster
    """

    order: Order
    entries: tuple[Entries, ...]
    later: Order


def merge_orders(pools: Pools, *, any_age: bool = False, by_origin: bool = False) -> MergeOrders:
    """The orders of creation of some rules of one host that come to different results.

    Rules with a creationTimestamp keep their order, those without may have been created at any
    time; with `any_age` that holds for all of them.

    pools      the rules that are merged with each other; a rule may be in several pools
    by_origin  results also differ where another rule is the one that says the same
    """
    rules = {id(rule): rule for pool in pools for rule in pool}.values()
    search = _Search(pools, any_age=any_age, by_origin=by_origin)
    first = tuple(sorted(rules, key=search.sort_key))
    if len(first) <= 1 or sum(not search.is_dated(rule) for rule in first) == 0:
        return MergeOrders((first,), is_complete=True)
    return search.run(first)


class _Search:
    """One walk through all orders, depth first, so that a fresh cluster's order comes first."""

    def __init__(self, pools: Pools, *, any_age: bool, by_origin: bool) -> None:
        self._pools = [frozenset(map(id, pool)) for pool in pools]
        self._any_age = any_age
        self._by_origin = by_origin
        self._contents: dict[object, int] = {}
        self._content_of: dict[int, int] = {}
        self._merges = 0

    def is_dated(self, rule: DestinationRule) -> bool:
        """Whether the place of a rule among other dated ones is known."""
        return bool(rule.created) and not self._any_age

    def sort_key(self, rule: DestinationRule) -> tuple[bool, tuple[str, str, str]]:
        """The order of a fresh cluster: rules with a selector come first, whatever their age."""
        created, *name = age(rule)
        return rule.selector is None, ("" if self._any_age else created, name[0], name[1])

    def run(self, first: Order) -> MergeOrders:
        """The orders that come to different results."""
        by_meaning: dict[object, Order] = {}
        visited: set[object] = set()
        stack = [_State((), ((),) * len(self._pools), first)]
        while stack:
            state = stack.pop()
            if not state.later:
                by_meaning.setdefault(self._meaning(state), state.order)
                continue
            key = self._meaning(state), self._rest(state.later)
            if key in visited:
                continue
            visited.add(key)
            # The last one pushed is looked at first.
            stack.extend(reversed(self._next(state)))
            if self._merges > MOST_MERGES + len(first):
                return MergeOrders(self._samples(first), is_complete=False)
        return MergeOrders(tuple(by_meaning.values()), is_complete=True)

    def _next(self, state: _State) -> list[_State]:
        """What one more rule makes of it, for each rule whose place among the others matters."""
        selecting = [rule for rule in state.later if rule.selector is not None]
        movable = selecting or state.later
        decisive = [
            (members, _Competition(own, [r for r in movable if id(r) in members], self._stand_in))
            for own, members in zip(state.entries, self._pools, strict=True)
        ]
        states: list[_State] = []
        tried: set[int] = set()
        is_dated_next = False
        for rule in movable:
            if self.is_dated(rule):
                if is_dated_next:
                    continue  # an older one comes first
                is_dated_next = True
            if not any(own.concerns(rule) for members, own in decisive if id(rule) in members):
                # It may come at any time: the earliest is as good as any.
                state = self._after(state, rule)
                is_dated_next = False
            elif self.is_dated(rule) or self._content(rule) not in tried:
                tried.add(self._content(rule))
                states.append(self._after(state, rule))
        return states or [state]

    def _after(self, state: _State, rule: DestinationRule) -> _State:
        self._merges += 1
        entries = tuple(
            _with(own, rule) if id(rule) in pool else own
            for own, pool in zip(state.entries, self._pools, strict=True)
        )
        later = tuple(other for other in state.later if other is not rule)
        return _State((*state.order, rule), entries, later)

    def _meaning(self, state: _State) -> object:
        if self._by_origin:
            return tuple(tuple(each.origin for each in entries) for entries in state.entries)
        return tuple(tuple(each.meaning for each in entries) for entries in state.entries)

    def _stand_in(self, rule: DestinationRule, content: object) -> object:
        return id(rule) if self._by_origin else content

    def _rest(self, later: Sequence[DestinationRule]) -> object:
        """Equal where the rules to come have equal content, and may come in the same orders."""
        dated = [self._content(rule) for rule in later if self.is_dated(rule)]
        undated = Counter(self._content(rule) for rule in later if not self.is_dated(rule))
        return tuple(dated), frozenset(undated.items())

    def _content(self, rule: DestinationRule) -> int:
        """A number for each content that a rule may have."""
        number = self._content_of.get(id(rule))
        if number is None:
            pools = tuple(id(rule) in pool for pool in self._pools)
            content = (_audience(rule), rule.policy, _by_name(rule.subsets), pools)
            key = self._stand_in(rule, content)
            number = self._contents.setdefault(key, len(self._contents))
            self._content_of[id(rule)] = number
        return number

    def _samples(self, first: Order) -> tuple[Order, ...]:
        """The order of a fresh cluster, and each undated rule as the oldest and as the newest."""
        orders = dict.fromkeys([first])
        for rule in [rule for rule in first if not self.is_dated(rule)][:MOST_SHOWN]:
            rest = [other for other in first if other is not rule]
            for order in ([rule, *rest], [*rest, rule]):
                orders[tuple(sorted(order, key=lambda each: each.selector is None))] = None
        return tuple(orders)


class _Competition:
    """What the rules to come in one pool compete for.

    Where all of them are for the same clients they end in the same entries in any order: only the
    first policy counts, and the first subset of each name. A rule that brings nothing that another
    one brings with another content may come at any time.
    """

    def __init__(
        self,
        entries: Entries,
        later: Sequence[DestinationRule],
        stand_in: Callable[[DestinationRule, object], object],
    ) -> None:
        """`stand_in`: equal for rules that may stand for each other in a part of their content."""
        self._is_mixed = len({_audience(rule) for rule in later}) > 1
        if self._is_mixed or not later:
            return
        offers = [(entry, *_offer(entry, later[0])) for entry in entries]
        targets = [entry for entry, absorbs, _ in offers if absorbs]
        # Whether the next rule begins an entry of its own.
        begins = not offers or offers[-1][2]
        # What all entries that take these rules in have already.
        self._has_policy = not begins and all(entry.policy is not None for entry in targets)
        known = [{subset.name for subset in entry.subsets} for entry in targets]
        self._known = set[str]() if begins or not known else set.intersection(*known)
        self._policies = {stand_in(rule, rule.policy) for rule in later if rule.policy is not None}
        self._subsets: dict[str, set[object]] = {}
        for rule in later:
            for name, content in _contents(rule.subsets).items():
                self._subsets.setdefault(name, set()).add(stand_in(rule, content))

    def concerns(self, rule: DestinationRule) -> bool:
        """Whether a rule brings something for which another one competes."""
        if self._is_mixed:
            return True
        if rule.policy is not None and len(self._policies) > 1 and not self._has_policy:
            return True
        return any(
            len(self._subsets[subset.name]) > 1 and subset.name not in self._known
            for subset in rule.subsets
        )


def _audience(rule: DestinationRule | Entry) -> object:
    """Equal for rules and entries that are for the same clients."""
    selector = rule.selector
    return rule.export_to, None if selector is None else tuple(sorted(selector.items()))


def _contents(subsets: Sequence[Subset]) -> dict[str, object]:
    """The content of each subset, by name; of two that have one name the first counts."""
    contents: dict[str, object] = {}
    for each in subsets:
        contents.setdefault(each.name, (tuple(sorted(each.labels.items())), each.policy))
    return contents


def _by_name(subsets: Sequence[Subset]) -> object:
    """Equal for subsets of equal content, in whatever order their names come."""
    return frozenset(_contents(subsets).items())
