"""Find the safe steps to a change of policies, or say why there are none."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence

from meshgate.effect.changes import Effect, Unsafe
from meshgate.effect.steps.holding import NAME, targets
from meshgate.effect.steps.middle import RULE, SERVER, ChangedObject, WayLevel
from meshgate.effect.steps.oracle import Oracle, SpentError, State
from meshgate.effect.steps.search import WayStates, one_by_one, shortest
from meshgate.effect.steps.values import (
    Edit,
    NoPlan,
    NoPlanReason,
    Plan,
    Purpose,
    SafeStep,
    by_key,
    edits_between,
)
from meshgate.model import Expectation, MeshFacts, Resource

# How many changes each of the strategies may judge before it gives up.
LIMIT = 300


def plan(
    before: Sequence[Resource],
    after: Sequence[Resource],
    inventory: Sequence[Resource],
    facts: MeshFacts,
    *,
    whole: Effect | None = None,
    expected: Iterable[Expectation] = (),
    limit: int = LIMIT,
) -> Plan | NoPlan:
    """Safe steps from the policies `before` to those `after`, as few as were found.

    `inventory` and `facts` are those of the side after and stay as they are. `whole` is the effect
    of the change with all that it changes, the inventory too; None: of the policies alone. Every
    step is safe by the judgement of `effect`, loses no call that works at both ends, and opens
    nothing that is closed at both. `limit` bounds how many changes each strategy judges.
    """
    oracle = Oracle((before, after), inventory, facts, expected=expected)
    total = whole or oracle.total
    if total.is_safe:
        steps = (_step(oracle, oracle.old, oracle.new, ()),) if oracle.old != oracle.new else ()
        return Plan(steps, total, oracle.judged)
    if oracle.total.is_safe:
        return NoPlan(NoPlanReason.NOT_POLICY, NOT_POLICY, total, oracle.judged)
    states = _way_states(oracle)
    spent = False
    for strategy in _strategies(states):
        oracle.limit = oracle.judged + limit
        try:
            way = strategy()
        except SpentError:
            spent = True
            continue
        finally:
            oracle.limit = None
        if way is not None:
            return Plan(_steps(oracle, states, way), total, oracle.judged)
    return _none(states, total, limit, spent=spent)


def _way_states(oracle: Oracle) -> WayStates:
    old, new = by_key(oracle.old), by_key(oracle.new)
    order = list(dict.fromkeys((*new, *old)))
    changed = [
        ChangedObject.of(key, old.get(key), new.get(key))
        for key in order
        if old.get(key) is not new.get(key)
    ]
    # Clients before servers, in the order in which they are tried one by one.
    changed.sort(key=lambda each: each.is_server)
    same = {key: old[key] for key in order if key in old and old[key] is new.get(key)}
    return WayStates(oracle, same, changed, order)


def _strategies(states: WayStates) -> Iterable[Callable[[], list[State] | None]]:
    """The ways to look for a plan, the simplest first."""
    oracle = states.oracle
    yield lambda: shortest(oracle, states.grouped(holding=False))
    unsafe = _unsafe(states)
    for exposes in (False, True):
        oracle.exposes = exposes
        for by_client in (False, True):
            states.hold(targets(unsafe, oracle.mesh(oracle.new), by_client=by_client))
            yield lambda: shortest(oracle, states.grouped(holding=True))
        if len(states.changed) > 1:
            if not exposes:
                yield lambda: one_by_one(states, holding=False)
            states.hold(targets(unsafe, oracle.mesh(oracle.new), by_client=False))
            yield lambda: one_by_one(states, holding=True)


def _unsafe(states: WayStates) -> list[Unsafe]:
    """The calls at risk: on the way itself, and on the way through PERMISSIVE."""
    oracle = states.oracle
    unsafe = list(oracle.total.unsafe)
    for clients in (WayLevel.OLD, WayLevel.NEW):
        soft = states.state(states.at(WayLevel.SOFT, clients, clients))
        unsafe += oracle.effect(oracle.old, soft).unsafe
        unsafe += oracle.effect(soft, oracle.new).unsafe
    return unsafe


def _steps(oracle: Oracle, states: WayStates, way: Sequence[State]) -> tuple[SafeStep, ...]:
    soft = {
        id(oracle.state([value])[0])
        for each in states.changed
        if each.is_server
        for level, value in each.levels.items()
        if value is not None and level not in {WayLevel.OLD, WayLevel.NEW}
    }
    ends = {id(each) for each in (*oracle.old, *oracle.new)}
    return tuple(_step(oracle, here, there, soft - ends) for here, there in itertools.pairwise(way))


def _step(oracle: Oracle, here: State, there: State, soft: Iterable[int]) -> SafeStep:
    edits = edits_between(here, there)
    ends = {id(each) for each in (*oracle.old, *oracle.new)}
    needed = {_purpose(edit, ends, set(soft)) for edit in edits}
    purposes = tuple(each for each in Purpose if each in needed)
    exposed = 0 if there == oracle.new else len(oracle.exposed(there))
    return SafeStep(edits, there, purposes, oracle.effect(here, there), exposed)


def _purpose(edit: Edit, ends: set[int], soft: set[int]) -> Purpose:
    """What one edit is for."""
    if edit.resource.kind == SERVER:
        return Purpose.SOFTEN if id(edit.after) in soft else Purpose.SERVERS
    if edit.resource.kind == RULE:
        if edit.after is not None and id(edit.after) not in ends and _holds(edit.after):
            return Purpose.HOLD
        if edit.before is not None and id(edit.before) not in ends and _holds(edit.before):
            return Purpose.RELEASE
    return Purpose.CLIENTS


def _holds(rule: Resource) -> bool:
    policy = rule.spec.get("trafficPolicy")
    return rule.name.startswith(NAME) or "DISABLE" in str(policy)


NOT_POLICY = (
    "the calls fail on the way because of what changes beside the policies: the inventory or the "
    "mesh of the environment. Change that first, in a change of its own"
)


def _none(states: WayStates, total: Effect, limit: int, *, spent: bool) -> NoPlan:
    judged = states.oracle.judged
    if all(not each.decided for each in total.unsafe):
        why, first = NoPlanReason.UNDECIDED, total.unsafe[0].reason
        return NoPlan(
            why, f"whether calls fail on the way cannot be decided: {first}", total, judged
        )
    count = len(states.changed)
    objects = "one object" if count == 1 else f"{count} objects"
    if spent:
        reason = (
            f"no safe steps were found among {judged:,} changes that were judged, {limit:,} at "
            f"most for each strategy; {objects} differ: split the change yourself, and ask again"
        )
        return NoPlan(NoPlanReason.GAVE_UP, reason, total, judged)
    reason = (
        f"{objects} differ, and in whatever order they change, through PERMISSIVE and with clients "
        "held to plaintext, a call that works before and after fails on the way"
    )
    return NoPlan(NoPlanReason.NO_WAY, reason, total, judged)
