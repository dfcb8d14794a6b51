"""What clients send, why, and all calls in classes."""

from __future__ import annotations

from collections import Counter

import pytest

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
    shop,
    thing,
)
from meshgate.mesh import (
    DataPlane,
    Discovery,
    Fate,
    Mesh,
    Outcome,
    Place,
    Tls,
    Transport,
    Verdict,
    verdict,
)

STRICT = peer_authentication("m", ROOT, "STRICT")


def fates(model: Mesh, client: str, host: str = "cart.b") -> list[tuple[str, Place, Fate, str]]:
    place, _, name = client.partition("/")
    why = model.explain(model.workload(place, name), host, 80)
    return [
        (
            f"{step.rule.namespace}/{step.rule.name}",
            step.place,
            step.fate,
            step.by.name if step.by else "",
        )
        for step in why.lookup
    ]


def test_the_answer_names_rules_place_and_host() -> None:
    model = shop(STRICT, destination_rule("wide", ROOT, "*.local", "ISTIO_MUTUAL"))
    answer = model.client_policy(model.workload("a", "ui"), "cart.b", 80)
    assert [rule.name for rule in answer.rules] == ["wide"]
    assert (answer.place, answer.rule_host) == (Place.ROOT, "*.local")
    assert (answer.tls, answer.discovery, answer.auto) == (Tls.ISTIO_MUTUAL, Discovery.EDS, False)
    (delivery,) = answer.deliveries
    assert (delivery.transport, delivery.outcome) == (Transport.MTLS, Outcome.OK_MTLS)


def test_without_rule_auto_mtls_decides() -> None:
    answer = shop().client_policy(shop().workload("a", "ui"), "cart.b", 80)
    assert (answer.place, answer.rules, answer.rule_host) == (Place.NOWHERE, (), "")
    assert (answer.tls, answer.auto) == (Tls.NONE, True)
    assert outcomes(shop(enable_auto_mtls=False), "a/ui") == [Outcome.OK_PLAINTEXT]


def test_a_client_without_sidecar_sends_plaintext() -> None:
    model = shop(STRICT, destination_rule("r", "b", "cart", "ISTIO_MUTUAL"))
    answer = model.client_policy(model.workload("a", "old"), "cart.b", 80)
    assert (answer.rules, answer.discovery) == ((), None)
    assert [each.outcome for each in answer.deliveries] == [Outcome.REFUSED]
    assert model.explain(model.workload("a", "old"), "cart.b", 80).lookup == ()


def test_an_excluded_outbound_port_bypasses_the_sidecar() -> None:
    excluded = {"traffic.sidecar.istio.io/excludeOutboundPorts": "80"}
    model = shop(STRICT, deployment("batch", "a", annotations=excluded))
    assert outcomes(model, "a/batch") == [Outcome.REFUSED]
    assert outcomes(model, "a/ui") == [Outcome.OK_MTLS]
    assert model.counts() == {Outcome.OK_MTLS: 2, Outcome.REFUSED: 2}


def test_an_unknown_port_or_host_is_an_error() -> None:
    model = shop()
    client = model.workload("a", "ui")
    with pytest.raises(LookupError, match="has no port 81"):
        model.client_policy(client, "cart.b", 81)
    with pytest.raises(LookupError, match="no service nothing"):
        model.client_policy(client, "nothing", 80)


def test_a_secret_named_by_a_rule_without_selector_is_dropped() -> None:
    tls = {"tls": {"mode": "SIMPLE", "credentialName": "secret"}}
    model = shop(destination_rule("r", "b", "cart", trafficPolicy=tls))
    answer = model.client_policy(model.workload("a", "ui"), "cart.b", 80)
    assert (answer.tls, answer.dropped) == (Tls.SIMPLE, True)
    assert [each.transport for each in answer.deliveries] == [Transport.PLAINTEXT]


def test_every_rule_of_the_lookup_has_a_fate() -> None:
    model = shop(
        destination_rule("own", "a", "*.b.svc.cluster.local"),
        destination_rule("wider", "a", "*.local"),
        destination_rule("elsewhere", "a", "cart.b.svc.cluster.local", exportTo=["x"]),
        destination_rule(
            "picky", "a", "*.b.svc.cluster.local", workloadSelector={"matchLabels": {"app": "x"}}
        ),
        destination_rule("cart", "b", "cart", "DISABLE"),
        destination_rule("secret", "b", "cart", "DISABLE", exportTo=["."]),
        destination_rule("mesh", ROOT, "*", "ISTIO_MUTUAL"),
        destination_rule("third", "c", "cart.b.svc.cluster.local", "SIMPLE"),
    )
    assert fates(model, "a/ui") == [
        ("a/elsewhere", Place.CLIENT, Fate.NOT_EXPORTED, ""),
        ("a/own", Place.CLIENT, Fate.WINS, ""),
        ("a/picky", Place.CLIENT, Fate.SELECTOR, ""),
        ("a/wider", Place.CLIENT, Fate.LESS_SPECIFIC, "own"),
        ("b/cart", Place.SERVICE, Fate.HIDDEN, "own"),
        ("b/secret", Place.SERVICE, Fate.NOT_EXPORTED, ""),
        ("istio-system/mesh", Place.ROOT, Fate.HIDDEN, "own"),
        ("c/third", Place.NOWHERE, Fate.OFF_PATH, ""),
    ]


def test_merged_replaced_and_swallowed_rules_are_told() -> None:
    model = shop(
        destination_rule("first", "b", "cart", "DISABLE", age=1),
        destination_rule("second", "b", "cart", "SIMPLE", age=2, exportTo=["*"]),
        destination_rule("third", "b", "cart", age=3, exportTo=["*"], subsets=[{"name": "v1"}]),
    )
    assert fates(model, "a/ui") == [
        ("b/first", Place.SERVICE, Fate.REPLACED, "second"),
        ("b/second", Place.SERVICE, Fate.WINS, ""),
        ("b/third", Place.SERVICE, Fate.MERGED, "second"),
    ]
    gone = shop(
        destination_rule("narrow", "b", "cart", "SIMPLE", age=1, exportTo=["x"]),
        destination_rule("wide", "b", "cart", "DISABLE", age=2, exportTo=["x", "a"]),
    )
    assert fates(gone, "a/ui") == [
        ("b/narrow", Place.SERVICE, Fate.NOT_EXPORTED, ""),
        ("b/wide", Place.SERVICE, Fate.SWALLOWED, "narrow"),
    ]


def test_clients_of_the_root_namespace_use_its_private_rules() -> None:
    model = shop(
        deployment("gate", ROOT, {"app": "gate", "sidecar.istio.io/inject": "true"}),
        destination_rule("private", ROOT, "*.local", "DISABLE", exportTo=["."]),
        destination_rule("public", ROOT, "cart.b.svc.cluster.local", "ISTIO_MUTUAL"),
    )
    assert [fate[2] for fate in fates(model, "istio-system/gate")] == [Fate.WINS, Fate.HIDDEN]
    assert [fate[2] for fate in fates(model, "a/ui")] == [Fate.WINS, Fate.NOT_EXPORTED]


@pytest.mark.parametrize(
    ("spec", "subset", "path", "stated"),
    [
        ({"trafficPolicy": {"tls": {"mode": "SIMPLE"}}}, None, "spec.trafficPolicy.tls", True),
        ({"trafficPolicy": {"loadBalancer": {}}}, None, "spec.trafficPolicy.tls", False),
        (
            {
                "trafficPolicy": {
                    "tls": {"mode": "SIMPLE"},
                    "portLevelSettings": [{"port": {"number": 9}}, {"port": {"number": 80}}],
                }
            },
            None,
            "spec.trafficPolicy.portLevelSettings[1].tls",
            False,
        ),
        (
            {"subsets": [{"name": "v1", "trafficPolicy": {"tls": {"mode": "DISABLE"}}}]},
            "v1",
            "spec.subsets[0].trafficPolicy.tls",
            True,
        ),
        (
            {"trafficPolicy": {"tls": {}}, "subsets": [{"name": "v1"}]},
            "v1",
            "spec.trafficPolicy.tls",
            True,
        ),
    ],
)
def test_the_line_that_states_tls_is_told(
    spec: Object, subset: str | None, path: str, stated: bool
) -> None:
    model = shop(destination_rule("r", "b", "cart", **spec))
    why = model.explain(model.workload("a", "ui"), "cart.b", 80, subset)
    assert why.tls is not None
    assert (why.tls.rule.name, why.tls.path, why.tls.stated) == ("r", path, stated)


def test_an_explanation_has_the_servers() -> None:
    model = shop(STRICT)
    why = model.explain(model.workload("a", "ui"), "cart.b", 80)
    (landing,) = why.landings
    assert landing.server is not None
    assert str(landing.server.decided_by.policy) == "PeerAuthentication/istio-system/m"
    assert why.tls is None


def test_clients_that_nothing_tells_apart_are_one_class() -> None:
    objects = [namespace(f"n{number}") for number in range(30)]
    objects += [deployment(f"d{number}", f"n{number}") for number in range(30)]
    model = shop(
        *objects,
        destination_rule("mine", "n7", "cart.b.svc.cluster.local", "DISABLE"),
        destination_rule(
            "for-nine",
            "n9",
            "cart.b.svc.cluster.local",
            "SIMPLE",
            workloadSelector={"matchLabels": {"app": "d9"}},
        ),
        deployment("second", "n9"),
    )
    cart = model.service("cart.b", "a")
    found = [
        (each.clients.count, each.policy.tls) for each in model.call_classes([cart]) if each.policy
    ]
    assert sorted(found) == [(1, Tls.DISABLE), (1, Tls.NONE), (1, Tls.SIMPLE), (30, Tls.NONE)]
    rest = max(model.call_classes([cart]), key=lambda each: each.clients.count).clients
    assert len(list(rest.members)) == 30
    assert not {"n7", "n9"} & set(rest.namespaces)
    seventh = model.clients.class_of(model.workload("n7", "d7"))
    eighth = model.clients.class_of(model.workload("n8", "d8"))
    assert seventh is not None
    assert eighth is not None
    assert not rest.has(seventh)
    assert rest.has(eighth)


def test_calls_come_one_by_one_and_only_broken_ones_on_demand() -> None:
    model = shop(STRICT, destination_rule("plain", "b", "cart", "DISABLE"))
    counted = Counter(call.outcome for call in model.calls())
    assert counted == model.counts() == {Outcome.REFUSED: 3}
    client = model.workload("a", "ui")
    (call,) = model.calls(client, [model.service("cart.b", "a")], 80, only_broken=True)
    assert (call.client, call.transport, call.tls) == (client, Transport.PLAINTEXT, Tls.DISABLE)
    assert (call.verdict, call.mode, call.reason) == (Verdict.BROKEN, "STRICT", "")
    assert call.endpoint is not None
    assert call.endpoint.workload is model.workload("b", "cart")
    assert not list(model.calls(client, port=81))
    (raw,) = model.calls(model.workload("a", "old"))
    assert (raw.tls, raw.policy) == (Tls.NONE, None)
    assert list(shop().calls(only_broken=True)) == []


@pytest.mark.parametrize(
    ("outcome", "transport", "expected"),
    [
        (Outcome.OK_MTLS, Transport.MTLS, Verdict.WORKS),
        (Outcome.TLS_TO_APP, Transport.MTLS, Verdict.BROKEN),
        (Outcome.TLS_TO_APP, Transport.TLS, Verdict.DEPENDS),
        (Outcome.EXTERNAL, Transport.TLS, Verdict.DEPENDS),
        (Outcome.NO_ENDPOINT, None, Verdict.UNKNOWN),
        (Outcome.DENIED, Transport.PLAINTEXT, Verdict.BROKEN),
    ],
)
def test_verdicts(outcome: Outcome, transport: Transport | None, expected: Verdict) -> None:
    assert verdict(outcome, transport) is expected


def test_every_outcome_has_a_verdict() -> None:
    assert all(verdict(outcome, Transport.PLAINTEXT) for outcome in Outcome)


def test_an_envoy_filter_leaves_its_workloads_undecided() -> None:
    def patch(place: str, kind: str, context: str, labels: dict[str, str]) -> dict[str, object]:
        return istio(
            "EnvoyFilter",
            "custom",
            place,
            workloadSelector={"labels": labels},
            configPatches=[{"applyTo": kind, "match": {"context": context}}],
        )

    model = shop(patch("b", "FILTER_CHAIN", "SIDECAR_INBOUND", {"app": "cart"}))
    assert outcomes(model, "a/ui") == [Outcome.UNKNOWN]
    answer = model.server_mode("b", "cart", 8080)
    assert (answer.decided, answer.reason) == (
        False,
        "EnvoyFilter b/custom patches its FILTER_CHAIN",
    )
    cart = model.workload("b", "cart")
    assert model.receive(cart, 8080, Transport.PLAINTEXT)[0] is Outcome.UNKNOWN
    outbound = shop(patch(ROOT, "CLUSTER", "SIDECAR_OUTBOUND", {"app": "ui"}))
    answer_of_ui = outbound.client_policy(outbound.workload("a", "ui"), "cart.b", 80)
    assert not answer_of_ui.decided
    assert outbound.counts()[Outcome.UNKNOWN] == 1
    refusing = shop(patch("b", "HTTP_FILTER", "SIDECAR_INBOUND", {"app": "cart"}))
    assert outcomes(refusing, "a/ui") == [Outcome.UNKNOWN]
    # A filter leaves the mode alone.
    assert refusing.server_mode("b", "cart", 8080).decided
    for harmless in (
        patch("a", "FILTER_CHAIN", "SIDECAR_INBOUND", {"app": "cart"}),
        patch("b", "FILTER_CHAIN", "GATEWAY", {"app": "cart"}),
        patch("b", "FILTER_CHAIN", "SIDECAR_INBOUND", {"app": "other"}),
    ):
        assert outcomes(shop(harmless), "a/ui") == [Outcome.OK_MTLS]


def test_gateway_api_leaves_its_services_undecided() -> None:
    target = {"kind": "Service", "name": "cart"}
    tls = thing(
        "gateway.networking.k8s.io/v1", "BackendTLSPolicy", "t", "b", spec={"targetRefs": [target]}
    )
    route = thing(
        "gateway.networking.k8s.io/v1",
        "HTTPRoute",
        "r",
        "a",
        spec={"parentRefs": [{**target, "namespace": "b"}]},
    )
    for each, reason in (
        (tls, "BackendTLSPolicy b/t sets its TLS"),
        (route, "HTTPRoute a/r routes its calls"),
    ):
        model = shop(each)
        answer = model.client_policy(model.workload("a", "ui"), "cart.b", 80)
        assert (answer.decided, answer.reason) == (False, reason)
        assert outcomes(model, "a/old") == [Outcome.OK_PLAINTEXT]
        assert model.counts() == {Outcome.UNKNOWN: 2, Outcome.OK_PLAINTEXT: 1}


def test_a_gateway_calls_what_its_routes_name() -> None:
    gate = deployment("gate", "edge", {"istio": "ingressgateway"})
    model = shop(
        namespace("edge", None),
        gate,
        service("other", "b"),
        istio(
            "Gateway",
            "public",
            "b",
            selector={"istio": "ingressgateway"},
            servers=[{"port": {"number": 80, "protocol": "HTTP"}, "hosts": ["shop.example"]}],
        ),
        istio(
            "VirtualService",
            "shop",
            "b",
            hosts=["shop.example"],
            gateways=["public"],
            http=[{"route": [{"destination": {"host": "cart", "port": {"number": 80}}}]}],
        ),
        STRICT,
    )
    workload = model.workload("edge", "gate")
    assert workload.plane is DataPlane.GATEWAY
    (call,) = model.calls(workload)
    assert (call.service.name, call.outcome) == ("cart", Outcome.OK_MTLS)
    (chain,) = model.gateway_chains(workload)
    assert (chain.port, chain.mode, chain.server.name) == (80, "plaintext", "b/public")


def test_an_empty_mesh_answers_nothing() -> None:
    assert mesh().counts() == {}
    assert not mesh().knows("a")


@pytest.mark.parametrize(
    ("names", "outcome"),
    [
        (["spiffe://cluster.local/ns/b/sa/default"], Outcome.OK_MTLS),
        (["x", "spiffe://cluster.local/ns/b/sa/default"], Outcome.OK_MTLS),
        (["spiffe://cluster.local/ns/b/sa/other"], Outcome.UNKNOWN),
        (["spiffe://td/ns/b/sa/default"], Outcome.UNKNOWN),
        (["cart.b"], Outcome.UNKNOWN),
    ],
)
def test_whom_a_rule_takes_for_the_server(names: list[str], outcome: Outcome) -> None:
    tls = {"mode": "ISTIO_MUTUAL", "subjectAltNames": names}
    model = shop(destination_rule("r", "b", "cart", trafficPolicy={"tls": tls}))

    assert outcomes(model, "a/ui") == [outcome]
