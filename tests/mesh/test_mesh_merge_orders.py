"""The search through all orders in which DestinationRules of one host may have been created."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from meshes import Object, destination_rule, outcomes, peer_authentication, shop
from meshgate.mesh import Mesh, Outcome
from meshgate.mesh.destination_rule import DestinationRule
from meshgate.mesh.destination_rules import read
from meshgate.mesh.merge import UNTRIED, merge, merge_orders
from meshgate.mesh.order import age
from meshgate.model import Resource

EXPORTS = (None, ["*"], ["."], ["a"], ["a", "c"])
MODES = (None, "DISABLE", "ISTIO_MUTUAL", "SIMPLE")


def rule(name: str, mode: str | None = None, **fields: object) -> DestinationRule:
    resource = Resource.of(destination_rule(name, "b", "cart", mode, **fields))  # type: ignore[arg-type] # of any type
    created = str(resource.metadata.get("creationTimestamp") or "")
    return read(resource, created, "cluster.local")


@st.composite
def rules(draw: st.DrawFn) -> list[DestinationRule]:
    found = []
    for letter in draw(st.sampled_from(("ab", "abc", "abcd", "abcde"))):
        fields: Object = {}
        exported = draw(st.sampled_from(EXPORTS))
        if exported is not None:
            fields["exportTo"] = exported
        if draw(st.integers(0, 3)) == 0:
            labels = draw(st.sampled_from(({"v": "1"}, {"v": "2"}, {})))
            fields["workloadSelector"] = {"matchLabels": labels}
        names = draw(st.lists(st.sampled_from("xy"), max_size=2))
        versions = [draw(st.sampled_from(("1", "2"))) for _ in names]
        if names:
            fields["subsets"] = [
                {"name": name, "labels": {"v": version}}
                for name, version in zip(names, versions, strict=True)
            ]
        created = draw(st.one_of(st.none(), st.integers(1, 2)))
        found.append(rule(letter, draw(st.sampled_from(MODES)), age=created, **fields))
    return found


def meaning(order: Sequence[DestinationRule]) -> object:
    return tuple(entry.meaning for entry in merge(order))


def origin(order: Sequence[DestinationRule]) -> object:
    return tuple(entry.origin for entry in merge(order))


def all_orders(
    found: Sequence[DestinationRule], *, any_age: bool = False
) -> list[tuple[DestinationRule, ...]]:
    """Every order by brute force, that of a fresh cluster first."""
    ordered = sorted(found, key=(lambda rule: rule.name) if any_age else age)
    dated = [] if any_age else [rule for rule in ordered if rule.created]
    return [
        tuple(sorted(order, key=lambda rule: rule.selector is None))
        for order in itertools.permutations(ordered)
        if any_age or [rule for rule in order if rule.created] == dated
    ]


@examples(150)
@given(rules())
def test_the_search_finds_what_trying_every_order_finds(found: list[DestinationRule]) -> None:
    search = merge_orders([found])
    assert search.is_complete
    orders = all_orders(found)
    assert search.orders[0] == orders[0]
    assert {meaning(order) for order in search.orders} == {meaning(order) for order in orders}


@examples(100)
@given(rules(), st.data())
def test_so_it_does_for_several_pools_by_origin(
    found: list[DestinationRule], data: st.DataObject
) -> None:
    other = data.draw(st.lists(st.sampled_from(found), unique_by=id))
    search = merge_orders([found, other], any_age=True, by_origin=True)
    assert search.is_complete

    def both(order: Sequence[DestinationRule]) -> object:
        members = [each for each in order if each in other]
        return contributions(order), contributions(members)

    def contributions(order: Sequence[DestinationRule]) -> object:
        """Which rule says what, in each entry; who is only listed first says nothing."""
        return tuple(
            (entry.policy is not None and entry.origin[1], entry.origin[2])  # type: ignore[index] # not None
            for entry in merge(order)
        )

    expected = {both(order) for order in all_orders(found, any_age=True)}
    assert {both(order) for order in search.orders} == expected


def test_rules_that_compete_for_nothing_are_no_search() -> None:
    subsets = [
        rule(f"s{number}", age=None, subsets=[{"name": f"v{number}"}]) for number in range(200)
    ]
    search = merge_orders([[*subsets, rule("tls", "ISTIO_MUTUAL", age=None)]])
    assert search.is_complete
    assert len(search.orders) == 1


def test_of_many_policies_each_may_be_the_first() -> None:
    found = [rule(f"p{number}", MODES[number % 4], age=None) for number in range(40)]
    search = merge_orders([found])
    assert search.is_complete
    assert len({meaning(order) for order in search.orders}) == len(MODES) - 1


def crowd(count: int) -> list[Object]:
    """Rules that all make plaintext a matter of age, and have nothing in common."""
    return [
        destination_rule(
            f"r{number}",
            "b",
            "cart",
            "DISABLE" if number % 2 else "ISTIO_MUTUAL",
            age=None,
            exportTo=["a", f"n{number}"],
            subsets=[{"name": "v1", "labels": {"n": str(number)}}],
        )
        for number in range(count)
    ]


def sent(count: int, *others: Object) -> tuple[Mesh, Outcome]:
    model = shop(*crowd(count), *others, peer_authentication("m", "istio-system", "STRICT"))
    (outcome,) = outcomes(model, "a/ui")
    return model, outcome


def test_any_number_of_rules_leaves_unknown_what_two_leave_unknown() -> None:
    for count in (2, 5, 6, 7, 12, 60):
        assert sent(count)[1] is Outcome.UNKNOWN, count


def test_where_the_search_gives_up_the_reason_says_so() -> None:
    model, _ = sent(12)
    policy = model.client_policy(model.workload("a", "ui"), "cart.b", 80)
    assert (policy.decided, policy.reason) == (False, UNTRIED)
    assert {delivery.reason for delivery in policy.deliveries} == {UNTRIED}
    groups = [group for group in model.rules.groups if group.pool == "exported"]
    assert [group.is_order_open for group in groups] == [True]
    calls = [call for call in model.calls() if str(call.client) == "a/ui"]
    assert {(call.outcome, call.reason) for call in calls} == {(Outcome.UNKNOWN, UNTRIED)}


def test_giving_up_is_unknown_even_where_all_tried_orders_agree() -> None:
    """The root namespace's rule may answer too, in an order that nobody tried."""
    model = shop(
        *(dict(each, spec=dict(each["spec"], trafficPolicy={})) for each in crowd(12)),
    )
    policy = model.client_policy(model.workload("a", "ui"), "cart.b", 80)
    assert [delivery.outcome for delivery in policy.deliveries] == [Outcome.UNKNOWN]


def test_a_client_that_looks_elsewhere_first_is_answered_all_the_same() -> None:
    model, outcome = sent(12, destination_rule("own", "a", "cart.b.svc.cluster.local", "DISABLE"))
    assert outcome is Outcome.REFUSED
    assert model.client_policy(model.workload("a", "ui"), "cart.b", 80).decided
