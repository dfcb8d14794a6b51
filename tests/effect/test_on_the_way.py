"""What is between an old and a new object, and which clients must be held meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from meshes import (
    Object,
    destination_rule,
    istio,
    mesh,
    peer_authentication,
    service,
    shop,
    shop_inventory,
)
from meshgate.effect import Change, Unsafe, effect
from meshgate.effect.steps.holding import HeldHost, targets
from meshgate.effect.steps.middle import ChangedObject, WayLevel, named_subsets, subsets_of
from meshgate.effect.steps.oracle import Oracle
from meshgate.mesh import Outcome
from meshgate.model import MeshFacts, Resource
from promotion_samples import clients, state

CART = "cart.b.svc.cluster.local"
SOFT = {"mode": "PERMISSIVE"}
MIXED = {"80": SOFT, "81": {"mode": "DISABLE"}}


def softened(old: Object | None, new: Object | None) -> list[dict[str, Any] | None]:
    """The specs of a PeerAuthentication on the way: of both, of the old, of the new one."""
    sides = [Resource.of(each) if each else None for each in (old, new)]
    key = ("security.istio.io", "PeerAuthentication", "b", "x")
    levels = ChangedObject.of(key, *sides).levels
    assert (levels[WayLevel.OLD], levels[WayLevel.NEW]) == tuple(sides)
    found = (levels[each] for each in (WayLevel.SOFT, WayLevel.SOFT_OLD, WayLevel.SOFT_NEW))
    return [each.spec if each is not None else None for each in found]


def peer(mode: str | None = None, **ports: str) -> Object:
    """A policy of some workloads, with modes of ports."""
    own = {port.removeprefix("p"): mode for port, mode in ports.items()}
    more: dict[str, Any] = {"ports": own} if own else {}
    return peer_authentication("x", "b", mode, selector={"app": "cart"}, **more)


def spec(mtls: object = None, ports: object = None) -> dict[str, object]:
    found: dict[str, object] = {"selector": {"matchLabels": {"app": "cart"}}}
    return found | ({"mtls": mtls} if mtls else {}) | ({"portLevelMtls": ports} if ports else {})


STRICT, WEAK = {"mode": "STRICT"}, {"mode": "DISABLE"}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (peer("STRICT"), peer("DISABLE"), [spec(SOFT)] * 3),
        (peer("STRICT"), peer("STRICT"), [spec(STRICT)] * 3),
        # One that comes or goes: nobody knows what is there without it.
        (None, peer("STRICT"), [spec(SOFT), None, spec(SOFT)]),
        (peer("STRICT"), None, [spec(SOFT), spec(SOFT), None]),
        # A port that only one side has, or has another mode of, takes both.
        (
            peer("STRICT", p80="STRICT", p81="DISABLE"),
            peer("STRICT", p80="DISABLE", p81="DISABLE"),
            [spec(STRICT, MIXED)] * 3,
        ),
        (
            peer("STRICT"),
            peer("STRICT", p80="STRICT"),
            [spec(STRICT, {"80": SOFT})] * 3,
        ),
        # A policy of ports alone says nothing of the others.
        (None, peer(p80="STRICT"), [spec(None, {"80": SOFT}), None, spec(None, {"80": SOFT})]),
        (None, peer("UNSET"), [spec(SOFT), None, spec(SOFT)]),
    ],
)
def test_where_modes_differ_servers_take_both(
    old: Object | None, new: Object | None, expected: list[dict[str, Any] | None]
) -> None:
    assert softened(old, new) == expected


def test_a_policy_without_selector_has_no_ports() -> None:
    plain = peer_authentication("x", "b", "STRICT", ports={"80": "STRICT"})
    other = peer_authentication("x", "b", "STRICT", ports={"80": "DISABLE"})

    assert softened(plain, other)[0] == other["spec"]


def rule(*names: str, **more: Any) -> Resource:
    subsets = [{"name": name} for name in names]
    return Resource.of(destination_rule("cart", "b", "cart", "SIMPLE", subsets=subsets, **more))


def test_a_rule_on_the_way_has_the_subsets_of_both() -> None:
    key = ("networking.istio.io", "DestinationRule", "b", "cart")

    def names(old: Resource | None, new: Resource | None) -> list[str]:
        both = ChangedObject.of(key, old, new).levels[WayLevel.BOTH]
        return [name for *_, name in subsets_of([both])] if both is not None else []

    assert names(rule("v1", "v2"), rule("v2", "v3")) == ["v2", "v3", "v1"]
    assert names(rule("v1"), rule("v1")) == ["v1"]
    assert names(None, rule("v1")) == names(rule("v1"), None) == ["v1"]
    found = ChangedObject.of(key, rule("v1"), rule("v2"))
    assert (found.is_rule, found.is_server) == (True, False)


def test_routes_name_the_subsets_that_they_send_to() -> None:
    sent, other = {"host": "cart", "subset": "v1"}, {"host": "x"}
    routes = [
        {"route": [{"destination": sent}, {"destination": other}]},
        {"mirror": {"host": "cart", "subset": "v2"}},
    ]
    service_ = Resource.of(istio("VirtualService", "r", "b", hosts=["cart"], http=routes))

    assert list(named_subsets([service_, rule("v3")])) == [("b", "cart", "v1"), ("b", "cart", "v2")]
    assert list(subsets_of([service_, rule("v3")])) == [("b", "cart", "v3")]


def unsafe(*names: str, port: int = 80, **more: Any) -> Unsafe:
    before, after = state(Outcome.OK_PLAINTEXT), state(Outcome.OK_MTLS)
    found = Unsafe(
        *(clients(*names), CART, port, before, after),
        *("old client, new server", Outcome.REFUSED, None, None),
        counts=True,
        service=Resource.of(service("cart", "b")),
    )
    return structs.replace(found, **more)


def held(*calls: Unsafe, by_client: bool = False, ports: Object | None = None) -> list[HeldHost]:
    model = mesh(
        service("cart", "b", ports),
        service("aaa", "b", {"http:70": 1}),
        service("zzz", "b", {"http:90": 1}),
    )
    return targets(calls, model, by_client=by_client)


def test_clients_are_held_where_their_rule_is_or_beside_the_service() -> None:
    own, home = (Resource.of(destination_rule("r", place, CART)) for place in ("a", "b"))
    ruled = unsafe("a/ui", "c/ui")
    ruled = structs.replace(ruled, before=structs.replace(ruled.before, rules=(home, own)))

    assert [(each.namespace, each.private, each.pattern) for each in held(ruled)] == [
        ("a", True, own),
        ("b", False, home),
    ]
    (beside,) = held(unsafe("a/ui", "c/ui"))
    assert (beside.namespace, beside.private, beside.pattern) == ("b", False, None)
    each_own = held(ruled, by_client=True)
    assert [(each.namespace, each.private, each.pattern) for each in each_own] == [
        ("a", True, own),
        ("c", True, home),
    ]
    assert held(unsafe("a/ui", service=None)) == []


def test_every_port_is_held_where_all_that_the_service_has_are() -> None:
    """Other services have ports of their own."""
    two = {"http:80": 8080, "grpc:81": 8081}

    assert [(each.ports, each.every_port) for each in held(unsafe("a/ui"))] == [({80}, True)]
    (some,) = held(unsafe("a/ui"), ports=two)
    assert (some.ports, some.every_port) == ({80}, False)
    (all_,) = held(unsafe("a/ui"), unsafe("a/ui", port=81), ports=two)
    assert (all_.ports, all_.every_port) == ({80, 81}, True)


def test_a_subset_that_goes_with_its_route_is_no_danger_to_calls_that_fail() -> None:
    subset = destination_rule(
        *("cart", "b", CART, "DISABLE"), subsets=[{"name": "v1", "labels": {"app": "cart"}}]
    )
    route = [{"destination": {"host": CART, "subset": "v1"}}]
    routed = istio("VirtualService", "cart", "b", hosts=[CART], http=[{"route": route}])
    strict = peer_authentication("default", "b", "STRICT")
    plain = destination_rule("cart", "b", CART, "DISABLE")

    works = effect(shop(subset, routed), shop(plain))
    fails = effect(shop(subset, routed, strict), shop(plain, strict))

    assert {each.combination for each in works.unsafe} == {"old routes, new clusters"}
    assert fails.unsafe == ()


def test_a_route_that_sends_some_calls_elsewhere_too_is_told_by_the_host_that_is_meant() -> None:
    def routed(*hosts: str) -> Object:
        share = 100 // len(hosts)
        route = [{"destination": {"host": host}, "weight": share} for host in hosts]
        return istio("VirtualService", "cart", "b", hosts=[CART], http=[{"route": route}])

    gone = "gone.b.svc.cluster.local"
    one, both = shop(routed(CART)), shop(routed(CART, gone))

    breaks = effect(one, both).breaks
    assert {(each.host, each.change) for each in breaks} == {(CART, Change.BREAKS)}
    mends = effect(both, one).calls
    assert {(each.host, each.change) for each in mends} == {(CART, Change.MENDS)}
    assert effect(both, both).is_empty


@pytest.mark.parametrize(
    ("old", "decided"),
    [({"x": "DISABLE"}, True), ({"x": "DISABLE", "y": "SIMPLE"}, False)],
    ids=["one-rule", "an-open-order"],
)
def test_a_way_that_may_be_unsafe_is_told_as_that(old: dict[str, str], *, decided: bool) -> None:
    """Of two rules without a time the other one may decide, which fits."""

    def side(mode: str, rules: dict[str, str]) -> list[Object]:
        policies = [destination_rule(name, "b", CART, tls, age=None) for name, tls in rules.items()]
        return [peer_authentication("default", "b", mode), *policies]

    before, after = side("DISABLE", old), side("STRICT", {"x": "ISTIO_MUTUAL"})

    found = effect(shop(*before), shop(*after)).unsafe

    assert {(each.combination, str(each.outcome), each.decided) for each in found} == {
        ("old client, new server", "refused", decided),
        ("new client, old server", "protocol-error", decided),
    }


def route_to(subset: str) -> Object:
    route = [{"destination": {"host": CART, "subset": subset}}]
    return istio("VirtualService", "cart", "b", hosts=[CART], http=[{"route": route}])


def subsets(*names: str) -> Object:
    listed = [{"name": name, "labels": {"app": "cart"}} for name in names]
    return destination_rule("cart", "b", CART, subsets=listed)


@pytest.mark.parametrize(
    ("before", "after", "is_safe"),
    [
        # Both at once: one of them may be there first.
        ((), (subsets("v1"), route_to("v1")), False),
        ((subsets("v1"), route_to("v1")), (), False),
        ((subsets("v1"), route_to("v1")), (subsets("v2"), route_to("v2")), False),
        # One after the other.
        ((subsets("v1"),), (subsets("v1"), route_to("v1")), True),
        ((subsets("v1"), route_to("v1")), (subsets("v1"),), True),
        ((), (subsets("v1"),), True),
        ((subsets("v1", "v2"), route_to("v1")), (subsets("v1", "v2"), route_to("v2")), True),
    ],
)
def test_a_subset_and_its_route_do_not_come_or_go_at_once(
    before: tuple[Object, ...], after: tuple[Object, ...], *, is_safe: bool
) -> None:
    """Also where no inventory tells whose calls take that route."""
    sides = [[Resource.of(each) for each in side] for side in (before, after)]
    for inventory in ([], [Resource.of(each) for each in shop_inventory()]):
        oracle = Oracle((sides[0], sides[1]), inventory, MeshFacts())

        assert oracle.is_safe(oracle.old, oracle.new) is is_safe
