"""Objects without creationTimestamp: every order is tried, and documents never decide."""

from __future__ import annotations

import itertools

import pytest

from meshes import Object, destination_rule, outcomes, peer_authentication, service, shop
from meshgate.mesh import Mode, Outcome, Tls
from meshgate.mesh.order import created, possible_oldest


class Item:
    """Something with an age."""

    def __init__(self, name: str, created: str = "") -> None:
        self.created = created
        self.name = name
        self.namespace = "x"

    def __repr__(self) -> str:
        return self.name


OLD, NEW = "2025-01-01T00:00:00Z", "2025-01-02T00:00:00Z"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("2025-01-01T00:00:00Z", "2025-01-01T00:00:00Z"),
        ("2025-01-01T02:00:00+02:00", "2025-01-01T00:00:00Z"),
        ("2025-01-01 00:00:00", "2025-01-01T00:00:00Z"),
        ("0001-01-01T00:00:00+02:00", ""),
        ("yesterday", ""),
        (None, ""),
        (7, ""),
    ],
)
def test_a_time_is_sortable_text(value: object, text: str) -> None:
    assert created(value) == text


def test_the_oldest_is_known_where_all_are_dated() -> None:
    assert str(possible_oldest([Item("b", NEW), Item("a", NEW), Item("z", OLD)])) == "(z,)"
    assert str(possible_oldest([Item("b", NEW), Item("a", NEW)])) == "(a,)"


def test_an_undated_item_may_be_older_than_any() -> None:
    found = possible_oldest([Item("old", OLD), Item("b"), Item("new", NEW), Item("a")])
    assert str(found) == "(a, b, old)"


def permutations(*objects: Object) -> list[tuple[Object, ...]]:
    return list(itertools.permutations(objects))


def test_two_orders_of_policies_give_both_answers() -> None:
    rivals = (
        peer_authentication("a", "b", "STRICT", age=None),
        peer_authentication("z", "b", "DISABLE", age=None),
    )
    for objects in permutations(*rivals):
        answer = shop(*objects).server_mode("b", "cart", 8080)
        assert not answer.decided
        assert answer.mode is Mode.STRICT
        assert {each.mode for each in answer.alternatives} == {Mode.STRICT, Mode.DISABLE}
        assert "PeerAuthentication/b/a, PeerAuthentication/b/z" in answer.reason


def test_two_orders_with_one_answer_are_decided() -> None:
    model = shop(
        peer_authentication("a", "b", "STRICT", age=None),
        peer_authentication("z", "b", "STRICT", age=None),
    )
    assert model.server_mode("b", "cart", 8080).decided


def test_an_age_decides_against_the_documents() -> None:
    rivals = (
        peer_authentication("a", "b", "STRICT", age=2),
        peer_authentication("z", "b", "DISABLE", age=1),
    )
    for objects in permutations(*rivals):
        answer = shop(*objects).server_mode("b", "cart", 8080)
        assert (answer.mode, answer.decided) == (Mode.DISABLE, True)


def test_the_order_of_policies_reaches_calls() -> None:
    model = shop(
        peer_authentication("a", "b", "STRICT", age=None),
        peer_authentication("z", "b", "PERMISSIVE", age=None),
        destination_rule("plain", "b", "cart", "DISABLE"),
    )
    client = model.workload("a", "ui")
    (delivery,) = model.client_policy(client, "cart.b", 80).deliveries
    assert delivery.outcome is Outcome.UNKNOWN
    assert {each.outcome for each in delivery.alternatives} == {
        Outcome.REFUSED,
        Outcome.OK_PLAINTEXT,
    }
    assert model.counts()[Outcome.UNKNOWN] == len(model.workloads)


def test_two_orders_of_rules_give_both_answers() -> None:
    rivals = (
        destination_rule("a", "b", "cart", "ISTIO_MUTUAL", age=None),
        destination_rule("z", "b", "cart", "DISABLE", age=None, exportTo=["*"]),
    )
    for objects in permutations(*rivals):
        model = shop(*objects, peer_authentication("m", "istio-system", "STRICT"))
        answer = model.client_policy(model.workload("a", "ui"), "cart.b", 80)
        assert not answer.decided
        assert {each.tls for each in answer.alternatives} == {Tls.ISTIO_MUTUAL, Tls.DISABLE}
        assert [each.outcome for each in answer.deliveries] == [Outcome.UNKNOWN]
        (group,) = [each for each in model.rules.groups if each.pool == "exported"]
        assert len(group.orders) == 2
        assert not group.is_order_open


def test_rules_that_fit_together_are_decided_in_any_order() -> None:
    model = shop(
        destination_rule("a", "b", "cart", "DISABLE", age=None),
        destination_rule("z", "b", "cart", age=None, subsets=[{"name": "v1"}]),
        service("other", "b"),
    )
    answer = model.client_policy(model.workload("a", "ui"), "cart.b", 80)
    assert answer.decided
    assert answer.tls is Tls.DISABLE
    assert outcomes(model, "a/ui") == [Outcome.OK_PLAINTEXT]


def test_a_fallback_that_only_one_order_needs() -> None:
    """A superset swallowed in one order leaves its clients to the root namespace's rule."""
    model = shop(
        destination_rule("narrow", "b", "cart", "ISTIO_MUTUAL", age=None, exportTo=["x"]),
        destination_rule("wide", "b", "cart", "DISABLE", age=None, exportTo=["x", "a"]),
        destination_rule("root", "istio-system", "*.local", "SIMPLE"),
    )
    answer = model.client_policy(model.workload("a", "ui"), "cart.b", 80)
    assert {each.tls for each in answer.alternatives} == {Tls.DISABLE, Tls.SIMPLE}
