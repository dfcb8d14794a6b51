"""What the findings on policies at waypoints, gateways and ztunnel say to do is done, and helps."""

from __future__ import annotations

from authorization_cases import SECURITY, context, findings, lets_in, model, written
from meshes import (
    Object,
    deployment,
    istio,
    namespace,
    service,
    thing,
)
from repaired_policies import (
    SHOP,
    on,
    only,
    operation,
    policy,
    source,
)


def ambient(**labels: str) -> list[Object]:
    return [
        thing("v1", "Namespace", name, labels={"istio.io/dataplane-mode": "ambient"})
        for name in ("a", "b")
    ] + [
        deployment("ui", "a"),
        deployment("cart", "b"),
        service("cart", "b", labels=labels),
    ]


GATEWAY = thing(
    "gateway.networking.k8s.io/v1",
    "Gateway",
    "w",
    "b",
    spec={
        "gatewayClassName": "istio-waypoint",
        "listeners": [{"name": "mesh", "port": 15008, "protocol": "HBONE"}],
    },
)
BEHIND = [*ambient(**{"istio.io/use-waypoint": "w"}), GATEWAY]
TARGET = [{"group": "", "kind": "Service", "name": "cart"}]


def test_http_is_judged_at_a_waypoint() -> None:
    rules = [operation(methods=["DELETE"])]
    before = context([policy(action="DENY", rules=rules)], ambient(), data_plane="ambient")
    fix = only("AZ008", before).fix
    assert "`targetRefs`" in fix
    assert "istio.io/use-waypoint" in fix
    behind = [policy(targetRefs=TARGET, action="DENY", rules=rules)]
    after = context(behind, BEHIND, data_plane="ambient")

    assert findings("AZ008", after) == []
    deletes = [lets_in(model(each), host="cart.b", method="DELETE") for each in (before, after)]
    assert deletes == [True, False]


def test_nobody_goes_around_a_waypoint_that_alone_is_let_in() -> None:
    inventory = [*BEHIND, namespace("c"), deployment("ui", "c")]
    behind = policy(targetRefs=TARGET, action="DENY", rules=[operation(methods=["DELETE"])])
    before = context([behind], inventory, data_plane="ambient")
    found = only("AZ008", before)
    assert "c/ui goes around waypoint b/w" in found.message
    assert found.fix == "let a policy with a selector admit the waypoint's account and nobody else"
    account = source(principals=["cluster.local/ns/b/sa/w"])
    own = policy("own", selector=on("cart"), rules=[account])
    after = context([behind, own], inventory, data_plane="ambient")

    assert findings("AZ008", after) == []
    for client, gets_in in (("a/ui", True), ("c/ui", False)):
        assert lets_in(model(after), client, host="cart.b", method="GET") is gets_in


def test_the_selector_is_left_out_at_ztunnel() -> None:
    before = context([policy(selector={})], ambient(), data_plane="ambient")
    assert only("AZ008", before).fix == "leave the selector out"
    after = context([policy()], ambient(), data_plane="ambient")

    assert findings("AZ008", after) == []
    assert [lets_in(model(each)) for each in (before, after)] == [True, False]


def test_a_gateway_verifies_tokens_before_it_routes_by_claims() -> None:
    gate = deployment("gate", "edge", {"app": "gate", "istio": "ingressgateway"})
    public = istio(
        "Gateway",
        "public",
        "edge",
        selector={"istio": "ingressgateway"},
        servers=[
            {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["x.example"]}
        ],
    )
    match = {"headers": {"@request.auth.claims.group": {"exact": "admin"}}}
    route = {"destination": {"host": "cart.b.svc.cluster.local", "port": {"number": 80}}}
    by_claim = istio(
        "VirtualService",
        "v",
        "b",
        hosts=["x.example"],
        gateways=["edge/public"],
        http=[{"match": [match], "route": [route]}],
    )
    inventory = [*SHOP, namespace("edge"), gate, service("gate", "edge"), public]
    before = context([by_claim], inventory)
    assert only("VS005", before).fix == "add a RequestAuthentication for edge/gate"
    rules = [{"issuer": "https://i.example", "jwksUri": "https://i.example/keys"}]
    token = thing(SECURITY, "RequestAuthentication", "jwt", "edge", spec={"jwtRules": rules})

    assert findings("VS005", context([by_claim, token], inventory)) == []


def test_a_token_is_written_to_a_header_of_its_own() -> None:
    rule = {"issuer": "https://i.example", "jwksUri": "https://i.example/keys"}
    spec = {"jwtRules": [{**rule, "outputPayloadToHeader": "host"}]}
    objects = [thing(SECURITY, "RequestAuthentication", "jwt", "b", spec=spec)]
    found = only("AZ017", context(objects, SHOP))

    assert findings("AZ017", context(written(objects, found), SHOP)) == []


def test_a_waypoint_is_named_and_not_selected() -> None:
    labels = {"gateway.networking.k8s.io/gateway-name": "w", "istio.io/dataplane-mode": "none"}
    inventory = [*BEHIND, deployment("w", "b", labels)]
    selector = {"matchLabels": {"gateway.networking.k8s.io/gateway-name": "w"}}
    rules = [operation(methods=["DELETE"])]
    before = context(
        [policy(selector=selector, action="DENY", rules=rules)], inventory, data_plane="ambient"
    )
    assert only("AZ008", before).fix == (
        "name the waypoint's Gateway, or a Service behind it, by `targetRefs`"
    )
    for target in (
        TARGET,
        [{"group": GATEWAY["apiVersion"].partition("/")[0], "kind": "Gateway", "name": "w"}],
    ):
        behind = policy(targetRefs=target, action="DENY", rules=rules)
        after = context([behind], inventory, data_plane="ambient")
        assert findings("AZ008", after) == []
        deletes = [lets_in(model(each), host="cart.b", method="DELETE") for each in (before, after)]
        assert deletes == [True, False]
