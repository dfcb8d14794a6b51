"""Ways from the old state to the new one: over groups of objects, then object by object."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence

from meshgate.effect.steps.holding import HeldHost, held
from meshgate.effect.steps.middle import ChangedObject, WayLevel
from meshgate.effect.steps.oracle import Oracle, State
from meshgate.effect.steps.values import Key
from meshgate.model import Resource

Levels = tuple[WayLevel, ...]

SERVER_LEVELS = (WayLevel.NEW, WayLevel.SOFT, WayLevel.SOFT_OLD, WayLevel.SOFT_NEW, WayLevel.OLD)
RULE_LEVELS = (WayLevel.NEW, WayLevel.BOTH, WayLevel.OLD)
OTHER_LEVELS = (WayLevel.NEW, WayLevel.OLD)


class WayStates:
    """What may be on the way: the objects that stay, and those that change."""

    def __init__(
        self,
        oracle: Oracle,
        same: Mapping[Key, Resource],
        changed: Sequence[ChangedObject],
        order: Sequence[Key],
    ) -> None:
        self.oracle = oracle
        self.same = same
        self.changed = changed
        self.order = order
        self.targets: Sequence[HeldHost] = ()
        self._states: dict[tuple[Levels, bool], State] = {}

    def state(self, levels: Levels, *, holding: bool = False) -> State:
        """The state with each changed object at its level; `holding`: clients are held."""
        known = levels, holding
        if known not in self._states:
            there = dict(self.same)
            for each, level in zip(self.changed, levels, strict=True):
                value = each.levels.get(level, each.levels[WayLevel.NEW])
                if value is not None:
                    there[each.key] = value
            policies: Iterable[Resource] = (there[key] for key in self.order if key in there)
            if holding:
                policies = held(policies, self.targets, self.oracle.facts)
            self._states[known] = self.oracle.state(policies)
        return self._states[known]

    def hold(self, wanted: Sequence[HeldHost]) -> None:
        """Hold these from now on."""
        self.targets = wanted
        self._states.clear()

    def at(self, server: WayLevel, rule: WayLevel, other: WayLevel) -> Levels:
        """Every object at the level of its kind."""
        return tuple(
            server if each.is_server else rule if each.is_rule else other for each in self.changed
        )

    def grouped(self, *, holding: bool) -> list[State]:
        """The distinct states in which all objects of a kind are equally far; the new one first."""
        holds = (False, True) if holding else (False,)
        forms = itertools.product(SERVER_LEVELS, RULE_LEVELS, OTHER_LEVELS, holds)
        return list(
            dict.fromkeys(
                self.state(self.at(server, rule, other), holding=hold)
                for server, rule, other, hold in forms
            )
        )


def shortest(oracle: Oracle, states: Sequence[State]) -> list[State] | None:
    """The shortest safe way through these states, or None. Raises SpentError."""
    came: dict[State, State] = {}
    queue = deque([oracle.old])
    while queue:
        here = queue.popleft()
        for there in states:
            if there == oracle.old or there in came or not oracle.is_safe(here, there):
                continue
            came[there] = here
            if there == oracle.new:
                return _walked(came, oracle)
            queue.append(there)
    return None


def one_by_one(states: WayStates, *, holding: bool) -> list[State] | None:
    """A safe way that moves one object at a time, made as short as it can be. Raises SpentError."""
    oracle = states.oracle
    start: tuple[Levels, bool] = ((WayLevel.OLD,) * len(states.changed), False)
    seen = {states.state(*start[:1])}
    way = [(start, oracle.old, _moves(states, start, holding=holding))]
    while way:
        _, here, moves = way[-1]
        if here == oracle.new:
            return _joined(oracle, [state for _, state, _ in way])
        for node in moves:
            there = states.state(node[0], holding=node[1])
            if there not in seen and oracle.is_safe(here, there):
                seen.add(there)
                way.append((node, there, _moves(states, node, holding=holding)))
                break
        else:
            way.pop()
    return None


def _moves(
    states: WayStates, node: tuple[Levels, bool], *, holding: bool
) -> Iterator[tuple[Levels, bool]]:
    """What may be tried next: all that is left, one object further, clients held or released."""
    levels, held_now = node
    yield (WayLevel.NEW,) * len(levels), False
    for wanted in (
        WayLevel.NEW,
        WayLevel.BOTH,
        WayLevel.SOFT,
        WayLevel.SOFT_OLD,
        WayLevel.SOFT_NEW,
    ):
        for index, each in enumerate(states.changed):
            if wanted in each.levels and levels[index] not in {wanted, WayLevel.NEW}:
                yield (*levels[:index], wanted, *levels[index + 1 :]), held_now
    if holding:
        yield levels, not held_now


def _walked(came: Mapping[State, State], oracle: Oracle) -> list[State]:
    way = [oracle.new]
    while way[-1] != oracle.old:
        way.append(came[way[-1]])
    return way[::-1]


def _joined(oracle: Oracle, way: Sequence[State]) -> list[State]:
    """The way with as many of its steps taken together as is safe."""
    oracle.limit = None
    remaining = [way[0]]
    at = 0
    while at < len(way) - 1:
        at = next(
            further
            for further in range(len(way) - 1, at, -1)
            if further == at + 1 or oracle.is_safe(way[at], way[further])
        )
        remaining.append(way[at])
    return remaining
