"""Which control plane a proxy asks, and which objects that are for one revision it gets."""

from __future__ import annotations

from typing import Any

import pytest

from meshes import (
    Object,
    deployment,
    destination_rule,
    istio,
    mesh,
    namespace,
    outcomes,
    peer_authentication,
    service,
    shop,
    thing,
)
from meshgate.mesh import Mesh, Mode, Outcome

REV = "istio.io/rev"
SECURITY = "security.istio.io/v1"
BLUE = {REV: "blue"}


def revised(place: Object, server: Object | None = None, *objects: Object, **facts: Any) -> Mesh:
    """Client `a/ui` and server `b/cart:80`; `place` are the labels of both namespaces."""
    return mesh(
        namespace("a", place.get("istio-injection"), **without_injection(place)),
        namespace("b", place.get("istio-injection"), **without_injection(place)),
        deployment("ui", "a", {"app": "ui", **(server or {})}),
        deployment("cart", "b", {"app": "cart", **(server or {})}),
        service("cart", "b"),
        *objects,
        **facts,
    )


def without_injection(labels: Object) -> Object:
    return {key: value for key, value in labels.items() if key != "istio-injection"}


@pytest.mark.parametrize(
    ("place", "pod", "revision"),
    [
        ({"istio-injection": "enabled"}, {}, "default"),
        ({"istio-injection": "enabled", REV: "blue"}, {}, "default"),
        ({"istio-injection": "enabled", REV: "blue"}, {REV: "green"}, "default"),
        ({REV: "blue"}, {}, "blue"),
        ({REV: "blue"}, {REV: "green"}, "blue"),
        ({}, {REV: "green"}, "green"),
        ({}, {REV: "green", "sidecar.istio.io/inject": "true"}, "green"),
        ({}, {"sidecar.istio.io/inject": "true"}, "default"),
        ({}, {}, ""),
        ({"istio-injection": "disabled", REV: "blue"}, {}, ""),
        ({REV: "blue"}, {"sidecar.istio.io/inject": "false"}, ""),
        ({"istio.io/dataplane-mode": "ambient"}, {}, ""),
    ],
)
def test_whose_control_plane_a_proxy_asks(place: Object, pod: Object, revision: str) -> None:
    cart = revised(place, pod).workload("b", "cart")

    assert cart.revision == revision
    assert cart.has_sidecar == bool(revision)


def test_a_pod_that_was_injected_says_whose_it_is() -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "cart",
            "namespace": "b",
            "labels": {"app": "cart", REV: "green"},
            "annotations": {"sidecar.istio.io/status": "{}"},
        },
        "spec": {"containers": [{"name": "istio-proxy"}]},
    }
    found = mesh(namespace("b", None, **BLUE), pod).workload("b", "cart")

    assert found.revision == "green"


def peer(labels: Object = BLUE) -> Object:
    return peer_authentication("m", "istio-system", "STRICT", labels=labels)


LABELLED = {
    "PeerAuthentication": peer(),
    "of a namespace": peer_authentication("m", "b", "DISABLE", labels=BLUE),
    "of a workload": peer_authentication("m", "b", "STRICT", selector={"app": "cart"}, labels=BLUE),
    "DestinationRule": destination_rule("r", "b", "cart", "DISABLE", labels=BLUE),
    "of all hosts": destination_rule("r", "a", "*.local", "SIMPLE", labels=BLUE),
    "VirtualService": istio(
        "VirtualService",
        "v",
        "b",
        labels=BLUE,
        hosts=["cart"],
        http=[{"route": [{"destination": {"host": "cart", "subset": "none"}}]}],
    ),
    "Sidecar": istio(
        "Sidecar",
        "s",
        "a",
        labels=BLUE,
        egress=[{"hosts": ["./*"]}],
        outboundTrafficPolicy={"mode": "REGISTRY_ONLY"},
    ),
    "AuthorizationPolicy": thing(SECURITY, "AuthorizationPolicy", "p", "b", spec={}, labels=BLUE),
    "an ALLOW beside a deny-all": thing(
        SECURITY, "AuthorizationPolicy", "p", "b", spec={"rules": [{}]}, labels=BLUE
    ),
    "RequestAuthentication": thing(
        SECURITY,
        "RequestAuthentication",
        "p",
        "b",
        spec={"jwtRules": [{"issuer": "i"}]},
        labels=BLUE,
    ),
}


@pytest.mark.parametrize("name", LABELLED)
def test_an_object_of_a_revision_is_undecided_where_none_is_stated(name: str) -> None:
    model = revised(BLUE, None, LABELLED[name])

    assert outcomes(model, "a/ui") == [Outcome.UNKNOWN]
    (unread,) = model.unread
    assert "is for revision blue alone, and mesh.revision is not stated" in unread.reason


@pytest.mark.parametrize("name", LABELLED)
def test_a_proxy_of_the_stated_revision_gets_its_objects(name: str) -> None:
    model = revised(BLUE, None, LABELLED[name], revision="blue")

    assert Outcome.UNKNOWN not in outcomes(model, "a/ui")
    assert not any(each.covered for each in model.unread)


@pytest.mark.parametrize("name", LABELLED)
@pytest.mark.parametrize("stated", ["blue", "green"])
@pytest.mark.parametrize("place", [{"istio-injection": "enabled"}, {REV: "stable"}])
def test_what_another_label_stands_for_is_undecided(name: str, stated: str, place: Object) -> None:
    model = revised(place, None, LABELLED[name], revision=stated)

    assert outcomes(model, "a/ui") == [Outcome.UNKNOWN]
    (unread,) = model.unread
    assert f"mesh.revision is {stated}" in unread.reason


@pytest.mark.parametrize("name", LABELLED)
def test_without_a_labelled_object_a_tag_changes_nothing(name: str) -> None:
    plain = {**LABELLED[name], "metadata": {**LABELLED[name]["metadata"], "labels": {}}}
    answers = {
        tuple(outcomes(revised(place, None, plain, revision=stated), "a/ui"))
        for place in (BLUE, {REV: "stable"}, {"istio-injection": "enabled"})
        for stated in ("", "blue", "stable")
    }

    assert len(answers) == 1
    assert Outcome.UNKNOWN not in answers.pop()


def test_two_revisions_at_once() -> None:
    """The workloads of the modelled control plane are decided, those of the other one are not."""
    model = mesh(
        namespace("a", None, **BLUE),
        namespace("b", None, **{REV: "green"}),
        deployment("ui", "a"),
        deployment("cart", "b"),
        peer(),
        peer_authentication("g", "istio-system", "PERMISSIVE", labels={REV: "green"}),
        revision="blue",
    )

    ui, cart = (model.mode_at(model.workload(*name), 8080) for name in (("a", "ui"), ("b", "cart")))
    assert (ui.mode, ui.decided) == (Mode.STRICT, True)
    assert not cart.decided


def test_workloads_of_ztunnel_are_of_the_modelled_control_plane() -> None:
    ambient = {"istio.io/dataplane-mode": "ambient", REV: "green"}
    model = revised(ambient, None, peer(), revision="green")
    assert model.workload("b", "cart").revision == "green"


def test_policies_of_another_revision_are_hidden() -> None:
    policy = thing(SECURITY, "AuthorizationPolicy", "p", "b", spec={}, labels={REV: "canary"})

    assert outcomes(shop(policy, revision="default"), "a/ui") == [Outcome.OK_MTLS]
    assert outcomes(shop(policy, revision="canary"), "a/ui") == [Outcome.UNKNOWN]
    assert outcomes(shop(policy), "a/ui") == [Outcome.UNKNOWN]
