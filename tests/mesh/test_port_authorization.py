"""Who is let in at a port at all, as posture tells it: in the model, in text, JSON and the page."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meshes import (
    ROOT,
    Object,
    deployment,
    mesh,
    namespace,
    peer_authentication,
    service,
    shop_inventory,
    thing,
)
from meshgate.mesh import Mesh
from meshgate.mesh.port_authorization import AuthorizationState as State
from meshgate.mesh.port_authorization import PortAuthorization
from meshgate.model import ExtensionProvider
from meshgate.report import Options, posture
from meshgate.report.html.posture import posture as page_posture
from meshgate.report.view import View

UI = "cluster.local/ns/a/sa/default"


def policy(name: str = "p", place: str = "b", **spec: Any) -> Object:
    return thing("security.istio.io/v1", "AuthorizationPolicy", name, place, spec=spec)


def source(**fields: list[str]) -> Object:
    return {"from": [{"source": fields}]}


def operation(**fields: list[str]) -> Object:
    return {"to": [{"operation": fields}]}


def shop(*objects: Object, **facts: Any) -> Mesh:
    return mesh(*shop_inventory(), *objects, **facts)


def at(model: Mesh, name: str = "b/cart", port: int | None = 8080) -> PortAuthorization:
    place, _, workload = name.partition("/")
    return model.authorization_at(model.workload(place, workload), port)


@pytest.mark.parametrize(
    ("policies", "state", "admitted"),
    [
        ([], State.NO_POLICY, ()),
        ([policy()], State.DEFAULT_DENY, ()),
        ([policy(place=ROOT)], State.DEFAULT_DENY, ()),
        ([policy(rules=[source(principals=[UI])])], State.ALLOW_LIST, (UI,)),
        (
            [policy(rules=[source(namespaces=["a"])])],
            State.ALLOW_LIST,
            ("cluster.local/ns/a/sa/?",),
        ),
        (
            [policy(rules=[{}])],
            State.ALLOW_LIST,
            (None, "cluster.local/ns/?/sa/?"),
        ),
        # Of another port: nobody gets in at this one.
        ([policy(rules=[operation(ports=["9"])])], State.DEFAULT_DENY, ()),
        (
            [policy("x", rules=[source(principals=[UI])]), policy("y", action="DENY", rules=[{}])],
            State.DEFAULT_DENY,
            (),
        ),
        ([policy(action="DENY", rules=[operation(paths=["/x"])])], State.DENY_LIST, ()),
        ([policy(action="DENY", rules=[operation(ports=["9"])])], State.NO_POLICY, ()),
        ([policy(action="AUDIT", rules=[{}])], State.NO_POLICY, ()),
    ],
)
def test_state_of_a_port(
    policies: list[Object], state: State, admitted: tuple[str | None, ...]
) -> None:
    found = at(shop(*policies))

    assert (found.state, found.admitted) == (state, admitted)
    assert found.is_closed is (state in {State.ALLOW_LIST, State.DEFAULT_DENY})


def test_a_policy_of_one_port_leaves_the_others_alone() -> None:
    only = policy(action="DENY", rules=[operation(ports=["8080"])])

    assert at(shop(only)).state is State.DENY_LIST
    assert at(shop(only), port=None).state is State.NO_POLICY
    assert at(shop(only), port=9).state is State.NO_POLICY


def test_a_dry_run_closes_nothing() -> None:
    dry = policy()
    dry["metadata"]["annotations"] = {"istio.io/dry-run": "true"}

    assert at(shop(dry)).state is State.NO_POLICY


def test_what_no_proxy_sees_is_not_enforced() -> None:
    assert at(shop(policy(place="a")), "a/old").state is State.NOT_ENFORCED
    excluded = deployment(
        "open", "b", annotations={"traffic.sidecar.istio.io/excludeInboundPorts": "8080"}
    )
    assert at(shop(policy(), excluded), "b/open").state is State.NOT_ENFORCED
    assert at(shop(policy(), excluded), "b/open", None).state is State.DEFAULT_DENY


def test_an_authorizer_is_asked() -> None:
    custom = policy(action="CUSTOM", provider={"name": "opa"}, rules=[{}])
    found = at(shop(custom, extension_providers=(ExtensionProvider("opa", "grpc"),)))

    assert found.state is State.CUSTOM
    assert [str(each) for each in found.policies] == ["b/p"]


def test_a_port_without_protocol_is_undecided_where_http_decides() -> None:
    extra = [deployment("db", "b", ports={"x": 9000}), service("db", "b", {"x:9000": 9000})]
    found = at(shop(policy(rules=[operation(methods=["GET"])]), *extra), "b/db", 9000)

    assert found.state is State.UNDECIDED
    assert not found.decided
    assert "no file tells which of them the port speaks" in found.reason
    # An identity is the same to both.
    same = at(shop(policy(rules=[source(principals=[UI])]), *extra), "b/db", 9000)
    assert same.state is State.ALLOW_LIST


def test_an_unreadable_policy_leaves_it_undecided() -> None:
    found = at(shop(policy(rules=[operation(colours=["red"])])))

    assert found.state is State.UNDECIDED
    assert "colours" in found.reason


def test_ztunnel_judges_connections() -> None:
    model = mesh(
        thing("v1", "Namespace", "b", labels={"istio.io/dataplane-mode": "ambient"}),
        deployment("cart", "b"),
        service("cart", "b"),
        policy(action="DENY", rules=[operation(methods=["DELETE"])]),
        data_plane="ambient",
    )
    assert at(model).state is State.NO_POLICY


def view(*objects: Object, floor: str = "none") -> View:
    return View("prod", shop(*objects), lambda *_: None, floor)


def test_the_floor_is_visible_in_every_form() -> None:
    closed, open_ = view(policy(), floor="default-deny"), view(floor="default-deny")
    options = Options(width=200)

    assert "nobody: default-deny" in posture.text([closed], options)
    told = posture.text([open_], options)
    assert "everybody (below the floor)" in told
    assert "Authorization: 2 no-policy; the floor is default-deny, 2 ports below it." in told
    assert "everybody (below the floor)" in posture.markdown([open_], options)
    servers = {
        (each["workload"], each["port"]): each["authorization"]
        for each in json.loads(posture.json([closed], options))["servers"]
    }
    assert servers["cart", 8080]["state"] == "default-deny"
    assert servers["cart", 8080]["policies"] == [
        {"resource": "b/p", "action": "ALLOW", "source": None}
    ]
    assert servers["cart", 8080]["belowFloor"] is False
    assert servers["ui", 8080]["belowFloor"] is True
    assert servers["old", 8080]["state"] == "not-enforced"
    assert servers["old", 8080]["belowFloor"] is False


def test_who_gets_in_is_told_in_words() -> None:
    rules = [source(principals=[UI]), source(namespaces=["b"]), source(notPrincipals=["x"])]
    loose = posture.text([view(policy(rules=rules))], Options(width=200))
    assert "whoever sends plaintext, a/default, everybody in the mesh and 1 more" in loose
    strict = [peer_authentication("s", "b", "STRICT"), policy(rules=rules[:2])]
    told = posture.text([view(*strict)], Options(width=200))
    assert "a/default, namespace b" in told
    assert "plaintext" not in told.partition("who gets in")[2].partition("ports:")[0]


def test_without_policies_there_is_no_column() -> None:
    told = posture.text([view()], Options(width=200))

    assert "who gets in" not in told
    assert "No policy of authorization: everybody gets in." in told


def test_the_page_names_the_policies() -> None:
    drawn: Any = page_posture(view(policy("deny-all"), namespace("c")))
    (own,) = (each for each in drawn["namespaces"] if each["name"] == "b")
    ((_, _, lines),) = own["workloads"]

    *_, who, deciding = lines[0]
    assert who == "nobody: default-deny"
    assert [drawn["policies"][index][0] for index in deciding] == ["b/deny-all"]
