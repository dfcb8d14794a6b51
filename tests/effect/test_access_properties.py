"""Changes of policies over random policies: what is the same, and what each witness shows."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

import pytest

from meshes import Object, deployment, mesh, namespace, service, shop, thing
from meshgate.effect import CallState, Change, Effect, effect
from meshgate.mesh import Mesh, Request
from meshgate.mesh.authorization import AccessChange, Server, Side, access_change
from meshgate.mesh.authorization.rule_sets import RequestJudgement

SOURCES: list[Object] = [
    {"namespaces": ["a"]},
    {"namespaces": ["b", "team-*"]},
    {"principals": ["*"]},
    {"principals": ["cluster.local/ns/a/sa/default", "*/sa/bot"]},
    {"notNamespaces": ["a"]},
    {"notPrincipals": ["*"]},
    {"serviceAccounts": ["partners/bot"]},
]
OPERATIONS: list[Object] = [
    {"methods": ["GET"]},
    {"methods": ["GET", "PUT"], "paths": ["/orders*"]},
    {"notPaths": ["/admin/*"]},
    {"paths": ["/health"], "ports": ["8080"]},
    {"hosts": ["cart.b*"]},
    {"ports": ["9090"]},
]
SEEDS = range(12)
NOBODY = "no-namespace-has-this-name"


def rule(dice: random.Random) -> Object:
    made: Object = {}
    if dice.random() < 0.8:
        made["from"] = [{"source": each} for each in dice.sample(SOURCES, dice.randint(1, 2))]
    if dice.random() < 0.7:
        made["to"] = [{"operation": each} for each in dice.sample(OPERATIONS, dice.randint(1, 2))]
    if dice.random() < 0.2:
        made["when"] = [{"key": "request.headers[x-user]", "notValues": ["guest"]}]
    return copy.deepcopy(made)


def policy(dice: random.Random, name: str, action: str = "") -> Object:
    spec: Object = {"action": action or dice.choice(["ALLOW", "ALLOW", "DENY"])}
    if dice.random() < 0.3:
        spec["selector"] = {"matchLabels": {"app": "cart"}}
    spec["rules"] = [rule(dice) for _ in range(dice.randint(1, 3))]
    return named(name, spec)


def named(name: str, spec: Any) -> Object:
    return thing("security.istio.io/v1", "AuthorizationPolicy", name, "b", spec=spec)


def policies(dice: random.Random) -> list[Object]:
    return [policy(dice, f"p{number}") for number in range(dice.randint(1, 3))]


def told(found: Effect) -> set[tuple[object, ...]]:
    """What changes for whom, whatever the policies are called."""
    return {
        (each.clients.label or each.clients.first.members[0].name, each.change, each.requests)
        for each in (*found.calls, *found.open_calls)
    }


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.sampled(every=2)
def test_a_policy_that_matches_nobody_is_as_good_as_none(seed: int) -> None:
    dice = random.Random(seed)
    others = policies(dice)
    gone = policy(dice, "gone", "DENY")
    # Else what goes is the last ALLOW policy: that one still closes when it matches nobody.
    others.append(policy(dice, "last", "ALLOW"))
    edited = copy.deepcopy(gone)
    edited["spec"]["rules"] = [{"from": [{"source": {"principals": [f"x/ns/{NOBODY}/sa/x"]}}]}]
    before = shop(*others, gone)

    deleted, emptied = effect(before, shop(*others)), effect(before, shop(*others, edited))

    assert told(deleted) == told(emptied)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_policy_that_is_renamed_or_split_changes_nothing(seed: int) -> None:
    dice = random.Random(seed)
    others, one = policies(dice), policy(dice, "one")
    before = shop(*others, one)
    spec = one["spec"]
    halves = [[each] for each in spec["rules"]]
    parts = [named(f"part{at}", {**spec, "rules": rules}) for at, rules in enumerate(halves)]

    for again in ([named("two", spec)], parts, [named("twin", spec), named("twin2", spec)]):
        found = effect(before, shop(*others, *again))
        assert found.is_proven, [(each.change, each.requests) for each in found.calls]


def judgement(state: CallState | None, request: Request | None) -> bool:
    """Whether a request gets in, one by one."""
    assert state is not None
    admission = state.admission
    if admission is None:
        return True
    judged = admission.authorization.judge(admission.server, admission.connection, request)
    return judged.judgement is RequestJudgement.ALLOW


def witnesses(found: Effect) -> Iterator[tuple[Change, bool, bool]]:
    for each in found.calls:
        if each.change in {Change.OPENED, Change.CLOSED} and each.witness is not None:
            before, after = (
                judgement(each.before, each.witness),
                judgement(each.after, each.witness),
            )
            yield each.change, before, after


def test_every_witness_gets_another_answer() -> None:
    expected = {(Change.OPENED, False, True), (Change.CLOSED, True, False)}
    asked = 0
    for seed in SEEDS:
        dice = random.Random(seed)
        found = effect(shop(*policies(dice)), shop(*policies(dice)))
        answers = list(witnesses(found))
        asked += len(answers)
        assert set(answers) <= expected, seed
    assert asked > 40


def test_servers_whose_policies_stay_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    def fleet(method: str) -> Mesh:
        objects: list[Object] = []
        for number in range(20):
            place = f"n{number}"
            rules = [{"to": [{"operation": {"methods": [method if number == 3 else "GET"]}}]}]
            own = thing(
                "security.istio.io/v1", "AuthorizationPolicy", "p", place, spec={"rules": rules}
            )
            objects += [namespace(place), deployment("srv", place), service("srv", place), own]
        return mesh(*objects)

    compared: list[Server] = []

    def counted(before: Side, after: Side) -> AccessChange:
        compared.append(after.server)
        return access_change(before, after)

    monkeypatch.setattr("meshgate.mesh.admission.access_change", counted)
    found = effect(fleet("GET"), fleet("PUT"))

    assert found.opened
    assert {server.namespace for server in compared} == {"n3"}
