"""Rules of authorization on objects that no schema here checks: no shape of them ends a run."""

from __future__ import annotations

from typing import Any

import pytest

from authorization_cases import SECURITY, context, findings
from meshes import shop_inventory, thing
from meshgate.rules import RULES

ODD: tuple[Any, ...] = (
    None,
    "x",
    3,
    ["x", None, 3],
    [{"hosts": "x"}],
    {"a": "b"},
    [{"hosts": [3]}],
)


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_gateways_and_routes_of_any_shape(odd: Any) -> None:
    api = "gateway.networking.k8s.io/v1"
    objects = [
        thing(api, "Gateway", "w", "b", spec={"listeners": odd, "gatewayClassName": odd}),
        thing(api, "Gateway", "v", "b", spec=odd),
        thing(api, "HTTPRoute", "r", "b", spec={"hostnames": odd}),
        thing("networking.k8s.io/v1", "Ingress", "i", "b", spec=odd),
        thing("v1", "ServiceAccount", "s", "b", labels={"istio.io/use-waypoint": "w"}),
    ]
    target = [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "w"}]
    operation = {"hosts": ["kart.b"], "methods": ["get"], "paths": ["x"], "ports": ["80"]}
    policies = [
        thing(SECURITY, "AuthorizationPolicy", "t", "b", spec={"targetRefs": target}),
        thing(
            SECURITY,
            "AuthorizationPolicy",
            "p",
            "b",
            spec={"rules": [{"to": [{"operation": operation}]}]},
        ),
    ]
    given = context(policies, [*shop_inventory(), *objects])

    asked = [rule.id for rule in RULES if rule.id[:2] in {"AZ", "VS"}]
    assert {each.rule for rule in asked for each in findings(rule, given)} >= {"AZ006"}
