"""Each kind that is not read leaves undecided what it covers, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshes import (
    ROOT,
    Object,
    mesh,
    outcomes,
    shop,
    thing,
)
from meshgate.effect import effect
from meshgate.mesh import Outcome, Verdict
from meshgate.mesh.coverage import TABLE, CoverageColumn
from random_meshes import objects
from unread_objects import (
    CART,
    MODERATE,
    cilium,
    extension,
    proxy,
    verdicts,
)


def calico(kind: str, place: str | None, **spec: Any) -> Object:
    return thing("projectcalico.org/v3", kind, "p", place, spec=spec)


def cluster_policy(kind: str, **spec: Any) -> Object:
    return thing("policy.networking.k8s.io/v1alpha1", kind, "p", None, spec=spec)


def gateway_api(kind: str, place: str, **spec: Any) -> Object:
    return thing("gateway.networking.k8s.io/v1", kind, "p", place, spec=spec)


RULES = [{"action": "Deny"}]
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
