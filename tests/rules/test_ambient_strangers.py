"""Clients that no inventory has, at ambient workloads: by HBONE, and by way of waypoints."""

from __future__ import annotations

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
    thing,
)
from meshgate.effect import effect
from meshgate.mesh import Allows, Mesh, Outcome
from meshgate.model import Invariant
from meshgate.report.view import View
from meshgate.report.who_can import AccessQuestion, RequestFilter, answers
from meshgate.rules.ca013_broken_invariant import broken

AMBIENT = {"istio.io/dataplane-mode": "ambient"}
USE = "istio.io/use-waypoint"
FROM_WAYPOINT = "cluster.local/ns/b/sa/w"
OTHERS = "any other workload of the mesh"


def shop(*objects: Object, waypoint: bool = False) -> Mesh:
    """Client `a/ui` and server `b/cart`, both ambient; `waypoint`: `b/w` is before the server."""
    listener = {"name": "mesh", "port": 15008, "protocol": "HBONE"}
    spec: Object = {"gatewayClassName": "istio-waypoint", "listeners": [listener]}
    way = [thing("gateway.networking.k8s.io/v1", "Gateway", "w", "b", spec=spec)]
    return mesh(
        namespace(ROOT, None),
        namespace("a", None, **AMBIENT),
        namespace("b", None, **AMBIENT),
        deployment("ui", "a"),
        deployment("cart", "b"),
        service("cart", "b", labels={USE: "w"} if waypoint else {}),
        *(way if waypoint else []),
        *objects,
        data_plane="ambient",
    )


def policy(name: str, *rules: Object, **spec: Any) -> Object:
    own = {"rules": list(rules), **spec}
    return thing("security.istio.io/v1", "AuthorizationPolicy", name, "b", spec=own)


def source(**fields: list[str]) -> Object:
    return {"from": [{"source": fields}]}


def said(model: Mesh, **invariant: Any) -> list[str]:
    found = broken(model, Invariant(to=("b",), **invariant))
    return [each.message for each in found if each.decided]


ONLY_WAYPOINT = policy(
    "only", source(principals=[FROM_WAYPOINT]), selector={"matchLabels": {"app": "cart"}}
)
OF_SERVICE: Object = {"targetRefs": [{"kind": "Service", "group": "", "name": "cart"}]}


@pytest.mark.parametrize("mode", ["STRICT", "PERMISSIVE"])
def test_whoever_has_an_identity_comes_by_hbone(mode: str) -> None:
    model = shop(peer_authentication("m", ROOT, mode))
    server = model.workload("b", "cart")

    known = model.met_by(server, 8080, model.admissions.stranger)
    assert (known.outcome, known.tunnel) == (Outcome.OK_MTLS, True)
    plain = model.met_by(server, 8080, None)
    is_strict = mode == "STRICT"
    assert plain.outcome is (Outcome.DENIED if is_strict else Outcome.OK_PLAINTEXT)
    assert any("cluster.local/ns/dev/sa/*" in each for each in said(model, never=("dev",)))


def test_policies_at_ztunnel_keep_them_out() -> None:
    model = shop(peer_authentication("m", ROOT, "STRICT"), policy("p", source(namespaces=["a"])))
    assert said(model, never=("dev",)) == []
    assert said(model, only=("a",)) == []
    assert said(model, only=("b",)) != []


def test_the_way_by_a_waypoint_counts() -> None:
    """Nobody reaches the server but by the waypoint, which lets in everybody."""
    model = shop(ONLY_WAYPOINT, waypoint=True)
    (message,) = said(model, never=("dev",))
    assert "cluster.local/ns/dev/sa/*" in message
    (message,) = said(model, only=("a",))
    assert OTHERS in message
    assert said(model, never=("outside",)) == []


def test_policies_of_the_waypoint_keep_them_out() -> None:
    closed = policy("wp", source(namespaces=["a"]), **OF_SERVICE)
    model = shop(ONLY_WAYPOINT, closed, waypoint=True)
    assert said(model, never=("dev",)) == []
    # The waypoint itself is somebody who gets in.
    assert said(model, only=("a", "b/sa/w")) == []
    (message,) = said(model, only=("a",))
    assert "ns/b/sa/w" in message
    # Whom the waypoint's policies name though nothing runs there.
    named = policy("wp", source(namespaces=["a", "partners"]), **OF_SERVICE)
    (message,) = said(shop(ONLY_WAYPOINT, named, waypoint=True), only=("a", "b/sa/w"))
    assert "cluster.local/ns/partners/sa/*" in message


def test_a_waypoint_that_is_not_there_leaves_it_open() -> None:
    lost = shop(ONLY_WAYPOINT, service("cart", "b", labels={USE: "nobody"}), waypoint=True)
    found = list(broken(lost, Invariant(to=("b",), never=("dev",))))
    assert [each.decided for each in found] == [False]
    assert "no Gateway of that name" in found[0].message


def test_who_can_has_a_line_for_the_way_by_the_waypoint() -> None:
    model = shop(ONLY_WAYPOINT, waypoint=True)
    called = model.service("cart", "b")
    view = View(None, model, lambda _resource, _path: None)
    given = answers(AccessQuestion(view, called, called.ports[0], RequestFilter()))
    by_label = {each.label: each.allows for each in given if each.label}
    assert by_label[OTHERS] is Allows.NONE
    assert by_label[f"{OTHERS}, by way of the waypoint"] is Allows.ALL


def test_what_is_opened_to_strangers_at_ztunnel_is_found() -> None:
    before = shop(policy("p", source(namespaces=["a"])))
    after = shop(policy("p", source(principals=["*"])))
    labels = {each.clients.label for each in effect(before, after).opened}
    assert OTHERS in labels
