"""Groups of clients that policies divide: however they are told, the same clients in one order."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from meshes import Object, deployment, mesh, namespace, peer_authentication, service, thing
from meshgate.mesh import Mesh, client_groups, marked_classes
from meshgate.mesh.calls import CallClass
from meshgate.mesh.client_groups import ClientGroup
from meshgate.mesh.network_policies import Direction

PLACES = 24
APPS = ("cart", "web", "job")


def objects(seed: int) -> Iterator[Object]:
    """Namespaces with few labels, and policies that select them by what many have in common."""
    dice = random.Random(seed)
    yield peer_authentication("mesh", "istio-system", "PERMISSIVE")
    for number in range(PLACES):
        place = f"n{number:02}"
        labels = {"team": f"t{number % 3}", "env": "prod" if number % 4 else "dev"}
        # Of some namespaces no file tells the labels.
        if number % 11 != 10:
            yield namespace(place, "enabled" if number % 7 else None, **labels)
        for app in APPS:
            yield deployment(app, place)
        yield service("cart", place)
        types = dice.choice((["Ingress"], ["Egress"], ["Ingress", "Egress"]))
        chosen = {"matchLabels": {"app": dice.choice(APPS)}} if number % 2 else {}
        spec: Object = {"podSelector": chosen, "policyTypes": types}
        if "Ingress" in types:
            spec["ingress"] = [{"from": [peer(dice) for _ in range(dice.randrange(1, 4))]}]
        if "Egress" in types:
            spec["egress"] = [{"to": [peer(dice) for _ in range(dice.randrange(1, 3))]}]
        yield thing("networking.k8s.io/v1", "NetworkPolicy", "some", place, spec=spec)
        source = {"namespaces": [f"n{dice.randrange(PLACES):02}", f"n{dice.randrange(PLACES):02}"]}
        rules = [{"from": [{"source": source}]}]
        yield thing(
            "security.istio.io/v1", "AuthorizationPolicy", "some", place, spec={"rules": rules}
        )


def peer(dice: random.Random) -> Object:
    """Somebody whom a rule names."""
    places = dice.choice(
        (
            {"matchLabels": {"team": f"t{dice.randrange(3)}"}},
            {"matchLabels": {"env": "prod"}},
            {"matchExpressions": [{"key": "team", "operator": "In", "values": ["t0", "t1"]}]},
            {},
            None,
        )
    )
    own: Object = {} if places is None else {"namespaceSelector": places}
    if places is None or dice.random() < 0.4:
        own["podSelector"] = dice.choice(({}, {"matchLabels": {"app": dice.choice(APPS)}}))
    return own


def all_classes(model: Mesh) -> list[object]:
    """All that is said of all classes of calls."""
    return [
        (
            f"{call.service.host}:{call.port.number}",
            [str(client) for client in call.clients.members],
            call.clients.count,
            call.clients.profile is not None,
            call.deliveries and [(each.outcome, each.reason) for each in call.deliveries],
            call.clients.namespaces,
        )
        for call in model.call_classes()
    ]


@pytest.mark.parametrize("seed", range(6))
def test_they_are_those_that_a_list_has(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    resources = list(objects(seed))
    answers = []
    for few in (10_000, 4):
        monkeypatch.setattr(client_groups, "FEW", few)
        monkeypatch.setattr(marked_classes, "FEW", few)
        model = mesh(*resources)
        assert any(policy.rules(Direction.INGRESS) for policy in model.packets.policies)
        parts = [each for each in groups(model) if each.part is not None and not each.profile]
        assert bool(parts) is (few == 4)
        answers.append(all_classes(model))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("seed", range(3))
def test_each_client_is_in_one_of_them(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_groups, "FEW", 4)
    monkeypatch.setattr(marked_classes, "FEW", 4)
    model = mesh(*objects(seed))
    for group in groups(model):
        listed = list(group.classes)
        assert group.count == len(list(group.members)) == sum(map(len, listed))
        assert [each for each in model.clients.classes if group.has(each)] == sorted(
            listed, key=model.clients.classes.index
        )
        own = {id(each) for each in listed}
        left = listed[1::2]
        rest = group.leaving_out(left)
        assert {id(each) for each in rest.classes} == own - {id(each) for each in left}
        assert rest.count == group.count - sum(map(len, left))
    for call in model.call_classes(model.services[:1]):
        others = [each for each in alike(model, call) if each is not call]
        for each in call.clients.classes:
            assert not any(other.clients.has(each) for other in others)


def alike(model: Mesh, call: CallClass) -> list[CallClass]:
    """The classes of calls to the same service port."""
    every = model.call_classes([call.service])
    return [each for each in every if each.port.number == call.port.number]


def groups(model: Mesh) -> list[ClientGroup]:
    """The clients of all classes of calls."""
    return [call.clients for call in model.call_classes()]
