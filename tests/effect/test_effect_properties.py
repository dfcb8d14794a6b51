"""The effect of a change on meshes of every feature equals a comparison call by call."""

from __future__ import annotations

import functools
import itertools
import json
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from brute_force import (
    Routed,
    at_sidecar,
    both,
    called,
    end,
    lost_its_endpoints,
    mixed_by_brute_force,
    paired,
    same,
    same_workload,
)
from conformance.compare import lines_of, mesh_of, transport_files
from meshgate.effect import (
    NEW_CLIENT,
    NEW_ROUTES,
    OLD_CLIENT,
    OLD_ROUTES,
    CallChange,
    Change,
    Effect,
    effect,
)
from meshgate.effect.verdicts import call_verdict, judged, may_work
from meshgate.mesh import (
    ClientClass,
    DataPlane,
    Mesh,
    Outcome,
    Verdict,
)
from meshgate.mesh.requests import Target
from meshgate.mesh.virtual_services import Destination
from places import TESTS

Row = dict[str, Any]
FOLDER = TESTS / "conformance"
FILES = list(transport_files(FOLDER))
MESHES_PER_FILE = 4
POLICIES = ("PeerAuthentication", "DestinationRule", "VirtualService", "Sidecar", "ServiceEntry")
INVENTORY = ("Deployment", "Service", "Pod")
MODES = ("STRICT", "PERMISSIVE", "DISABLE")
COUNTED = {DataPlane.SIDECAR, DataPlane.GATEWAY, DataPlane.AMBIENT}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.sampled(every=3)
def test_a_mesh_compared_with_itself_has_no_effect(name: str) -> None:
    for case, _ in changes(name):
        found = effect(mesh_of(case), mesh_of(case))

        assert found.is_empty, case["id"]
        assert found.is_safe


@pytest.mark.parametrize("name", FILES)
@pytest.mark.sampled(every=2)
def test_groups_hold_every_call_that_changes_and_no_other(name: str) -> None:
    for before, after in meshes(name):
        found = effect_of(before, after)

        assert expanded(found) == Counter(
            (*by_brute_force(before, after), *routed_away(before, after))
        )


@pytest.mark.parametrize("name", FILES)
def test_a_change_and_its_reverse_mirror_each_other(name: str) -> None:
    for before, after in meshes(name):
        there, back = effect_of(before, after), effect_of(after, before)

        assert sides(there, swapped=False) == sides(back, swapped=True)
        assert ports(there, swapped=False) == ports(back, swapped=True)
        assert transitions(there, swapped=False) == transitions(back, swapped=True)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.sampled(every=2)
def test_a_transition_is_unsafe_where_one_of_four_combinations_fails(name: str) -> None:
    for before, after in meshes(name):
        found = {
            (client.namespace, client.name, each.host, each.port, each.before.subset,
             each.before.endpoint, each.combination, each.outcome)
            for each in effect_of(before, after).unsafe
            if each.decided
            and each.combination in {OLD_CLIENT, NEW_CLIENT}
            and at_sidecar(before, each.before.endpoint)
            and at_sidecar(after, each.after.endpoint)
            for client in each.clients.members
        }  # fmt: skip

        assert found == set(mixed_by_brute_force(before, after))


def test_changes_of_these_meshes_are_of_every_kind() -> None:
    told: Counter[Change] = Counter()
    unsafe = undecided = 0
    for name in FILES:
        for before, after in meshes(name):
            found = effect_of(before, after)
            told.update(each.change for each in (*found.calls, *found.open_calls))
            unsafe += len(found.unsafe)
            undecided += len(found.undecided)

    # Policies of authorization are in meshes of their own: `test_authorization_changes.py`.
    assert set(told) >= set(Change) - {Change.UNKNOWN, Change.OPENED, Change.CLOSED}
    assert unsafe
    assert undecided


@functools.cache
def changes(name: str) -> list[tuple[Row, Row]]:
    """Cases, each with a mutation: policies dropped, modes changed, a workload gone."""
    dice = random.Random(name)
    lines = list(itertools.islice(lines_of(FOLDER / f"{name}.jsonl.gz"), 400))
    return [
        (row, {**row, "resources": list(mutated(row["resources"], dice))})
        for row in map(json.loads, dice.sample(lines, min(MESHES_PER_FILE, len(lines))))
    ]


@functools.cache
def meshes(name: str) -> list[tuple[Mesh, Mesh]]:
    return [(mesh_of(row), mesh_of(other)) for row, other in changes(name)]


@functools.cache
def effect_of(before: Mesh, after: Mesh) -> Effect:
    """The effect, asked for once; meshes are equal only where they are the same."""
    return effect(before, after)


def mutated(resources: list[Row], dice: random.Random) -> Iterator[Row]:
    for each in resources:
        chance = dice.random()
        if each["kind"] == "PeerAuthentication" and chance < 0.7:
            yield {**each, "spec": {**each.get("spec", {}), "mtls": {"mode": dice.choice(MODES)}}}
        elif chance > (0.4 if each["kind"] in POLICIES else 0.04 * (each["kind"] in INVENTORY)):
            yield each


def expanded(found: Effect) -> Counter[tuple[object, ...]]:
    """Every call of every group."""
    return Counter(
        (client.namespace, client.name, client.kind, *told(each))
        for each in (*found.calls, *found.open_calls)
        for client in each.clients.members
    )


def told(each: CallChange) -> tuple[object, ...]:
    return (
        each.host,
        each.port,
        each.before and (each.before.subset, each.before.endpoint, each.before.outcome),
        each.after and (each.after.subset, each.after.endpoint, each.after.outcome),
        each.change,
        each.decided,
    )


def sides(found: Effect, *, swapped: bool) -> Counter[tuple[object, ...]]:
    """Each call with both states; of the side after where it is the reverse."""
    result: Counter[tuple[object, ...]] = Counter()
    for each in (*found.calls, *found.open_calls):
        states = [
            state and (state.subset, state.endpoint, state.outcome)
            for state in (each.before, each.after)
        ]
        first, second = reversed(states) if swapped else states
        for client in each.clients.members:
            key = client.namespace, client.name, each.host, each.port, first, second
            result[*key, each.decided] += 1
    return result


def ports(found: Effect, *, swapped: bool) -> Counter[tuple[object, ...]]:
    result: Counter[tuple[object, ...]] = Counter()
    for each in found.ports:
        states = each.before.mode, each.after.mode
        result[str(each), *(reversed(states) if swapped else states)] += 1
    return result


def transitions(found: Effect, *, swapped: bool) -> Counter[tuple[object, ...]]:
    result: Counter[tuple[object, ...]] = Counter()
    names = {
        OLD_CLIENT: NEW_CLIENT,
        NEW_CLIENT: OLD_CLIENT,
        OLD_ROUTES: NEW_ROUTES,
        NEW_ROUTES: OLD_ROUTES,
    }
    for each in found.unsafe:
        combination = names[each.combination] if swapped else each.combination
        for client in each.clients.members:
            result[str(client), each.host, each.port, combination, each.outcome, each.decided] += 1
    return result


def by_brute_force(before: Mesh, after: Mesh) -> Iterator[tuple[object, ...]]:
    """Every call of every client asked by itself, on both sides."""
    for client, host, port in called(before, after):
        was, will = both(before, after, client, host, port)
        # Nobody relies on calls that a proxy knows on neither side.
        is_known = any(each[2] is not None for each in (*was, *will))
        for pair in paired(was, will):
            old, new = passing(*pair, before, after)
            verdict_ = change_of(old, new, before, after)
            if verdict_ is not None and not all(
                each[2] is not None
                and (each[2].led_to or Destination(host, port, each[0]))
                in moved(before, after, client)
                for each in (old, new)
                if each is not None
            ):
                change, decided = verdict_
                counts = is_known and any(
                    side is not None and side.plane in COUNTED
                    for side in (same(before, client), same(after, client))
                )
                if change is Change.BREAKS and not counts:
                    change = Change.SHUT_OUT
                yield (*client, host, port, side_of(old), side_of(new), change, decided)


Aim = tuple[Destination, Target]
AimKey = tuple[Destination, bool]


def aims(mesh: Mesh, client: ClientClass, host: str, port: int) -> dict[AimKey, Aim]:
    """Where a client's requests for a host go, each with whether there is such a service port."""
    found: dict[AimKey, Aim] = {}
    for each in mesh.requests.destinations(client, host, port):
        target = mesh.requests.target(client, each)
        found[each, target.call is not None] = (each, target)
    return found


def redirected(
    before: Mesh, after: Mesh, client: tuple[str, str, str]
) -> Iterator[tuple[str, int, dict[AimKey, Aim], dict[AimKey, Aim]]]:
    """The hosts and ports whose requests routes take elsewhere."""
    sides = [(mesh, same(mesh, client)) for mesh in (before, after)]
    own = [mesh.clients.class_of(each) if each else None for mesh, each in sides]
    if own[0] is None or own[1] is None or own[0].plane is not own[1].plane:
        return
    asked = {
        (service.host, port.number)
        for mesh in (before, after)
        for service in mesh.services
        for port in service.ports
    }
    for mesh, side in ((before, own[0]), (after, own[1])):
        asked |= mesh.requests.asked_of(side)
        asked |= {(host, 80) for policy in mesh.virtual_services for host in policy.hosts}
    for host, port in sorted(asked):
        then, now = aims(before, own[0], host, port), aims(after, own[1], host, port)
        if then and now and set(then) != set(now):
            yield host, port, then, now


@functools.lru_cache(maxsize=512)
def moved(before: Mesh, after: Mesh, client: tuple[str, str, str]) -> set[Destination]:
    """The destinations that only routes begin or end."""
    return {
        destination
        for _, _, then, now in redirected(before, after, client)
        for destination, _ in set(then) ^ set(now)
    }


def routed_away(before: Mesh, after: Mesh) -> Iterator[tuple[object, ...]]:
    """What routes take elsewhere, client by client, by the host that was meant."""
    clients = sorted({client for client, _, _ in called(before, after)})
    for client in clients:
        for host, port, then, now in redirected(before, after, client):
            was, will = arrivals(then), arrivals(now)
            gone = [each for each in was if each[:2] not in {other[:2] for other in will}]
            come = [each for each in will if each[:2] not in {other[:2] for other in was}]
            pairs = [
                (a, b)
                for a in gone
                for b in come
                if a[0].host == b[0].host
                and (lost_its_endpoints(a[2], b[2]) or same_workload(a[2], b[2]))
            ]
            left = [each for each in gone if all(each is not a for a, _ in pairs)]
            new = [each for each in come if all(each is not b for _, b in pairs)]
            rest = [(a, (new or will)[0]) for a in left] + [((left or was)[0], b) for b in new]
            pairs += [pair for number, pair in enumerate(rest) if pair not in rest[:number]]
            for (first, place, old), (second, other, new_) in pairs:
                change = judged(old[1], new_[1])
                is_led = second.host not in {first.host, host} and may_work(old[1])
                if is_led and call_verdict(new_[1]) is not Verdict.BROKEN:
                    yield *client, host, port, side_of(old), side_of(new_), Change.LED_AWAY, True
                elif change is not None:
                    yield *client, host, port, side_of(old), side_of(new_), *change[:2]
                elif place is None or other is None or place[:4] != other[:4]:
                    yield *client, host, port, side_of(old), side_of(new_), Change.MOVED, True


def arrivals(found: dict[AimKey, Aim]) -> list[tuple[Destination, Any, Routed]]:
    """Each endpoint of each destination, in the order of the destinations."""
    return [
        (destination, end(routed), routed)
        for destination, target in sorted(
            found.values(), key=lambda aim: (*aim[0][:2], aim[0].subset or "")
        )
        for delivery in target.deliveries
        for routed in [(target.call.subset if target.call else None, delivery, target.call)]
    ]


def passing(
    old: Routed | None, new: Routed | None, before: Mesh, after: Mesh
) -> tuple[Routed | None, Routed | None]:
    """Both sides of a call, less the one that is only passed through for want of a host."""
    if old is None or new is None:
        return old, new
    for here, there, mesh, flip in ((old, new, after, False), (new, old, before, True)):
        passed = there[2] is None and there[1].outcome is Outcome.EXTERNAL
        if passed and here[1].outcome is not Outcome.EXTERNAL:
            if may_work(here[1]) and end(here) is not None and not is_gone(here, mesh):
                return old, new
            return (None, new) if flip else (old, None)
    return old, new


def side_of(routed: Routed | None) -> tuple[object, ...] | None:
    return routed and (routed[0], end(routed), routed[1].outcome)


def change_of(
    old: Routed | None, new: Routed | None, before: Mesh, after: Mesh
) -> tuple[Change, bool] | None:
    if old is None or new is None:
        only = old or new
        assert only is not None
        change = Change.VANISHES if new is None else Change.APPEARS
        return None if only[1].outcome is Outcome.NO_ENDPOINT else (change, True)
    for here, there, change in ((old, new, Change.LED_AWAY), (new, old, Change.APPEARS)):
        passed = there[2] is None and there[1].outcome is Outcome.EXTERNAL
        if passed and here[1].outcome is not Outcome.EXTERNAL:
            return change, True
    if new[1].outcome is Outcome.NO_ENDPOINT and is_gone(old, after):
        return Change.VANISHES, True
    if old[1].outcome is Outcome.NO_ENDPOINT and (old[2] is None or is_gone(new, before)):
        return Change.APPEARS, True
    found = judged(old[1], new[1])
    if found is None and old[1].outcome is Outcome.UNKNOWN and ruled(old) != ruled(new):
        return Change.UNKNOWN, False
    return None if found is None else found[:2]


def is_gone(routed: Routed, mesh: Mesh) -> bool:
    place = end(routed)
    return place is not None and bool(place[1]) and same(mesh, place[:3]) is None  # type: ignore[arg-type] # a triple


def ruled(routed: Routed) -> object:
    policy = routed[2].policy if routed[2] is not None else None
    if policy is None:
        return routed[1].mode, None, ()
    return routed[1].mode, policy.tls, tuple(rule.ref for rule in policy.rules)
