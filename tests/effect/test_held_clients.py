"""Clients that are held to plaintext on the way: in the rule that is there, or in one more."""

from __future__ import annotations

from typing import Any

import pytest

from meshes import Object, destination_rule, istio
from meshgate.effect.steps.holding import HeldHost, held
from meshgate.model import MeshFacts, Resource

HOST = "cart.b.svc.cluster.local"
PLAINTEXT = {"mode": "DISABLE"}
RETRIES = {"loadBalancer": {"simple": "RANDOM"}, "warmup": 1}


def target(*ports: int, namespace: str = "b", private: bool = False, **more: Any) -> HeldHost:
    """The host; of no ports: all that it has."""
    return HeldHost(namespace, HOST, private, set(ports), not ports, **more)


def rules(*objects: Object, wanted: HeldHost | None = None, **facts: Any) -> list[Resource]:
    """The policies with the host held."""
    policies = [Resource.of(each) for each in objects]
    return list(held(policies, [wanted or target()], MeshFacts(**facts)))


def policy(rule: Resource) -> dict[str, Any]:
    found = rule.spec["trafficPolicy"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("host", [HOST, "cart"])
def test_the_rule_of_the_host_is_edited_where_it_is(host: str) -> None:
    others = (
        destination_rule("wide", "b", "*.b.svc.cluster.local", "ISTIO_MUTUAL"),
        destination_rule("cart", "other", "cart", "ISTIO_MUTUAL"),
        istio("VirtualService", "cart", "b", host=HOST),
    )
    own = destination_rule("own", "b", host)

    found = rules(others[0], own, *others[1:])

    assert [each.name for each in found] == ["wide", "own", "cart", "cart"]
    assert policy(found[1]) == {"tls": PLAINTEXT}
    assert [each.value for each in (found[0], *found[2:])] == list(others)


def test_what_names_a_mode_is_left_to_it() -> None:
    (found,) = rules(destination_rule("own", "b", HOST, "SIMPLE"))
    assert policy(found) == {"tls": {"mode": "SIMPLE"}}
    (some,) = rules(destination_rule("own", "b", HOST, "SIMPLE"), wanted=target(80))
    assert policy(some) == {"tls": {"mode": "SIMPLE"}}


def entry(port: int, **more: Any) -> Object:
    return {"port": {"number": port}, **more}


def test_every_port_is_held_with_those_that_have_settings_of_their_own() -> None:
    own = destination_rule("own", "b", HOST)
    settings = [entry(80, **RETRIES), entry(81, tls={"mode": "SIMPLE"})]
    own["spec"]["trafficPolicy"] = {**RETRIES, "portLevelSettings": settings}

    (found,) = rules(own)

    assert policy(found) == {
        **RETRIES,
        "tls": PLAINTEXT,
        "portLevelSettings": [
            entry(80, **RETRIES, tls=PLAINTEXT),
            entry(81, tls={"mode": "SIMPLE"}),
        ],
    }


def test_some_ports_are_held_by_settings_that_keep_what_held_before() -> None:
    own = destination_rule("own", "b", HOST)
    settings = [entry(80), entry(90), {"port": "none"}]
    own["spec"]["trafficPolicy"] = {**RETRIES, "portLevelSettings": settings}

    (found,) = rules(own, wanted=target(82, 80, 81))

    balanced = {"loadBalancer": RETRIES["loadBalancer"]}
    assert policy(found)["portLevelSettings"] == [
        entry(80, tls=PLAINTEXT),
        entry(90),
        {"port": "none"},
        entry(81, **balanced, tls=PLAINTEXT),
        entry(82, **balanced, tls=PLAINTEXT),
    ]
    assert "tls" not in policy(found)
    assert own["spec"]["trafficPolicy"]["portLevelSettings"] == settings  # a copy was made


def test_settings_of_subsets_are_held_where_they_leave_the_mode_open() -> None:
    open_, firm = {"portLevelSettings": [entry(80), entry(90)]}, {"tls": {"mode": "SIMPLE"}}
    subsets = [
        {"name": "v1", "trafficPolicy": open_},
        {"name": "v2", "trafficPolicy": {**firm, "portLevelSettings": [entry(80)]}},
        {"name": "v3"},
        "none",
    ]

    (found,) = rules(destination_rule("own", "b", HOST, subsets=subsets), wanted=target(80))

    assert found.spec["subsets"] == [
        {
            "name": "v1",
            "trafficPolicy": {"portLevelSettings": [entry(80, tls=PLAINTEXT), entry(90)]},
        },
        *subsets[1:],
    ]


def test_a_rule_for_some_workloads_leaves_the_others_to_one_that_is_made() -> None:
    selecting = destination_rule("own", "b", HOST, workloadSelector={"matchLabels": {"app": "ui"}})

    some, made = rules(selecting)

    assert policy(some)["tls"] == policy(made)["tls"] == PLAINTEXT
    assert made.name == "hold-plaintext-cart"
    assert "workloadSelector" not in made.spec
    assert len(rules(selecting, destination_rule("all", "b", HOST))) == 2


def test_a_rule_that_is_made_is_else_as_the_one_that_it_hides() -> None:
    wide = destination_rule("wide", "b", "*.b", "ISTIO_MUTUAL", exportTo=["*"], subsets=[])
    hidden = Resource.of(wide)

    (made,) = rules(wanted=target(pattern=hidden))

    assert made.spec == {
        "host": HOST,
        "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}},
        "subsets": [],
    }
    assert hidden.spec["host"] == "*.b"
    (bare,) = rules()
    assert bare.value == {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "hold-plaintext-cart", "namespace": "b"},
        "spec": {"host": HOST, "trafficPolicy": {"tls": PLAINTEXT}},
    }


@pytest.mark.parametrize(
    ("private", "default", "expected"),
    [
        (True, ("*",), ["."]),
        (True, (".",), ["."]),
        (False, ("*",), None),
        (False, (".",), ["*"]),
    ],
)
def test_who_sees_a_rule_that_is_made(
    *, private: bool, default: tuple[str, ...], expected: list[str] | None
) -> None:
    (made,) = rules(
        wanted=target(namespace="a", private=private), default_destination_rule_export_to=default
    )
    assert made.spec.get("exportTo") == expected
    assert made.name == ("hold-plaintext-cart-b" if private else "hold-plaintext-cart")


def test_names_of_made_rules_are_free() -> None:
    first = "hold-plaintext-cart"
    taken = [destination_rule(name, "b", "x") for name in (first, f"{first}-2")]
    elsewhere = destination_rule("hold-plaintext-cart", "c", "x")

    assert rules(*taken)[-1].name == "hold-plaintext-cart-3"
    assert rules(elsewhere)[-1].name == "hold-plaintext-cart"
    wanted = [HeldHost("b", f"{name}.b.svc.cluster.local", False, set(), True) for name in "aa"]
    twice = list(held([], wanted, MeshFacts()))
    assert [each.name for each in twice] == ["hold-plaintext-a"]
    wild = [HeldHost("b", host, False, set(), True) for host in ("*.example.com", "*.example.org")]
    assert [each.name for each in held([], wild, MeshFacts())] == [
        "hold-plaintext--any",
        "hold-plaintext--2",
    ]


@pytest.mark.parametrize(
    ("istio_version", "api"),
    [("1.22", "v1"), ("1.31", "v1"), ("2.0", "v1"), ("1.21", "v1beta1"), ("1.9", "v1beta1")],
)
def test_a_rule_is_made_in_a_version_that_is_served(istio_version: str, api: str) -> None:
    (made,) = rules(istio=istio_version)
    assert made.value["apiVersion"] == f"networking.istio.io/{api}"
