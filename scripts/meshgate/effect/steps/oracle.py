"""The judge of a plan: whether a state is no worse than both ends, and a step is safe."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from meshgate.effect.compare import effect
from meshgate.effect.steps.middle import SERVER, named_subsets, subsets_of
from meshgate.effect.steps.values import sorted_by
from meshgate.effect.terms import Change
from meshgate.mesh import Mesh
from meshgate.mesh.hosts import expand
from meshgate.model import Resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from meshgate.effect.changes import Effect
    from meshgate.effect.parties import Edge
    from meshgate.model import Expectation, MeshFacts

State = tuple[Resource, ...]

LOSSES = frozenset({Change.BREAKS, Change.SHUT_OUT, Change.VANISHES, Change.UNKNOWN})

# A step with objects of servers and of clients.
BOTH = 2


class SpentError(Exception):
    """As many changes were judged as may be."""


class Oracle:
    """Judges states and steps between two ends, each once.

    A state holds if it loses no call and leaves open no port and no call that both ends have. A
    step is safe as `meshgate diff` says, whichever of its objects come first, and if it breaks
    nothing that the whole does not break.
    """

    def __init__(
        self,
        ends: tuple[Sequence[Resource], Sequence[Resource]],
        inventory: Sequence[Resource],
        facts: MeshFacts,
        *,
        expected: Iterable[Expectation] = (),
        seen: Iterable[Edge] = (),
    ) -> None:
        self.inventory = tuple(inventory)
        self.facts = facts
        self.expected = tuple(expected)
        self.seen = tuple(seen)
        self.judged = 0
        self.limit: int | None = None
        # Whether calls may go in plaintext for a while that do not at either end.
        self.exposes = False
        self._interned: dict[str, Resource] = {}
        self._meshes: dict[State, Mesh] = {}
        self._effects: dict[tuple[State, State], Effect] = {}
        self._holds: dict[tuple[State, bool], bool] = {}
        self.old, self.new = (self.state(each) for each in ends)
        self.total = self.effect(self.old, self.new)
        self._lost = losses(self.total)

    def state(self, policies: Iterable[Resource]) -> State:
        """The objects as a state, sorted: states of equal objects are equal."""
        interned = (
            self._interned.setdefault(json.dumps(each.value, sort_keys=True, default=str), each)
            for each in policies
        )
        return tuple(sorted(interned, key=sorted_by))

    def mesh(self, state: State) -> Mesh:
        """What Istio makes of a state."""
        if state not in self._meshes:
            self._meshes[state] = Mesh((*state, *self.inventory), self.facts)
        return self._meshes[state]

    def effect(self, before: State, after: State) -> Effect:
        """What a step does. Raises SpentError."""
        pair = before, after
        if pair not in self._effects:
            if self.limit is not None and self.judged >= self.limit:
                raise SpentError
            self.judged += 1
            self._effects[pair] = effect(
                self.mesh(before), self.mesh(after), expected=self.expected, seen=self.seen
            )
        return self._effects[pair]

    def holds(self, state: State) -> bool:
        """Whether it is no worse than both ends: calls that work, ports and bytes that are kept."""
        if state in {self.old, self.new}:
            return True
        known = state, self.exposes
        if known not in self._holds:
            self._holds[known] = self._bounded(state)
        return self._holds[known]

    def _bounded(self, state: State) -> bool:
        onward = self.effect(self.old, state)
        if not losses(onward) <= self._lost:
            return False
        back = self.effect(self.new, state)
        if open_ports(onward) & open_ports(back):
            return False
        return self.exposes or not self.exposed(state)

    def exposed(self, state: State) -> frozenset[str]:
        """The calls that go in plaintext here and at neither end."""
        return exposures(self.effect(self.old, state)) & exposures(self.effect(self.new, state))

    def is_safe(self, before: State, after: State) -> bool:
        """Whether this step may be taken. Raises SpentError."""
        if self._races(before, after) or not (self.holds(before) and self.holds(after)):
            return False
        halves = self._halves(before, after)
        return all(
            self._is_step(here, there)
            for here, there in ((before, after), *((before, half) for half in halves),
                                *((half, after) for half in halves))
        )  # fmt: skip

    def _halves(self, before: State, after: State) -> tuple[State, ...]:
        """What is there if servers' objects are applied first, or last: an apply has no order."""
        old, new = set(map(id, before)), set(map(id, after))
        apart = {each.kind == SERVER for each in (*before, *after) if (id(each) in old) is not (
            id(each) in new)}  # fmt: skip
        if len(apart) < BOTH:
            return ()
        return tuple(
            self.state(
                (
                    *(each for each in before if (each.kind == SERVER) is first),
                    *(each for each in after if (each.kind == SERVER) is not first),
                )
            )
            for first in (True, False)
        )

    def _is_step(self, before: State, after: State) -> bool:
        if not (self.holds(before) and self.holds(after)):
            return False
        found = self.effect(before, after)
        if not found.is_safe:
            return False
        return {line for each in found.breaks for line in each.lines()} <= self._lost

    def _races(self, before: State, after: State) -> bool:
        """Whether a subset and a route to it come, or go, at once: one may be there first."""
        (old, new) = ({*map(self._named, subsets_of(each))} for each in (before, after))
        (was, will) = ({*map(self._named, named_subsets(each))} for each in (before, after))
        return bool((new - old) & will or (old - new) & was)

    def _named(self, subset: tuple[str | None, str, str]) -> tuple[str, str]:
        namespace, host, name = subset
        return expand(host, namespace or "", self.facts.cluster_domain), name


def losses(found: Effect) -> frozenset[str]:
    """The calls that work before and do not, or may not, afterwards."""
    return frozenset(
        line
        for each in (*found.calls, *found.open_calls)
        if each.change in LOSSES or not each.decided
        for line in each.lines()
    )


def open_ports(found: Effect) -> frozenset[str]:
    """The ports that take more than before, or may."""
    changed = (*found.loosened, *found.open_ports)
    return frozenset(str(each) for each in changed)


def exposures(found: Effect) -> frozenset[str]:
    """The calls that turn to plaintext."""
    return frozenset(line for each in found.exposed for line in each.lines())
