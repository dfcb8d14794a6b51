"""Waypoints: who passes them, what they let in, and where files do not tell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshes import (
    ROOT,
    Object,
    deployment,
    destination_rule,
    istio,
    mesh,
    namespace,
    outcomes,
    peer_authentication,
    service,
    thing,
)
from meshgate.cli import main
from meshgate.effect import effect
from meshgate.effect.changes import UndecidedPolicy
from meshgate.mesh import Allows, Mesh, Outcome, Verdict
from meshgate.mesh.port_authorization import AuthorizationState

AMBIENT = {"istio.io/dataplane-mode": "ambient"}
USE = "istio.io/use-waypoint"
HOST = "cart.b.svc.cluster.local"
CLIENTS = ("a/ui", "a/old", "a/side")


def waypoint(name: str = "w", place: str = "b", **fields: Any) -> Object:
    spec: Object = {
        "gatewayClassName": fields.pop("of_class", "istio-waypoint"),
        "listeners": [{"name": "mesh", "port": 15008, "protocol": "HBONE", **fields.pop("on", {})}],
        **fields.pop("spec", {}),
    }
    return thing("gateway.networking.k8s.io/v1", "Gateway", name, place, spec=spec, **fields)


def objects_of(
    *objects: Object, on: str = "service", labels: dict[str, str] | None = None, **svc: Any
) -> list[Object]:
    """Clients with ztunnel, without a proxy and with a sidecar; a server behind waypoint `w`."""
    own = {USE: "w"} if labels is None else labels
    place: dict[str, dict[str, str]] = {"service": {}, "namespace": {}, "pods": {}} | {on: own}
    return [
        namespace(ROOT, None),
        namespace("a", None),
        namespace("b", None, **AMBIENT, **place["namespace"]),
        deployment("ui", "a", {"app": "ui", **AMBIENT}),
        deployment("old", "a"),
        deployment("side", "a", {"app": "side", "sidecar.istio.io/inject": "true"}),
        deployment("cart", "b", {"app": "cart", **place["pods"]}),
        service("cart", "b", labels=place["service"], **svc),
        *objects,
    ]


def ambient(*objects: Object, **more: Any) -> Mesh:
    return mesh(*objects_of(*objects, **more), data_plane="ambient")


def policy(name: str, *rules: Object, place: str = "b", **spec: Any) -> Object:
    spec = {"rules": list(rules), **spec}
    return thing("security.istio.io/v1", "AuthorizationPolicy", name, place, spec=spec)


FOR_SERVICE: Object = {"targetRefs": [{"kind": "Service", "group": "", "name": "cart"}]}
FROM_WAYPOINT: Object = {"from": [{"source": {"principals": ["cluster.local/ns/b/sa/w"]}}]}
GET = {"to": [{"operation": {"methods": ["GET"]}}]}


def allowed(model: Mesh, client: str) -> tuple[Allows | None, tuple[str, ...]]:
    place, _, name = client.partition("/")
    (sent,) = model.client_policy(model.workload(place, name), HOST, 80).deliveries
    if sent.admission is None:
        return None, ()
    return sent.admission.allows, sent.admission.decision.requests


def answers(model: Mesh) -> list[list[Outcome]]:
    return [outcomes(model, client) for client in CLIENTS]


OPEN = [[Outcome.OK_MTLS], [Outcome.OK_PLAINTEXT], [Outcome.OK_MTLS]]
UNDECIDED = [[Outcome.UNKNOWN], *OPEN[1:]]


@pytest.mark.parametrize("on", ["service", "namespace"])
def test_only_ztunnel_sends_calls_by_way_of_a_waypoint(on: str) -> None:
    model = ambient(waypoint(), policy("reads", GET, **FOR_SERVICE), on=on)

    assert answers(model) == OPEN
    assert allowed(model, "a/ui") == (Allows.SOME, ("GET",))
    # They go around it, and meet no policy.
    assert allowed(model, "a/old") == (None, ())
    assert allowed(model, "a/side") == (None, ())
    by_class = {
        str(call.client): call.verdict
        for name in ("ui", "old")
        for call in model.calls(model.workload("a", name))
    }
    assert by_class == {"a/ui": Verdict.DEPENDS, "a/old": Verdict.WORKS}
    assert not any(each.covered for each in model.unread)


def test_behind_a_waypoint_the_client_is_the_waypoint() -> None:
    only = policy("only", FROM_WAYPOINT)
    assert answers(ambient(waypoint(), only)) == [
        [Outcome.OK_MTLS],
        [Outcome.DENIED],
        [Outcome.DENIED],
    ]
    other = waypoint(annotations={"gateway.istio.io/service-account": "x"})
    assert answers(ambient(other, only))[0] == [Outcome.DENIED]
    # Another name of the Deployment is none of the account (deploymentcontroller.go).
    renamed = waypoint(annotations={"gateway.istio.io/name-override": "x"})
    assert answers(ambient(renamed, only))[0] == [Outcome.OK_MTLS]
    pods = deployment("w", "b", {"gateway.networking.k8s.io/gateway-name": "w"})
    pods["spec"]["template"]["spec"]["serviceAccountName"] = "y"
    assert answers(ambient(waypoint(), pods, only))[0] == [Outcome.DENIED]


def test_what_both_places_let_in() -> None:
    both = policy("only", FROM_WAYPOINT), policy("reads", GET, **FOR_SERVICE)
    assert allowed(ambient(waypoint(), *both), "a/ui") == (Allows.SOME, ("GET",))
    ui = {"from": [{"source": {"principals": ["cluster.local/ns/a/sa/default"]}}]}
    # The client's own identity counts at the waypoint, and no longer behind it.
    assert allowed(ambient(waypoint(), policy("p", ui, **FOR_SERVICE)), "a/ui")[0] is Allows.ALL
    assert answers(ambient(waypoint(), policy("p", ui)))[0] == [Outcome.DENIED]


def test_a_waypoint_sees_the_port_of_the_service() -> None:
    for port, is_open in (("80", True), ("8080", False)):
        rule = {"to": [{"operation": {"ports": [port]}}]}
        model = ambient(waypoint(), policy("p", rule, **FOR_SERVICE))
        assert allowed(model, "a/ui")[0] is (Allows.ALL if is_open else Allows.NONE)


def test_policies_by_selector_are_not_for_waypoints() -> None:
    # At ztunnel a rule with a method is dropped, so that nothing is let in there.
    assert answers(ambient(waypoint(), policy("reads", GET)))[0] == [Outcome.DENIED]
    target: Object = {"targetRefs": [{"kind": "Gateway", "group": "gateway.networking.k8s.io"}]}
    target["targetRefs"][0]["name"] = "w"
    assert allowed(ambient(waypoint(), policy("p", GET, **target)), "a/ui")[1] == ("GET",)
    of_class = [{"kind": "GatewayClass", "group": "gateway.networking.k8s.io"}]
    of_class[0]["name"] = "istio-waypoint"
    everywhere = policy("p", GET, place=ROOT, targetRefs=of_class)
    assert allowed(ambient(waypoint(), everywhere), "a/ui")[1] == ("GET",)


@pytest.mark.parametrize(
    "objects",
    [
        [],
        [waypoint(of_class="other")],
        [waypoint(spec={"infrastructure": {"parametersRef": {"name": "x"}}})],
        [waypoint(), destination_rule("d", "b", "cart", "DISABLE")],
        [waypoint(), istio("VirtualService", "v", "b", hosts=["cart"], http=[{"route": []}])],
        [
            waypoint(),
            istio("EnvoyFilter", "e", "b", targetRefs=FOR_SERVICE["targetRefs"], configPatches=[]),
        ],
        [
            waypoint(),
            istio("EnvoyFilter", "e", ROOT, configPatches=[{"applyTo": "HTTP_FILTER"}]),
        ],
    ],
    ids=["no Gateway", "class", "parameters", "rule", "route", "patch", "patch everywhere"],
)
def test_where_files_do_not_tell_only_its_own_calls_are_undecided(objects: list[Object]) -> None:
    model = ambient(*objects)
    assert outcomes(model, "a/ui") == [Outcome.UNKNOWN]
    assert "waypoint b/w" in model.client_policy(model.workload("a", "ui"), HOST, 80).reason or any(
        "waypoint b/w" in each.reason
        for each in model.client_policy(model.workload("a", "ui"), HOST, 80).deliveries
    )
    if not any(each["kind"] in {"EnvoyFilter", "DestinationRule"} for each in objects):
        assert outcomes(model, "a/old") == [Outcome.OK_PLAINTEXT]
    assert any(HOST in each.covered for each in model.unread)


@pytest.mark.parametrize(
    ("gateway", "labels"),
    [
        (waypoint(labels={"istio.io/waypoint-for": "workload"}), {USE: "w"}),
        (waypoint(labels={"istio.io/waypoint-for": "none"}), {USE: "w"}),
        (waypoint(), {USE: "none"}),
        # A waypoint takes what is enrolled in its own namespace, unless it says otherwise.
        (waypoint(place="c"), {USE: "w", "istio.io/use-waypoint-namespace": "c"}),
    ],
)
def test_what_no_waypoint_takes_goes_straight_on(gateway: Object, labels: dict[str, str]) -> None:
    model = ambient(gateway, policy("reads", GET, **FOR_SERVICE), labels=labels)
    assert answers(model) == OPEN
    assert allowed(model, "a/ui") == (None, ())


@pytest.mark.parametrize(
    "namespaces", [{"from": "All"}, {"from": "Selector", "selector": {"matchLabels": AMBIENT}}]
)
def test_a_waypoint_of_another_namespace(namespaces: Object) -> None:
    far = waypoint(place="c", on={"allowedRoutes": {"namespaces": namespaces}})
    labels = {USE: "w", "istio.io/use-waypoint-namespace": "c"}
    model = ambient(far, policy("reads", GET, **FOR_SERVICE), labels=labels)
    assert allowed(model, "a/ui") == (Allows.SOME, ("GET",))


def test_a_class_says_what_its_waypoints_are_for() -> None:
    of_class = thing(
        "gateway.networking.k8s.io/v1",
        "GatewayClass",
        "istio-waypoint",
        labels={"istio.io/waypoint-for": "workload"},
        spec={},
    )
    model = ambient(waypoint(), of_class, policy("reads", GET, **FOR_SERVICE))
    assert allowed(model, "a/ui") == (None, ())


@pytest.mark.parametrize("traffic", ["workload", "all"])
@pytest.mark.parametrize("on", ["pods", "namespace"])
def test_workload_waypoints_leave_calls_of_ztunnel_undecided(traffic: str, on: str) -> None:
    gateway = waypoint(labels={"istio.io/waypoint-for": traffic})
    model = ambient(gateway, on=on, clusterIP="None")
    assert answers(model) == [[Outcome.UNKNOWN], [Outcome.OK_PLAINTEXT], [Outcome.OK_PLAINTEXT]]
    assert answers(ambient(waypoint(), on=on, clusterIP="None"))[0] == [Outcome.OK_MTLS]


OF_WORKLOADS = waypoint(labels={"istio.io/waypoint-for": "workload"})


@pytest.mark.parametrize(
    ("on", "objects"), [("pods", []), ("pods", [OF_WORKLOADS]), ("namespace", [OF_WORKLOADS])]
)
def test_calls_to_an_address_of_a_service_meet_no_waypoint_of_its_pods(
    on: str, objects: list[Object]
) -> None:
    assert answers(ambient(*objects, on=on)) == OPEN
    # Policies of the pods judge the client itself, since no waypoint is between them.
    ui = {"from": [{"source": {"principals": ["cluster.local/ns/a/sa/default"]}}]}
    assert allowed(ambient(*objects, policy("p", ui), on=on), "a/ui")[0] is Allows.ALL
    assert answers(ambient(*objects, policy("p", FROM_WAYPOINT), on=on))[0] == [Outcome.DENIED]


def test_what_a_waypoint_is_for_that_no_file_has_is_not_known() -> None:
    assert answers(ambient(on="namespace")) == UNDECIDED


def test_a_server_that_ztunnel_does_not_stand_before() -> None:
    model = ambient(waypoint(), on="service")
    assert answers(model)[0] == [Outcome.OK_MTLS]
    bare = ambient(
        waypoint(),
        deployment("cart-2", "b", {"app": "cart", "istio.io/dataplane-mode": "none"}),
    )
    found = bare.client_policy(bare.workload("a", "ui"), HOST, 80).deliveries
    assert {each.outcome for each in found} == {Outcome.OK_MTLS, Outcome.UNKNOWN}


def test_gateways_pass_a_waypoint_where_they_are_told_to() -> None:
    def routed(**labels: str) -> Mesh:
        gateway = istio(
            "Gateway",
            "g",
            "a",
            selector={"istio": "ingressgateway"},
            servers=[{"port": {"number": 80, "protocol": "HTTP", "name": "h"}, "hosts": ["*"]}],
        )
        route = istio(
            "VirtualService",
            "v",
            "a",
            hosts=["x.example"],
            gateways=["g"],
            http=[{"route": [{"destination": {"host": HOST, "port": {"number": 80}}}]}],
        )
        edge = deployment("edge", "a", {"istio": "ingressgateway"})
        return ambient(gateway, route, edge, waypoint(), labels={USE: "w", **labels})

    assert outcomes(routed(), "a/edge") == [Outcome.OK_MTLS]
    assert outcomes(routed(**{"istio.io/ingress-use-waypoint": "true"}), "a/edge") == [
        Outcome.UNKNOWN
    ]


def test_a_waypoint_that_comes_changes_who_gets_in() -> None:
    reads = policy("reads", GET, **FOR_SERVICE)
    before, after = ambient(waypoint(), reads, labels={}), ambient(waypoint(), reads)

    closed = effect(before, after)
    assert [str(each.change) for each in closed.calls] == ["closed"]
    opened = effect(after, before)
    assert [str(each.change) for each in opened.calls] == ["opened"]


@pytest.mark.parametrize("attached", [FOR_SERVICE, {}], ids=["at the waypoint", "behind it"])
def test_the_repair_lets_the_call_pass(
    attached: Object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = tmp_path / "facts.yaml"
    facts.write_text("mesh:\n  dataPlane: ambient\n", encoding="utf-8")
    file = tmp_path / "mesh.yaml"
    objects = objects_of(waypoint(), policy("nobody", **attached))
    for each in objects:
        if each["kind"] == "Deployment":
            labels = each["spec"]["template"]["metadata"]["labels"]
            each["spec"]["selector"] = {"matchLabels": dict(labels)}

    def explained() -> Any:
        file.write_text(yaml.safe_dump_all(objects), encoding="utf-8")
        command = ["explain", "a/ui", "cart.b:80", str(file), "--mesh", str(facts)]
        assert main([*command, "--format", "json"]) == 0
        (found,) = json.loads(capsys.readouterr().out)["explanations"]
        return found

    first = explained()
    assert first["outcomes"] == ["denied"]
    assert "by way of waypoint b/w" in json.dumps(first)
    (manifest,) = [each["manifest"] for each in first["repairs"] if each["manifest"]]
    objects.append(yaml.safe_load(manifest))
    assert explained()["outcomes"] == ["ok-mtls"]


def test_a_strict_port_that_the_conversion_loses_takes_plaintext() -> None:
    """Mesh STRICT, no policy of the namespace, a workload PERMISSIVE with a STRICT port."""
    strict = peer_authentication("m", ROOT, "STRICT")
    own = peer_authentication(
        "w", "b", "PERMISSIVE", selector={"app": "cart"}, ports={8080: "STRICT"}
    )
    permissive = peer_authentication("n", "b", "PERMISSIVE")
    for policies, outcome in (
        ((strict,), Outcome.DENIED),
        ((strict, own), Outcome.OK_PLAINTEXT),
        ((strict, own, permissive), Outcome.DENIED),
    ):
        model = ambient(*policies, labels={})
        assert outcomes(model, "a/old") == [outcome]
        is_strict = outcome is Outcome.DENIED
        assert (model.server_mode("b", "cart", 8080).mode == "STRICT") is is_strict


def test_who_else_passes_a_waypoint_is_compared() -> None:
    def shop(*namespaces: str) -> Mesh:
        target = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "w"}
        rule = {"from": [{"source": {"namespaces": list(namespaces)}}]}
        spec = {"targetRefs": [target], "rules": [rule]}
        policy = thing("security.istio.io/v1", "AuthorizationPolicy", "p", "b", spec=spec)
        return mesh(*objects_of(waypoint(), policy))

    (found,) = effect(shop("a"), shop("a", "partners")).opened
    assert found.clients.label == "whoever has the identity cluster.local/ns/partners/sa/*"
    assert (found.host, found.port) == (HOST, 80)
    assert effect(shop("a", "x"), shop("x", "a")).is_proven


def test_policies_of_a_namespace_are_not_for_its_waypoint() -> None:
    pods = deployment("w", "b", {"gateway.networking.k8s.io/gateway-name": "w"})
    security = "security.istio.io/v1"
    by_namespace = thing(security, "AuthorizationPolicy", "all", "b", spec={})
    ref = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "w"}
    targeted = thing(
        security, "AuthorizationPolicy", "for-w", "b", spec={"targetRefs": [ref], "rules": []}
    )

    def state(*policies: Object, of_class: str = "istio-waypoint") -> AuthorizationState:
        model = mesh(*objects_of(waypoint(of_class=of_class), pods, *policies))
        return model.authorization_at(model.workload("b", "w"), 15008).state

    assert state(by_namespace) is AuthorizationState.NO_POLICY
    assert state(by_namespace, targeted) is AuthorizationState.DEFAULT_DENY
    # Another gateway is under both.
    assert state(by_namespace, of_class="istio") is AuthorizationState.DEFAULT_DENY


def test_more_identities_than_are_tried_at_a_waypoint_leave_it_undecided() -> None:
    """Not where the policies that name them are the same on both sides."""

    def named(count: int, *more: Object) -> Mesh:
        principals = [f"cluster.local/ns/n{number}/sa/x" for number in range(count)]
        rule = {"from": [{"source": {"principals": principals}}]}
        return ambient(waypoint(), policy("many", rule, **FOR_SERVICE), *more)

    found = effect(named(600), named(601))

    assert [
        (str(each.policy.ref), "b/w before cart.b.svc.cluster.local:80 is not known" in each.reason)
        for each in found.undecided
        if isinstance(each, UndecidedPolicy)
    ] == [("AuthorizationPolicy/b/many", True)]
    assert not found.is_proven
    assert effect(named(600), named(600, policy("elsewhere", place="a"))).undecided == ()
