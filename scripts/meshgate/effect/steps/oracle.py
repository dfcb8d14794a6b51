"""The judge of a plan: whether a state is no worse than both ends, and a step is safe."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from meshgate.effect.changes import Effect
from meshgate.effect.compare import effect
from meshgate.effect.steps.middle import SERVER, named_subsets, subsets_of
from meshgate.effect.steps.values import Edit, Key, by_key, edits_between, key_of, sorted_by
from meshgate.effect.verdicts import Change
from meshgate.mesh import Mesh
from meshgate.mesh.admission import opens_between
from meshgate.mesh.hosts import expand
from meshgate.model import Expectation, MeshFacts, Resource

State = tuple[Resource, ...]

LOSSES = frozenset(
    {Change.BREAKS, Change.LED_AWAY, Change.SHUT_OUT, Change.VANISHES, Change.UNKNOWN}
)

# A step of so many objects has an order.
SEVERAL = 2


class SpentError(Exception):
    """As many changes were judged as may be."""


class Oracle:
    """Judges states and steps between two ends, each once.

    A state holds if it loses no call and leaves open no port and no call that both ends have. A
    step is safe as `meshgate diff` says, also while its objects are applied one by one, and if it
    breaks nothing that the whole does not break.
    """

    def __init__(
        self,
        ends: tuple[Sequence[Resource], Sequence[Resource]],
        inventory: Sequence[Resource],
        facts: MeshFacts,
        *,
        expected: Iterable[Expectation] = (),
    ) -> None:
        self.inventory = tuple(inventory)
        self.facts = facts
        self.expected = tuple(expected)
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
                self.mesh(before), self.mesh(after), expected=self.expected
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
        if lets_in(onward, back):
            return False
        return self.exposes or not self.exposed(state)

    def exposed(self, state: State) -> frozenset[str]:
        """The calls that go in plaintext here and at neither end."""
        return exposures(self.effect(self.old, state)) & exposures(self.effect(self.new, state))

    def is_safe(self, before: State, after: State) -> bool:
        """Whether this step may be taken. Raises SpentError."""
        if self._races(before, after) or not (self.holds(before) and self.holds(after)):
            return False
        return self._is_step(before, after) and all(
            self._is_step(before, partial) and self._is_step(partial, after)
            for partial in self._partial(before, after)
        )

    def _partial(self, before: State, after: State) -> Iterator[State]:
        """What is there while objects are applied: all of servers, or of clients; one; all but one.

        An apply has no order. Not every order is tried, since there are too many.
        """
        edits = edits_between(before, after)
        if len(edits) < SEVERAL:
            return
        servers = [edit for edit in edits if edit.resource.kind == SERVER]
        clients = [edit for edit in edits if edit.resource.kind != SERVER]
        some = [part for part in (servers, clients) if servers and clients]
        some += [[edit] for edit in edits]
        some += [[other for other in edits if other is not edit] for edit in edits]
        there = by_key(before)
        yield from dict.fromkeys(self._applied(there, part) for part in some)

    def _applied(self, there: Mapping[Key, Resource], edits: Iterable[Edit]) -> State:
        applied = dict(there)
        for edit in edits:
            applied.pop(key_of(edit.resource), None)
            if edit.after is not None:
                applied[key_of(edit.resource)] = edit.after
        return self.state(applied.values())

    def _is_step(self, before: State, after: State) -> bool:
        if not (self.holds(before) and self.holds(after)):
            return False
        effect = self.effect(before, after)
        if not effect.is_safe:
            return False
        return {line for each in effect.breaks for line in each.lines()} <= self._lost

    def _races(self, before: State, after: State) -> bool:
        """Whether a subset and a route to it come, or go, at once: one may be there first."""
        (old, new) = ({*map(self._named, subsets_of(each))} for each in (before, after))
        (was, will) = ({*map(self._named, named_subsets(each))} for each in (before, after))
        return bool((new - old) & will or (old - new) & was)

    def _named(self, subset: tuple[str | None, str, str]) -> tuple[str, str]:
        namespace, host, name = subset
        return expand(host, namespace or "", self.facts.cluster_domain), name


def losses(effect: Effect) -> frozenset[str]:
    """The calls that work before and do not, or may not, afterwards."""
    return frozenset(
        line
        for each in (*effect.calls, *effect.open_calls)
        if each.change in LOSSES or not each.decided
        for line in each.lines()
    )


def open_ports(effect: Effect) -> frozenset[str]:
    """The ports that take more than before, or may."""
    changed = (*effect.loosened, *effect.open_ports)
    return frozenset(str(each) for each in changed)


def lets_in(onward: Effect, back: Effect) -> bool:
    """Whether policies of a state let in requests that neither end does, or may.

    `onward` and `back` lead there from the old and from the new end. What only one end denies is
    let in by the other, and may come early or stay late.
    """
    by_call = {line: change for change in back.perhaps(Change.OPENED) for line in change.lines()}
    for change in onward.perhaps(Change.OPENED):
        for line in change.lines():
            other = by_call.get(line)
            if other is not None and opens_between(
                *(state.admission if state is not None else None for state in (
                    change.before, change.after, other.before)),
            ):  # fmt: skip
                return True
    return False


def exposures(effect: Effect) -> frozenset[str]:
    """The calls that turn to plaintext."""
    return frozenset(line for each in effect.exposed for line in each.lines())
