"""Which mode a server enforces, and which policy decides it."""

from __future__ import annotations

import pytest

from meshes import deployment, mesh, namespace, peer_authentication, service, shop
from meshgate.mesh import DataPlane, Level, Mesh, Mode, Outcome, Transport
from meshgate.model import MeshFacts, Resource


def test_without_policy_a_sidecar_is_permissive() -> None:
    answer = shop().server_mode("b", "cart", 8080)
    assert answer.mode is Mode.PERMISSIVE
    assert answer.decided_by == (Level.DEFAULT, None)
    assert answer.decided
    assert answer.captured


def test_the_narrowest_policy_decides_and_names_what_it_overrides() -> None:
    model = shop(
        peer_authentication("mesh", "istio-system", "STRICT"),
        peer_authentication("all", "b", "PERMISSIVE"),
        peer_authentication("later", "b", "STRICT", age=2),
        peer_authentication(
            "cart", "b", "DISABLE", selector={"app": "cart"}, ports={8080: "STRICT"}
        ),
    )
    answer = model.server_mode("b", "cart", 8080)
    assert answer.mode is Mode.STRICT
    assert answer.decided_by.level is Level.PORT
    assert str(answer.decided_by.policy) == "PeerAuthentication/b/cart"
    assert [(each.level, each.policy.name, each.mode, each.why) for each in answer.overrides] == [
        (Level.NAMESPACE, "all", Mode.PERMISSIVE, "narrower"),
        (Level.NAMESPACE, "later", Mode.STRICT, "older"),
        (Level.MESH, "mesh", Mode.STRICT, "narrower"),
    ]
    assert model.server_mode("b", "cart", None).mode is Mode.DISABLE
    assert model.server_mode("b", "cart", 9999).decided_by.level is Level.WORKLOAD


def test_an_unset_port_inherits_and_names_the_level_that_gives_the_mode() -> None:
    model = shop(
        peer_authentication("all", "b", "STRICT"),
        peer_authentication("cart", "b", selector={"app": "cart"}, ports={8080: "UNSET"}),
    )
    answer = model.server_mode("b", "cart", 8080)
    assert (answer.mode, answer.decided_by.level) == (Mode.STRICT, Level.NAMESPACE)


def test_a_workload_without_sidecar_enforces_nothing() -> None:
    answer = shop(peer_authentication("m", "istio-system", "STRICT")).server_mode("a", "old", 8080)
    assert answer.mode is None
    assert answer.decided
    assert answer.reason == "the workload has no sidecar"


def test_a_port_that_is_not_captured_bypasses_strict() -> None:
    model = mesh(
        namespace("b"),
        deployment(
            "cart",
            "b",
            annotations={"traffic.sidecar.istio.io/excludeInboundPorts": "8080, 9000"},
        ),
        peer_authentication("m", "istio-system", "STRICT"),
    )
    answer = model.server_mode("b", "cart", 8080)
    assert (answer.mode, answer.captured) == (Mode.STRICT, False)
    assert model.server_mode("b", "cart", 8081).captured
    cart = model.workload("b", "cart")
    assert model.receive(cart, 8080, Transport.PLAINTEXT)[0] is Outcome.OK_PLAINTEXT
    assert model.receive(cart, 8081, Transport.PLAINTEXT)[0] is Outcome.REFUSED
    assert model.receive(cart, 15021, Transport.PLAINTEXT)[0] is Outcome.OK_PLAINTEXT


def test_only_included_ports_are_captured() -> None:
    annotations = {"traffic.sidecar.istio.io/includeInboundPorts": "8080"}
    model = mesh(namespace("b"), deployment("cart", "b", annotations=annotations))
    assert model.server_mode("b", "cart", 8080).captured
    assert not model.server_mode("b", "cart", 8081).captured


def test_ports_are_declared_targeted_or_named_by_a_policy() -> None:
    model = shop(
        service("cart-admin", "b", {"tcp:81": 7000}, selector={"app": "cart"}),
        peer_authentication("cart", "b", selector={"app": "cart"}, ports={9999: "DISABLE"}),
    )
    assert model.ports(model.workload("b", "cart")) == [7000, 8080, 9999]


def test_a_selector_in_the_root_namespace_is_ignored_for_everybody() -> None:
    model = shop(peer_authentication("cart", "istio-system", "STRICT", selector={"app": "cart"}))
    assert model.server_mode("b", "cart", 8080).mode is Mode.PERMISSIVE
    assert [policy.name for policy in model.peer_policies.ignored] == ["cart"]


def test_policies_of_another_revision_are_hidden() -> None:
    other = peer_authentication("m", "istio-system", "STRICT", labels={"istio.io/rev": "canary"})
    assert shop(other).server_mode("b", "cart", 8080).mode is Mode.STRICT
    model = shop(other, revision="stable")
    assert model.server_mode("b", "cart", 8080).mode is Mode.PERMISSIVE
    assert [(each.resource.name, each.reason) for each in model.hidden] == [("m", "revision")]
    assert shop(other, revision="canary").server_mode("b", "cart", 8080).mode is Mode.STRICT


@pytest.mark.parametrize(
    ("selector", "seen"),
    [
        ({"matchLabels": {"istio-injection": "enabled"}}, True),
        ({"matchLabels": {"mesh": "yes"}}, False),
        ({"matchExpressions": [{"key": "mesh", "operator": "DoesNotExist"}]}, True),
        ({"matchExpressions": [{"key": "mesh", "operator": "In", "values": ["yes"]}]}, False),
        ({"matchExpressions": [{"key": "istio-injection", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "mesh", "operator": "Wrong"}]}, False),
    ],
)
def test_namespaces_that_are_not_discovered_are_hidden(selector: object, seen: bool) -> None:
    model = shop(peer_authentication("all", "b", "STRICT"), discovery_selectors=(selector,))
    assert model.knows("b") is seen
    assert any(each.reason == "discovery" for each in model.hidden) is not seen


def test_what_is_managed_replaces_its_copy_and_keeps_its_age() -> None:
    model = mesh(
        namespace("b"),
        deployment("cart", "b"),
        peer_authentication("old", "b", "DISABLE", age=1),
        peer_authentication("new", "b", "STRICT", age=2),
        foreign=True,
    )
    assert model.server_mode("b", "cart", 8080).mode is Mode.DISABLE
    copies = [peer_authentication("old", "b", "DISABLE", age=1)]
    managed = [peer_authentication("old", "b", "PERMISSIVE", age=None)]
    rest = [
        namespace("b"),
        deployment("cart", "b"),
        peer_authentication("new", "b", "STRICT", age=2),
    ]
    for objects in (copies + managed, managed + copies):
        resources = [Resource.of(each) for each in rest]
        resources += [
            Resource.of(each, foreign="creationTimestamp" in each["metadata"]) for each in objects
        ]
        answer = Mesh(resources, MeshFacts()).server_mode("b", "cart", 8080)
        assert (answer.mode, answer.decided) == (Mode.PERMISSIVE, True)


def test_an_object_of_a_kind_with_the_same_name_in_another_group_is_none() -> None:
    imposter = peer_authentication("m", "istio-system", "STRICT")
    imposter["apiVersion"] = "example.com/v1"
    assert shop(imposter).server_mode("b", "cart", 8080).mode is Mode.PERMISSIVE


def test_an_unknown_workload_is_an_error() -> None:
    with pytest.raises(LookupError, match="no workload b/nobody"):
        shop().server_mode("b", "nobody", 8080)


def test_a_gateway_answers_by_its_servers_only() -> None:
    model = shop(
        namespace("istio-ingress", None),
        deployment("ingress", "istio-ingress", {"istio": "ingressgateway"}),
        peer_authentication("m", "istio-system", "STRICT"),
    )
    assert model.workload("istio-ingress", "ingress").plane is DataPlane.GATEWAY
    assert model.server_mode("istio-ingress", "ingress", 8080).mode is None
