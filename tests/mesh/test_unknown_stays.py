"""What is not known stays unknown, whatever strangers run beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from meshes import Object, deployment, istio, mesh, namespace, service, thing
from meshgate.mesh import Call, DataPlane, Mesh, Verdict
from random_meshes import NAMESPACES, objects

MODERATE = examples(25)
CAPTURE = "traffic.sidecar.istio.io/"
ROOT = {"securityContext": {"runAsUser": 1337}}
USE = "istio.io/use-waypoint"


def security(kind: str, name: str, place: str, **spec: Any) -> Object:
    return thing("security.istio.io/v1", kind, name, place, spec=spec)


def gateway_api(kind: str, name: str, place: str, **spec: Any) -> Object:
    return thing("gateway.networking.k8s.io/v1", kind, name, place, spec=spec)


def waypoint(name: str, place: str) -> Object:
    listener = {"name": "mesh", "port": 15008, "protocol": "HBONE"}
    return gateway_api(
        "Gateway", name, place, gatewayClassName="istio-waypoint", listeners=[listener]
    )


PATCH = {"applyTo": "HTTP_FILTER", "match": {"context": "SIDECAR_INBOUND"}}
# What leaves calls in `beta` undecided.
DOUBTS: dict[str, Object] = {
    "patch": istio("EnvoyFilter", "p", "beta", configPatches=[PATCH]),
    "route": gateway_api(
        "HTTPRoute", "p", "beta", parentRefs=[{"kind": "Service", "name": "web", "group": ""}]
    ),
    "authorizer": security(
        "AuthorizationPolicy",
        "p",
        "beta",
        selector={"matchLabels": {"app": "web"}},
        action="CUSTOM",
        provider={"name": "guard"},
        rules=[{}],
    ),
    "addresses": security(
        "AuthorizationPolicy",
        "p",
        "beta",
        rules=[{"from": [{"source": {"ipBlocks": ["10.0.0.0/8"]}}]}],
    ),
    "any issuer": security("RequestAuthentication", "p", "beta", jwtRules=[{"jwksUri": "x"}]),
}


def bare_pod(name: str, place: str, **spec: Any) -> Object:
    return deployment(name, place, {"app": name, "sidecar.istio.io/inject": "true"}, **spec)


def strangers(place: str) -> list[Object]:
    """Gateways, odd pods and waypoints that nobody calls, in one namespace."""
    edge = {"istio": "ingressgateway", "app": "edge"}
    server = {"port": {"number": 8443, "protocol": "HTTP", "name": "h"}, "hosts": ["*"]}
    return [
        deployment("edge", place, edge),
        service("edge", place, {"http:80": 8443}),
        istio("Gateway", "edge", place, selector={"app": "edge"}, servers=[server]),
        deployment("far", place, {"gateway.networking.k8s.io/gateway-name": "far"}),
        gateway_api("Gateway", "far", place, gatewayClassName="istio", listeners=[]),
        bare_pod("root", place, **ROOT),
        bare_pod("host", place, hostNetwork=True),
        bare_pod("out", place, annotations={f"{CAPTURE}excludeOutboundPorts": "80"}),
        bare_pod("in", place, annotations={f"{CAPTURE}excludeInboundPorts": "8080"}),
        waypoint("w", place),
        service("behind", place, labels={USE: "w"}),
        service("lost", place, labels={USE: "nobody"}),
    ]


def row(call: Call) -> tuple[object, ...]:
    end = call.endpoint
    return (
        str(call.client),
        call.service.host,
        call.port.number,
        call.subset,
        str(end.workload) if end is not None else "",
    )


def by_row(model: Mesh) -> dict[tuple[object, ...], set[object]]:
    found: dict[tuple[object, ...], set[object]] = {}
    for call in model.calls():
        found.setdefault(row(call), set()).add((call.outcome, call.verdict))
    return found


@pytest.mark.parametrize("name", DOUBTS)
@MODERATE
@given(found=objects(), place=st.sampled_from(NAMESPACES))
def test_strangers_turn_no_unknown_into_an_answer(
    name: str, found: list[Object], place: str
) -> None:
    base = [*found, DOUBTS[name]]
    before, after = by_row(mesh(*base)), by_row(mesh(*base, *strangers(place)))
    for key, said in before.items():
        assert after[key] == said


@MODERATE
@given(found=objects(), place=st.sampled_from(NAMESPACES))
def test_strangers_themselves_are_never_taken_for_others(found: list[Object], place: str) -> None:
    model = mesh(*found, *strangers(place))
    for call in model.calls():
        client = call.client
        if client.namespace != place or client.plane is not DataPlane.SIDECAR:
            continue
        # Pods whose bytes may pass by their proxy.
        if client.name in {"root", "host"}:
            assert call.verdict is Verdict.UNKNOWN


def ambient(found: list[Object]) -> Iterator[Object]:
    for each in found:
        if each["kind"] == "Namespace":
            yield namespace(
                each["metadata"]["name"], None, **{"istio.io/dataplane-mode": "ambient"}
            )
        elif each["kind"] in {"Deployment", "Service", "PeerAuthentication"}:
            if each["kind"] == "Deployment":
                labels = each["spec"]["template"]["metadata"]["labels"]
                labels.pop("sidecar.istio.io/inject", None)
            yield each


@MODERATE
@given(found=objects(), place=st.sampled_from(NAMESPACES), named=st.sampled_from(("lost", "other")))
def test_a_waypoint_that_is_not_there_leaves_calls_undecided_whatever_others_are(
    found: list[Object], place: str, named: str
) -> None:
    base = list(ambient(found))
    for each in base:
        if each["kind"] == "Service" and each["metadata"]["namespace"] == place:
            each["metadata"]["labels"] = {USE: named}
    elsewhere = next(other for other in NAMESPACES if other != place)
    others = [waypoint("w", place), waypoint(named, elsewhere), *strangers(elsewhere)]
    for objects_ in (base, [*base, *others]):
        model = mesh(*objects_, data_plane="ambient")
        for call in model.calls():
            if (
                call.client.plane is DataPlane.AMBIENT
                and call.service.namespace == place
                and call.service.resource.labels.get(USE) == named
                and call.service.resource.spec.get("clusterIP") != "None"
            ):
                assert call.verdict is Verdict.UNKNOWN
