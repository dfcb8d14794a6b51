"""Objects that are not of this repository, and what they change."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from meshgate.cluster.capture.ownership import ObjectIdentity
from meshgate.effect import CallChange, Effect, PortChange, UndecidedPolicy, effect
from meshgate.effect.changes import CallState, Unsafe
from meshgate.mesh import Mesh
from meshgate.model import Expectation, MeshFacts, Resource

EffectChange: TypeAlias = PortChange | CallChange | Unsafe | UndecidedPolicy

# How often halves of the objects that no change names are left out.
LOOKS = 8
NOBODY = Resource.of({})


class ForeignObject(NamedTuple):
    """A foreign object that is in the cluster and not in the inventory, and what it decides.

    Counted are the ports and calls that are otherwise because of all foreign objects together, and
    that this one decides on. `may` is so where that cannot be told of one object alone.
    """

    resource: Resource
    ports: int = 0
    calls: int = 0
    undecided: int = 0
    may: bool = False

    @property
    def decides(self) -> bool:
        """Whether anything is, or may be, otherwise because of it."""
        return bool(self.ports or self.calls or self.undecided or self.may)


class ForeignOutcome(NamedTuple):
    """What the cluster's objects do that the reviewed ones would not."""

    intended: Mesh
    actual: Mesh
    effect: Effect
    foreign: tuple[ForeignObject, ...]


class ReviewedAndLive(NamedTuple):
    """What was reviewed, and what there is.

    rendered   the environment's own objects
    accepted   foreign objects that decide, as the inventory has them
    live       every object in the cluster that decides
    running    what runs there
    """

    rendered: Sequence[Resource]
    accepted: Sequence[Resource]
    live: Sequence[Resource]
    running: Sequence[Resource]


def outcome(
    world: ReviewedAndLive, facts: MeshFacts, expected: Iterable[Expectation]
) -> ForeignOutcome:
    """Compare the mesh that was reviewed with the one that there is, on the workloads there are."""
    wanted = list(expected)
    ours = {ObjectIdentity.of(resource) for resource in (*world.rendered, *world.accepted)}
    # Copies of what is managed give it its age, by which Istio settles conflicts.
    copies = [
        Resource.of(each.value, foreign=True)
        for each in world.live
        if ObjectIdentity.of(each) in ours
    ]
    intended = Mesh((*world.rendered, *world.accepted, *copies, *world.running), facts)
    actual = Mesh((*world.live, *world.running), facts)
    others = [each for each in world.live if ObjectIdentity.of(each) not in ours]
    foreign = _attributed(others, world, actual, facts, wanted) if others else ()
    return ForeignOutcome(intended, actual, effect(intended, actual, expected=wanted), foreign)


def _attributed(
    foreign: Sequence[Resource],
    world: ReviewedAndLive,
    actual: Mesh,
    facts: MeshFacts,
    expected: Sequence[Expectation],
) -> tuple[ForeignObject, ...]:
    """Each foreign object with what it decides, of one comparison without and with all of them.

    A change names the objects that decide it. What no change names is told apart by leaving halves
    of the objects out, a few times; what is left then may decide.
    """

    def without(some: Sequence[Resource]) -> Effect:
        left_out = set(map(id, some))
        remaining = [each for each in world.live if id(each) not in left_out]
        return effect(Mesh((*remaining, *world.running), facts), actual, expected=expected)

    ids = {ObjectIdentity.of(each) for each in foreign}
    names = {each: str(each) for each in ids}
    counted: dict[ObjectIdentity, ForeignObject] = {}
    # What decides on the ports of a workload, and so on the calls that end there.
    servers: dict[str, set[ObjectIdentity]] = {}
    unnamed = False
    together = without(foreign)
    # Ports first.
    changes: list[EffectChange] = [*together.ports, *together.open_ports]
    changes += [*together.calls, *together.open_calls, *together.unsafe, *together.open_policies]
    for change in changes:
        deciding = {each for each in _deciding(change) if each in ids}
        deciding |= servers.get(_server(change), set())
        reasons = _reasons(change)
        deciding |= {each for each in ids if _is_named(each, names[each], reasons)}
        unnamed |= not deciding
        if isinstance(change, PortChange):
            servers.setdefault(_server(change), set()).update(deciding)
        for each in deciding:
            counted[each] = _counted(counted.get(each), change)
    listed = [
        counted.get(ObjectIdentity.of(each), ForeignObject(each))._replace(resource=each)
        for each in foreign
    ]
    if unnamed:
        silent = [each.resource for each in listed if not each.decides]
        suspects = {id(each) for each in _suspects(silent, without)}
        listed = [each._replace(may=id(each.resource) in suspects) for each in listed]
    return tuple(listed)


def _suspects(
    silent: Sequence[Resource], without: Callable[[Sequence[Resource]], Effect]
) -> Iterator[Resource]:
    """Those of the objects without which something is otherwise, or may be."""
    pending, tries = [list(silent)] if silent else [], LOOKS
    while pending:
        group = pending.pop()
        if not tries:
            yield from group
            continue
        tries -= 1
        if without(group).is_empty:
            continue
        if len(group) == 1:
            yield from group
        else:
            middle = len(group) // 2
            pending += [group[middle:], group[:middle]]


def _counted(so_far: ForeignObject | None, change: EffectChange) -> ForeignObject:
    one = so_far or ForeignObject(NOBODY)
    if isinstance(change, UndecidedPolicy) or not change.decided:
        return one._replace(undecided=one.undecided + 1)
    if isinstance(change, PortChange):
        return one._replace(ports=one.ports + 1)
    return one._replace(calls=one.calls + change.count)


def _deciding(change: EffectChange) -> Iterator[ObjectIdentity]:
    """The objects that a change names as those that decide it."""
    if isinstance(change, UndecidedPolicy):
        resources: Iterable[Resource | None] = [change.policy]
    elif isinstance(change, PortChange):
        resources = [each.decided_by.policy for each in (change.before, change.after)]
    else:
        resources = [
            change.service,
            change.route if isinstance(change, CallChange) else None,
            *(each for call in (change.before, change.after) if call for each in _of_call(call)),
        ]
    yield from (ObjectIdentity.of(each) for each in resources if each is not None)


def _server(change: EffectChange) -> str:
    """The workload whose port a change is about, or that its calls end at; empty: none."""
    if isinstance(change, UndecidedPolicy):
        return ""
    if isinstance(change, PortChange):
        return f"{change.namespace}/{change.workload.name}"
    end = change.endpoint
    return f"{end.namespace}/{end.workload}" if end is not None and end.workload else ""


def _of_call(call: CallState) -> Iterator[Resource]:
    """The objects that decide on one side of a call."""
    yield from call.rules
    if call.admission is not None:
        yield from (each.resource for each in call.admission.decision.decided_by)
    if call.blocking is not None:
        yield from (policy.resource for _, policy in call.blocking.policies)


def _reasons(change: EffectChange) -> str:
    """What is said of why: an object may be named there alone."""
    texts = [change.reason]
    if not isinstance(change, UndecidedPolicy):
        texts += [each.reason for each in (change.before, change.after) if each is not None]
    return " ".join(texts)


def _is_named(own: ObjectIdentity, name: str, text: str) -> bool:
    """Whether a text names an object, as `Kind ns/name` or `Kind/ns/name`."""
    if not text or own.name not in text:
        return False
    spelled = name.partition("/")[2]
    return any(
        re.search(rf"{re.escape(each)}(?![\w.-])", text) for each in (name, f"{own.kind} {spelled}")
    )
