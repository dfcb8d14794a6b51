"""Where an invariant must not hold by mistake: ports that bypass the proxy, filters taken away."""

from __future__ import annotations

from typing import Any

import pytest

from meshes import (
    ROOT,
    Object,
    deployment,
    istio,
    mesh,
    namespace,
    peer_authentication,
    service,
    thing,
)
from meshgate.mesh import Mesh, Outcome
from meshgate.mesh.port_authorization import AuthorizationState
from meshgate.model import Invariant
from meshgate.rules.ca013_broken_invariant import BrokenInvariant, broken

CAPTURE = "traffic.sidecar.istio.io/"


def shop(*objects: Object, **annotations: str) -> Mesh:
    """Client `a/ui` and server `b/cart` with sidecars, STRICT, and `b` lets in `a` alone."""
    spec: Object = {"rules": [{"from": [{"source": {"namespaces": ["a"]}}]}]}
    own = {f"{CAPTURE}{key}": value for key, value in annotations.items()}
    return mesh(
        namespace(ROOT, None),
        namespace("a"),
        namespace("b"),
        deployment("ui", "a"),
        deployment("cart", "b", annotations=own),
        service("cart", "b"),
        peer_authentication("m", ROOT, "STRICT"),
        thing("security.istio.io/v1", "AuthorizationPolicy", "p", "b", spec=spec),
        *objects,
    )


def said(model: Mesh, **invariant: Any) -> list[BrokenInvariant]:
    return list(broken(model, Invariant(to=("b",), never=("dev",), **invariant)))


def test_a_port_that_an_annotation_keeps_from_the_proxy_is_open() -> None:
    assert said(shop()) == []
    (found,) = said(shop(excludeInboundPorts="9000"))
    assert (found.place, found.decided) == ("b/cart:9000", True)
    # Those of the agent are kept from it anyway, and serve nothing of the application.
    assert said(shop(excludeInboundPorts="15020,15090")) == []


def test_all_ports_but_those_that_are_included_are_open() -> None:
    model = shop(includeInboundPorts="8080")
    assert [each.place for each in said(model)] == ["b/cart:*"]
    server = model.workload("b", "cart")
    states = [model.authorization_at(server, port).state for port in (8080, 9000, None)]
    assert states == [
        AuthorizationState.ALLOW_LIST,
        AuthorizationState.NOT_ENFORCED,
        AuthorizationState.NOT_ENFORCED,
    ]


def patch(operation: str, kind: str = "HTTP_FILTER") -> Object:
    own: Object = {
        "applyTo": kind,
        "match": {"context": "SIDECAR_INBOUND"},
        "patch": {"operation": operation, "value": {}},
    }
    return istio("EnvoyFilter", "f", "b", configPatches=[own])


@pytest.mark.parametrize("operation", ["REMOVE", "REPLACE", "MERGE"])
@pytest.mark.parametrize("kind", ["HTTP_FILTER", "NETWORK_FILTER"])
def test_a_filter_that_is_taken_away_may_be_that_of_authorization(
    operation: str, kind: str
) -> None:
    model = shop(patch(operation, kind))
    found = said(model)
    assert found
    assert not any(each.decided for each in found)
    stranger = model.admissions.stranger
    met = model.met_by(model.workload("b", "cart"), 8080, stranger)
    assert met.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("operation", ["ADD", "INSERT_BEFORE", "INSERT_FIRST"])
def test_a_filter_that_is_added_lets_in_nobody(operation: str) -> None:
    assert said(shop(patch(operation))) == []
