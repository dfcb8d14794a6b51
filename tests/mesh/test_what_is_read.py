"""No verdict rests on what is not read: every kind has a column, and what it says holds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import examples
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
from meshgate.cluster import kinds
from meshgate.cluster.capture.redact import redacted
from meshgate.effect import effect
from meshgate.effect.verdicts import Change
from meshgate.mesh import Mesh, Outcome, Verdict, Workload
from meshgate.mesh.coverage import TABLE, Coverage, CoverageColumn, coverage_of
from meshgate.model import MESH_KINDS
from meshgate.pipeline.judged import INVENTORY_KINDS
from meshgate.report import Options, posture
from meshgate.report.view import View
from meshgate.rules.sh008_unsupported_kind import RUNNING
from places import REPOSITORY
from random_meshes import answers, objects

MODERATE = examples(25)
SECURITY = "security.istio.io/v1"


def authorization(name: str, place: str, **fields: Any) -> Object:
    annotations = fields.pop("annotations", {})
    return thing(SECURITY, "AuthorizationPolicy", name, place, annotations=annotations, spec=fields)


def authentication(name: str, place: str, **fields: Any) -> Object:
    rules = [{"issuer": "https://issuer.example"}]
    return thing(SECURITY, "RequestAuthentication", name, place, spec={"jwtRules": rules, **fields})


def network(name: str, place: str, *types: str, **selector: str) -> Object:
    spec: Object = {"podSelector": {"matchLabels": selector} if selector else {}}
    if types:
        spec["policyTypes"] = list(types)
    return thing("networking.k8s.io/v1", "NetworkPolicy", name, place, spec=spec)


def cilium(kind: str, place: str | None, name: str = "p", **spec: Any) -> Object:
    return thing("cilium.io/v2", kind, name, place, spec=spec)


def filtering(name: str, place: str, *types: str, **selector: str) -> Object:
    """A policy of Cilium, which is not read, for what comes in or, as `types` says, goes out."""
    chosen = {"matchLabels": selector} if selector else {}
    ways: dict[str, list[Object]] = {way.lower(): [] for way in types or ("Ingress",)}
    return cilium("CiliumNetworkPolicy", place, name, endpointSelector=chosen, **ways)


SELECTOR = {"selector": {"matchLabels": {"app": "cart"}}}
# Objects that cover the server b/cart, and leave it alone, of the shop.
COVERING_SERVER = {
    "network policy": filtering("p", "b"),
    "network policy by label": filtering("p", "b", "Ingress", app="cart"),
}
LEAVING_ALONE = {
    "audit": authorization("p", "b", action="AUDIT", rules=[{}]),
    "dry run": authorization("p", "b", annotations={"istio.io/dry-run": "true"}),
    "other pods": authorization("p", "b", selector={"matchLabels": {"app": "x"}}),
    "other namespace": authorization("p", "a"),
    "other namespace by selector": authorization("p", "a", **SELECTOR),
    "target": authorization("p", "b", targetRefs=[{"kind": "Service", "name": "cart"}]),
    "gateway": authorization("p", "b", targetRefs=[{"kind": "Gateway", "name": "cart"}]),
    "no issuers": authentication("p", "b", jwtRules=[]),
    "network policy of other pods": network("p", "b", app="x"),
    "network policy elsewhere": network("p", "c"),
    "network policy for what it calls": network("p", "b", "Egress"),
}


def verdicts(model: Mesh, client: str = "a/ui") -> set[Verdict]:
    place, _, name = client.partition("/")
    return {call.verdict for call in model.calls(model.workload(place, name))}


@pytest.mark.parametrize("name", COVERING_SERVER)
def test_a_server_under_what_is_not_read_is_undecided(name: str) -> None:
    model = shop(COVERING_SERVER[name])
    policy = COVERING_SERVER[name]

    for client in ("a/ui", "a/old"):
        assert outcomes(model, client) == [Outcome.UNKNOWN]
        assert verdicts(model, client) == {Verdict.UNKNOWN}
    (call,) = model.calls(model.workload("a", "ui"))
    assert f"{policy['kind']} {policy['metadata']['namespace']}/p" in call.reason
    assert call.delivery.on_wire is Outcome.OK_MTLS
    # The mode is known all the same.
    answer = model.server_mode("b", "cart", 8080)
    assert answer.decided
    assert answer.may_refuse == call.reason
    assert model.counts() == {Outcome.UNKNOWN: sum(1 for _ in model.calls())}
    (unread,) = model.unread
    assert "b/cart" in unread.covered


@pytest.mark.parametrize("name", LEAVING_ALONE)
def test_what_is_ignored_leaves_the_verdict_alone(name: str) -> None:
    model = shop(LEAVING_ALONE[name])

    assert outcomes(model, "a/ui") == [Outcome.OK_MTLS]
    assert outcomes(model, "a/old") == [Outcome.OK_PLAINTEXT]
    assert not model.server_mode("b", "cart", 8080).may_refuse


def test_network_policies_that_the_plugin_ignores_decide_nothing() -> None:
    policies = network("p", "b"), network("q", "a", "Egress")

    assert outcomes(shop(*policies, network_policies="ignored"), "a/ui") == [Outcome.OK_MTLS]


def test_what_fails_anyway_still_fails() -> None:
    strict = thing(SECURITY, "PeerAuthentication", "m", "b", spec={"mtls": {"mode": "STRICT"}})
    model = shop(strict, filtering("n", "b"), filtering("n", "a", "Egress"))

    assert outcomes(model, "a/old") == [Outcome.REFUSED]
    assert outcomes(model, "a/ui") == [Outcome.UNKNOWN]


def test_a_client_under_a_network_policy_is_undecided() -> None:
    model = shop(filtering("out", "a", "Egress", app="ui"))

    assert outcomes(model, "a/ui") == [Outcome.UNKNOWN]
    assert outcomes(model, "a/old") == [Outcome.OK_PLAINTEXT]
    (call,) = model.calls(model.workload("a", "ui"))
    assert "CiliumNetworkPolicy a/out" in call.reason
    assert verdicts(model, "a/old") == {Verdict.WORKS}


def test_clients_under_policies_of_many_names_are_one_class() -> None:
    alone = shop(filtering("one", "a", "Egress"), filtering("two", "b", "Egress"))

    assert len({each.profile for each in alone.clients.classes}) == 2
    assert {each.restricted_by for each in alone.clients.classes} == {
        "a CiliumNetworkPolicy decides whom it may call, and is not read"
    }


def test_a_new_policy_is_no_silence() -> None:
    found = effect(shop(), shop(filtering("deny-all", "b")))

    assert not found.is_empty
    assert {each.change for each in found.open_calls} == {Change.UNKNOWN}
    (policy,) = found.open_policies
    assert policy.policy.name == "deny-all"


def test_a_changed_policy_is_never_no_effect() -> None:
    before, after = filtering("p", "b"), filtering("p", "b", "Ingress", app="cart")

    found = effect(shop(before), shop(after))

    assert [str(each.policy) for each in found.undecided] == ["CiliumNetworkPolicy/b/p"]  # type: ignore[union-attr] # not None
    assert effect(shop(before), shop(before)).is_empty
    # Nor where the inventory knows nothing of its namespace, or of anything.
    there = filtering("p", "c")
    assert effect(shop(), shop(there)).undecided
    assert effect(mesh(), mesh(there)).undecided


def test_a_transition_under_a_policy_is_still_told() -> None:
    strict = thing(SECURITY, "PeerAuthentication", "m", "b", spec={"mtls": {"mode": "STRICT"}})
    plain = thing(
        "networking.istio.io/v1",
        "DestinationRule",
        "d",
        "b",
        spec={"host": "cart", "trafficPolicy": {"tls": {"mode": "DISABLE"}}},
    )
    policy = filtering("p", "b")

    found = effect(shop(plain, policy), shop(strict, policy))

    assert found.unsafe
    for unsafe in found.unsafe:
        assert not unsafe.decided
        assert "CiliumNetworkPolicy b/p" in unsafe.reason
    assert {each.change for each in found.open_calls if each.counts} == {Change.ENCRYPTED}


def known_kinds() -> Iterator[tuple[str, str]]:
    """Every kind that there is a schema for, that may be rendered, inventoried or captured."""
    index = json.loads((REPOSITORY / "schemas/index.json").read_text("utf-8"))
    for entries in index["kinds"].values():
        yield from ((entry["group"], entry["kind"]) for entry in entries)
    yield from ((group, kind) for kind, group in MESH_KINDS.items())
    yield from ((kind.group, kind.kind) for kind in kinds.ALL)


def test_every_kind_has_a_column() -> None:
    missing = {kind for kind in known_kinds() if coverage_of(*kind) is None}
    assert missing == set()
    named = {row.kind for row in TABLE}
    assert named.issuperset(INVENTORY_KINDS)
    assert named.issuperset(RUNNING)


def test_a_cluster_is_asked_for_every_kind_that_calls_depend_on() -> None:
    """A Gateway of the Gateway API is known by the label of its pods; Calico keeps its own CRDs."""
    asked = {(kind.group, kind.kind) for kind in kinds.DECIDING}
    undecided = {(row.group, row.kind) for row in TABLE if row.column is CoverageColumn.UNDECIDED}
    not_asked = {each for each in undecided - asked if each[0] != "projectcalico.org"}
    assert not_asked == {("gateway.networking.k8s.io", "Gateway")}


def test_what_is_captured_of_code_in_proxies_says_where_it_is() -> None:
    plugin = extension("WasmPlugin", "b", selector=CART, pluginConfig={"token": "secret"})
    settings_of = proxy("ProxyConfig", "b", environmentVariables={"TOKEN": "secret"})
    for value in (plugin, settings_of):
        kept = redacted(value)
        assert "secret" not in json.dumps(kept)
        assert outcomes(shop(kept), "a/ui") == [Outcome.UNKNOWN]


def test_no_kind_has_two_rows_and_each_has_a_reason() -> None:
    assert len({(row.group, row.kind) for row in TABLE}) == len(TABLE)
    assert all(row.about for row in TABLE)


def irrelevant_object(row: Coverage) -> Object:
    """An object of a kind, as conspicuous as it can be: it names and selects everything."""
    version = f"{row.group}/v1" if row.group else "v1"
    kind = "Anything" if row.kind == "*" else row.kind
    spec = {
        "host": "*",
        "hosts": ["*"],
        "selector": {},
        "podSelector": {},
        "mtls": {"mode": "DISABLE"},
        "targetRefs": [{"kind": "Service", "name": "web"}],
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}},
    }
    return thing(version, kind, "web", "beta", labels={"app": "web"}, spec=spec)


@MODERATE
@given(objects())
def test_what_is_irrelevant_changes_nothing(found: list[Object]) -> None:
    others = [irrelevant_object(row) for row in TABLE if row.column is CoverageColumn.IRRELEVANT]
    assert answers(mesh(*others, *found)) == answers(mesh(*found))


def proxied(workload: Workload) -> bool:
    return workload.has_sidecar


SERVER_IN_BETA: dict[str, tuple[Object, Callable[[Workload], bool]]] = {
    "network policy": (filtering("p", "beta"), lambda _: True),
}


@pytest.mark.parametrize("name", SERVER_IN_BETA)
@MODERATE
@given(found=objects())
def test_no_call_works_at_a_server_that_is_covered(name: str, found: list[Object]) -> None:
    added, is_covered = SERVER_IN_BETA[name]
    before, model = mesh(*found), mesh(*found, added)
    for call in model.calls():
        end = call.endpoint.workload if call.endpoint else None
        if end is not None and end.namespace == "beta" and is_covered(end):
            assert call.verdict is not Verdict.WORKS
            assert call.verdict is not Verdict.DEPENDS
    everywhere = added["metadata"]["namespace"] == ROOT
    covered = {
        str(workload)
        for workload in before.workloads
        if is_covered(workload) and (everywhere or workload.namespace == "beta")
    }
    assert {name for each in model.unread for name in each.covered} == covered


@MODERATE
@given(objects())
def test_no_call_works_of_a_client_that_is_covered(found: list[Object]) -> None:
    model = mesh(*found, filtering("p", "beta", "Egress"))
    for call in model.calls():
        if call.client.namespace == "beta":
            assert call.verdict not in {Verdict.WORKS, Verdict.DEPENDS}


def calico(kind: str, place: str | None, **spec: Any) -> Object:
    return thing("projectcalico.org/v3", kind, "p", place, spec=spec)


def extension(kind: str, place: str, **spec: Any) -> Object:
    return thing("extensions.istio.io/v1alpha1", kind, "p", place, spec=spec)


def proxy(kind: str, place: str, **spec: Any) -> Object:
    return thing("networking.istio.io/v1", kind, "p", place, spec=spec)


def cluster_policy(kind: str, **spec: Any) -> Object:
    return thing("policy.networking.k8s.io/v1alpha1", kind, "p", None, spec=spec)


def gateway_api(kind: str, place: str, **spec: Any) -> Object:
    return thing("gateway.networking.k8s.io/v1", kind, "p", place, spec=spec)


RULES = [{"action": "Deny"}]
CART = {"matchLabels": {"app": "cart"}}
TO_CART = [{"kind": "Service", "name": "cart"}]
SUBJECT = {"namespaces": {"matchLabels": {"kubernetes.io/metadata.name": "b"}}}
PATCH = {"applyTo": "HTTP_FILTER", "match": {"context": "SIDECAR_INBOUND"}}
# By kind, an object that covers the server b/cart or its host, and one that leaves it alone.
ROWS: dict[str, tuple[Object, Object]] = {
    "EnvoyFilter": (
        proxy("EnvoyFilter", "b", configPatches=[PATCH]),
        proxy("EnvoyFilter", "b", workloadSelector={"labels": {"app": "x"}}, configPatches=[PATCH]),
    ),
    "ProxyConfig": (
        proxy("ProxyConfig", "b", environmentVariables={"ISTIO_META_X": "y"}),
        proxy("ProxyConfig", "b", concurrency=2, image={"imageType": "distroless"}),
    ),
    "WasmPlugin": (
        extension("WasmPlugin", ROOT, selector=CART, url="oci://plugin"),
        extension("WasmPlugin", "b", match=[{"mode": "CLIENT"}], url="oci://plugin"),
    ),
    "TrafficExtension": (
        extension("TrafficExtension", "b", match=[{"mode": "SERVER"}], lua={"inlineCode": ""}),
        extension("TrafficExtension", "b", targetRefs=[{"kind": "Gateway", "name": "g"}]),
    ),
    "HTTPRoute": (
        gateway_api("HTTPRoute", "b", parentRefs=TO_CART),
        gateway_api("HTTPRoute", "b", parentRefs=[{"kind": "Gateway", "name": "g"}]),
    ),
    "GRPCRoute": (
        gateway_api("GRPCRoute", "b", parentRefs=TO_CART),
        gateway_api("GRPCRoute", "c", parentRefs=TO_CART),
    ),
    "TLSRoute": (
        gateway_api("TLSRoute", "b", parentRefs=TO_CART),
        gateway_api("TLSRoute", "c", parentRefs=TO_CART),
    ),
    "TCPRoute": (
        gateway_api("TCPRoute", "b", parentRefs=TO_CART),
        gateway_api("TCPRoute", "c", parentRefs=TO_CART),
    ),
    "BackendTLSPolicy": (
        gateway_api("BackendTLSPolicy", "b", targetRefs=TO_CART),
        gateway_api("BackendTLSPolicy", "c", targetRefs=TO_CART),
    ),
    "XBackendTrafficPolicy": (
        thing(
            "gateway.networking.x-k8s.io/v1alpha1",
            "XBackendTrafficPolicy",
            "p",
            "b",
            spec={"targetRefs": TO_CART},
        ),
        gateway_api("ReferenceGrant", "b"),
    ),
    "AdminNetworkPolicy": (
        cluster_policy("AdminNetworkPolicy", subject=SUBJECT, ingress=RULES),
        cluster_policy("AdminNetworkPolicy", subject=SUBJECT, egress=RULES),
    ),
    "BaselineAdminNetworkPolicy": (
        cluster_policy("BaselineAdminNetworkPolicy", subject={"namespaces": {}}, ingress=RULES),
        cluster_policy("BaselineAdminNetworkPolicy", subject=SUBJECT),
    ),
    "ClusterNetworkPolicy": (
        cluster_policy(
            "ClusterNetworkPolicy",
            subject={"pods": {"namespaceSelector": {}, "podSelector": CART}},
            ingress=RULES,
        ),
        cluster_policy(
            "ClusterNetworkPolicy",
            subject={"pods": {"podSelector": {"matchLabels": {"app": "x"}}}},
            ingress=RULES,
        ),
    ),
    "CiliumNetworkPolicy": (
        cilium(
            "CiliumNetworkPolicy",
            "b",
            endpointSelector={"matchLabels": {"k8s:app": "cart", "reserved:x": ""}},
            ingress=[],
        ),
        cilium("CiliumNetworkPolicy", "b", endpointSelector=CART, egress=[]),
    ),
    "CiliumClusterwideNetworkPolicy": (
        cilium(
            "CiliumClusterwideNetworkPolicy",
            None,
            endpointSelector={"matchLabels": {"io.kubernetes.pod.namespace": "b"}},
            ingressDeny=[{}],
        ),
        cilium("CiliumClusterwideNetworkPolicy", None, nodeSelector={}, ingress=[]),
    ),
    "CiliumLocalRedirectPolicy": (
        cilium(
            "CiliumLocalRedirectPolicy",
            "b",
            redirectFrontend={"serviceMatcher": {"serviceName": "cart", "namespace": "b"}},
        ),
        cilium(
            "CiliumLocalRedirectPolicy",
            "b",
            redirectFrontend={"addressMatcher": {"ip": "10.9.9.9"}},
        ),
    ),
    "CiliumEnvoyConfig": (
        cilium("CiliumEnvoyConfig", "b", services=[{"name": "cart"}]),
        cilium("CiliumEnvoyConfig", "b", services=[{"name": "cart", "namespace": "c"}]),
    ),
    "CiliumClusterwideEnvoyConfig": (
        cilium("CiliumClusterwideEnvoyConfig", None, services=[{"name": "cart", "namespace": "b"}]),
        cilium("CiliumClusterwideEnvoyConfig", None),
    ),
    "GlobalNetworkPolicy": (
        calico("GlobalNetworkPolicy", None, selector="app == 'cart' && has(app)"),
        calico("GlobalNetworkPolicy", None, selector="app == 'x'"),
    ),
    "NetworkPolicy of Calico": (
        calico("NetworkPolicy", "b", selector="app in {'x'} || all()", ingress=[]),
        calico("NetworkPolicy", "b", egress=[{"action": "Deny"}]),
    ),
}
# These cover gateways only.
OF_GATEWAYS = {"Gateway", "Ingress"}


def test_every_kind_that_leaves_calls_undecided_has_its_row_here() -> None:
    kinds_here = {name.partition(" ")[0] for name in ROWS} | OF_GATEWAYS
    assert kinds_here == {row.kind for row in TABLE if row.column is CoverageColumn.UNDECIDED}


@pytest.mark.parametrize("name", ROWS)
def test_each_kind_leaves_what_it_covers_undecided_and_nothing_else(name: str) -> None:
    covering, sparing = ROWS[name]
    model = shop(covering)

    assert outcomes(model, "a/ui") == [Outcome.UNKNOWN]
    assert verdicts(model) == {Verdict.UNKNOWN}
    (call,) = model.calls(model.workload("a", "ui"))
    assert covering["kind"] in call.reason
    (unread,) = model.unread
    assert set(unread.covered) & {"b/cart", "cart.b.svc.cluster.local"}
    assert effect(shop(), model).undecided
    assert outcomes(shop(sparing), "a/ui") == [Outcome.OK_MTLS]


@MODERATE
@given(found=objects(), name=st.sampled_from(sorted(ROWS)))
def test_no_call_works_that_any_kind_covers(found: list[Object], name: str) -> None:
    """One more object, moved from b/cart of the shop to beta/web of the random mesh."""
    text = json.dumps(ROWS[name][0]).replace('"cart"', '"web"').replace('"b"', '"beta"')
    moved = json.loads(text.replace("'cart'", "'web'"))
    model = mesh(*found, moved)
    covered = {place for each in model.unread for place in each.covered}
    for call in model.calls():
        end = call.endpoint.workload if call.endpoint else None
        # Calls that no rule is looked up for bypass the proxy, or are not known to it.
        is_ruled = call.policy is not None
        at_host = call.service.host in covered and (is_ruled or "Cilium" in name)
        if (end is not None and str(end) in covered and end.namespace == "beta") or at_host:
            assert call.verdict not in {Verdict.WORKS, Verdict.DEPENDS}


CLIENTS = {
    "invalid network policy": thing(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        "p",
        "a",
        spec={"podSelector": {}, "egress": [{"to": [{}]}]},
    ),
    "egress of Cilium": cilium("CiliumNetworkPolicy", "a", endpointSelector={}, egress=[]),
    "egress of Calico": calico("NetworkPolicy", "a", types=["Egress"]),
    "egress of the cluster": cluster_policy(
        "AdminNetworkPolicy", subject={"namespaces": {}}, egress=RULES
    ),
    "plugin": extension("WasmPlugin", "a", match=[{"mode": "CLIENT"}]),
    "filter": proxy(
        "EnvoyFilter",
        "a",
        configPatches=[{"applyTo": "HTTP_FILTER", "match": {"context": "SIDECAR_OUTBOUND"}}],
    ),
    "settings": proxy("ProxyConfig", "a", environmentVariables={"X": "y"}),
}


@pytest.mark.parametrize("name", CLIENTS)
def test_what_covers_the_client_leaves_its_calls_undecided(name: str) -> None:
    model = shop(CLIENTS[name])

    assert outcomes(model, "a/ui") == [Outcome.UNKNOWN]
    assert verdicts(model) == {Verdict.UNKNOWN}
    (call,) = model.calls(model.workload("a", "ui"))
    assert CLIENTS[name]["kind"] in call.reason


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
