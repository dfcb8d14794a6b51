"""What surrounds a proxy and is not read: its pod, a waypoint, MeshConfig, faults of routes."""

from __future__ import annotations

from typing import Any

import pytest

from meshes import (
    ROOT,
    Object,
    deployment,
    mesh,
    namespace,
    outcomes,
    service,
    shop,
    shop_inventory,
    thing,
)
from meshgate.mesh import Mesh, Outcome, Verdict
from meshgate.report import Options, posture
from meshgate.report.view import View
from unread_objects import (
    filtering,
    proxy,
    verdicts,
)


def pod(name: str, place: str, annotations: dict[str, str], **spec: Any) -> Object:
    return deployment(name, place, annotations=annotations, **spec)


CAPTURE = "traffic.sidecar.istio.io/"
BOTH_ENDS: dict[str, dict[str, Any]] = {
    "interception mode": {"annotations": {"sidecar.istio.io/interceptionMode": "NONE"}},
    "interfaces": {"annotations": {f"{CAPTURE}excludeInterfaces": "eth1"}},
    "kubevirt": {"annotations": {f"{CAPTURE}kubevirtInterfaces": "k6t"}},
    "virtual interfaces": {"annotations": {"istio.io/reroute-virtual-interfaces": "k6t"}},
    "unknown annotation": {"annotations": {f"{CAPTURE}excludeMoons": "io"}},
    "bootstrap": {"annotations": {"sidecar.istio.io/bootstrapOverride": "mine"}},
    "template": {"annotations": {"inject.istio.io/templates": "sidecar,mine"}},
    "configuration": {"annotations": {"proxy.istio.io/config": "interceptionMode: NONE"}},
    "broken configuration": {"annotations": {"proxy.istio.io/config": "[:"}},
}
OUTBOUND_ONLY: dict[str, dict[str, Any]] = {
    "ranges": {"annotations": {f"{CAPTURE}includeOutboundIPRanges": "10.0.0.0/8"}},
    "no ranges": {"annotations": {f"{CAPTURE}includeOutboundIPRanges": ""}},
    "excluded ranges": {"annotations": {f"{CAPTURE}excludeOutboundIPRanges": "10.0.0.0/8"}},
    "user": {"annotations": {}, "securityContext": {"runAsUser": 1337}},
    "group": {"annotations": {}, "securityContext": {"runAsGroup": 1337}},
}
HARMLESS: dict[str, dict[str, Any]] = {
    "usual": {
        "annotations": {
            "sidecar.istio.io/interceptionMode": "TPROXY",
            f"{CAPTURE}includeOutboundIPRanges": "*",
            "proxy.istio.io/config": "holdApplicationUntilProxyStarts: true",
            "inject.istio.io/templates": "sidecar",
        },
        "securityContext": {"runAsUser": 1000},
    }
}


def shop_of(client: dict[str, Any], server: dict[str, Any]) -> Mesh:
    others = [each for each in shop_inventory() if each["kind"] != "Deployment"]
    return mesh(*others, pod("ui", "a", **client), pod("cart", "b", **server))


ODD_PODS: dict[str, dict[str, Any]] = {**BOTH_ENDS, **OUTBOUND_ONLY, **HARMLESS}


@pytest.mark.parametrize("name", ODD_PODS)
def test_pods_whose_traffic_may_bypass_the_sidecar(name: str) -> None:
    odd = ODD_PODS[name]
    calling = outcomes(shop_of(odd, {"annotations": {}}), "a/ui")
    called = outcomes(shop_of({"annotations": {}}, odd), "a/ui")

    assert calling == [Outcome.OK_MTLS if name in HARMLESS else Outcome.UNKNOWN]
    assert called == [Outcome.UNKNOWN if name in BOTH_ENDS else Outcome.OK_MTLS]
    told = [each.covered for each in shop_of({"annotations": {}}, odd).unread]
    assert told == ([] if name in HARMLESS else [("b/cart",)])


WAYPOINT = "istio.io/use-waypoint"


@pytest.mark.parametrize("where", ["service", "namespace", "pods"])
def test_a_waypoint_leaves_calls_undecided(where: str) -> None:
    labels = {WAYPOINT: "w"}
    plane = {"istio.io/dataplane-mode": "ambient"}

    def ambient(waypoint: dict[str, str]) -> Mesh:
        own = {place: waypoint if place == where else {} for place in ("service", "pods")}
        # Calls to the addresses of pods alone meet a waypoint of pods.
        headless: dict[str, Any] = {"clusterIP": "None"} if where == "pods" else {}
        return mesh(
            namespace("a", None, **plane),
            namespace("b", None, **plane, **(waypoint if where == "namespace" else {})),
            deployment("ui", "a"),
            deployment("cart", "b", {"app": "cart", **own["pods"]}),
            service("cart", "b", labels=own["service"], **headless),
            data_plane="ambient",
        )

    assert outcomes(ambient({}), "a/ui") == [Outcome.OK_MTLS]
    assert outcomes(ambient({WAYPOINT: "none"}), "a/ui") == [Outcome.OK_MTLS]
    model = ambient(labels)
    assert outcomes(model, "a/ui") == [Outcome.UNKNOWN]
    assert verdicts(model) == {Verdict.UNKNOWN}
    assert model.unread


def mesh_config(text: str, name: str = "istio") -> Object:
    return thing("v1", "ConfigMap", name, ROOT, data={"mesh": text})


DECIDING: dict[str, dict[str, Any]] = {
    "enableAutoMtls: false": {},
    "rootNamespace: other": {},
    "outboundTrafficPolicy: {mode: REGISTRY_ONLY}": {},
    "defaultDestinationRuleExportTo: ['.']": {},
    "defaultServiceExportTo: ['.']": {},
    "defaultConfig: {interceptionMode: NONE}": {},
    "configSources: [{address: 'xds://x'}]": {},
    "discoverySelectors: [{matchLabels: {a: b}}]": {},
    "a: [": {},
    "enableAutoMtls: true": {"enable_auto_mtls": False},
}


@pytest.mark.parametrize("text", DECIDING)
def test_mesh_config_that_contradicts_the_facts_leaves_all_undecided(text: str) -> None:
    model = shop(mesh_config(text), **DECIDING[text])

    assert set(model.counts()) == {Outcome.UNKNOWN}
    assert outcomes(model, "a/ui") == [Outcome.UNKNOWN]
    assert model.contradictions[0].decides


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("enableAutoMtls: true\naccessLogFile: /dev/stdout\ntrustDomain: cluster.local", {}),
        ("enableAutoMtls: false", {"enable_auto_mtls": False}),
        ("defaultConfig: {holdApplicationUntilProxyStarts: true, tracing: {}}", {}),
        ("extensionProviders: [{name: otel, opentelemetry: {port: 1}}]", {}),
        ("", {}),
    ],
)
def test_mesh_config_that_says_what_is_declared_changes_nothing(
    text: str, facts: dict[str, Any]
) -> None:
    assert shop(mesh_config(text), **facts).counts() == shop(**facts).counts()
    assert shop(mesh_config(text), **facts).contradictions == ()


@pytest.mark.parametrize(
    "text",
    [
        "trustDomain: corp",
        "trustDomainAliases: [old]",
        "pathNormalization: {normalization: NONE}",
        "extensionProviders: [{name: opa, envoyExtAuthzGrpc: {port: 1}}]",
    ],
)
def test_what_authorization_alone_depends_on_leaves_transport_alone(text: str) -> None:
    model = shop(mesh_config(text))

    assert [each.decides for each in model.contradictions] == [False]
    assert outcomes(model, "a/ui") == [Outcome.OK_MTLS]


def test_the_config_map_of_the_revision_counts() -> None:
    both = mesh_config("enableAutoMtls: false"), mesh_config("{}", "istio-canary")

    assert shop(*both, revision="canary").contradictions == ()
    assert shop(*both).contradictions


@pytest.mark.parametrize(("share", "open_end"), [(100, True), (50, True), (None, True), (0, False)])
def test_an_abort_leaves_no_call_that_works(share: int | None, open_end: bool) -> None:
    abort: Object = {"httpStatus": 503}
    if share is not None:
        abort["percentage"] = {"value": share}
    route = {"route": [{"destination": {"host": "cart"}}], "fault": {"abort": abort}}
    model = shop(proxy("VirtualService", "b", hosts=["cart"], http=[route]))

    assert outcomes(model, "a/ui") == [Outcome.UNKNOWN if open_end else Outcome.OK_MTLS]
    assert verdicts(model) == {Verdict.UNKNOWN if open_end else Verdict.WORKS}
    assert outcomes(model, "a/old") == [Outcome.OK_PLAINTEXT]


@pytest.mark.parametrize(
    ("gateways", "match", "ends"),
    [
        (None, None, [Outcome.UNKNOWN]),
        (["b/front"], None, [Outcome.OK_MTLS]),
        (["b/front", "mesh"], None, [Outcome.UNKNOWN]),
        (["b/front", "mesh"], [{"gateways": ["b/front"]}], [Outcome.OK_MTLS]),
        (["b/front"], [{"gateways": ["mesh"]}], [Outcome.UNKNOWN]),
        (["b/front", "mesh"], [{"gateways": ["b/front"]}, {}], [Outcome.UNKNOWN]),
    ],
)
def test_an_abort_at_a_gateway_leaves_the_calls_of_sidecars_alone(
    gateways: list[str] | None, match: list[Object] | None, ends: list[Outcome]
) -> None:
    route: Object = {
        "route": [{"destination": {"host": "cart"}}],
        "fault": {"abort": {"httpStatus": 503, "percentage": {"value": 100}}},
    }
    if match is not None:
        route["match"] = match
    spec: Object = {"hosts": ["cart"], "http": [route]}
    if gateways is not None:
        spec["gateways"] = gateways
    assert outcomes(shop(proxy("VirtualService", "b", **spec)), "a/ui") == ends


@pytest.mark.parametrize("kind", ["HTTPRoute", "TLSRoute"])
def test_a_route_may_be_attached_to_a_service_entry(kind: str) -> None:
    ports = [{"number": 80, "name": "http", "protocol": "HTTP"}]
    entry = proxy("ServiceEntry", "b", hosts=["api.example"], ports=ports, resolution="DNS")
    parent = {"group": "networking.istio.io", "kind": "ServiceEntry", "name": entry_name(entry)}
    route = thing("gateway.networking.k8s.io/v1", kind, "r", "b", spec={"parentRefs": [parent]})

    assert outcomes(shop(entry), "a/ui", "api.example") != [Outcome.UNKNOWN]
    model = shop(entry, route)
    assert outcomes(model, "a/ui", "api.example") == [Outcome.UNKNOWN]
    assert [each.covered for each in model.unread] == [("api.example",)]
    # One of that name elsewhere is another one.
    route["metadata"]["namespace"] = "a"
    assert outcomes(shop(entry, route), "a/ui", "api.example") != [Outcome.UNKNOWN]


def entry_name(entry: Object) -> str:
    name = entry["metadata"]["name"]
    assert isinstance(name, str)
    return name


def test_a_delay_and_a_mirror_change_nothing() -> None:
    route = {
        "route": [{"destination": {"host": "cart"}}],
        "fault": {"delay": {"fixedDelay": "1s", "percentage": {"value": 100}}},
        "mirror": {"host": "cart"},
    }
    model = shop(proxy("VirtualService", "b", hosts=["cart"], http=[route]))

    assert outcomes(model, "a/ui") == [Outcome.OK_MTLS]


def test_posture_says_what_it_does_not_know() -> None:
    view = View("prod", shop(filtering("p", "b")), lambda _resource, _path: None)
    note = "Not known is who gets in at b/cart: CiliumNetworkPolicy b/p "

    assert note in posture.text([view], Options(width=200))
    assert note in posture.markdown([view], Options())
    assert '"mayRefuse": "CiliumNetworkPolicy b/p' in posture.json([view], Options())
    assert "Not known" not in posture.text([View("prod", shop(), view.locate)], Options())
