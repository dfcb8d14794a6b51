"""Where policies are enforced: gateways, waypoints, ztunnel; and what a change of them does."""

from __future__ import annotations

from typing import Any

from authorization_requests import (
    FROM_A,
    GET_ORDERS,
    NO_DELETE,
    SIDECAR,
    WEB,
    Object,
    authorization,
    decided,
    http,
    paths,
    policy,
    security,
    tcp,
)
from meshgate.mesh.authorization import (
    Address,
    Allows,
    Authorization,
    Chain,
    Connection,
    Enforcer,
    Request,
    RequestJudgement,
    RuleMatch,
    Server,
    ServiceName,
    Side,
    access_change,
)
from meshgate.mesh.authorization.changes import AccessChange
from meshgate.model import ExtensionProvider

ZTUNNEL = Server("b", {"app": "s"}, Enforcer.ZTUNNEL)
GATEWAY_REF = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "edge"}


def hbone(identity: str | None = WEB) -> Connection:
    return Connection(Chain.ZTUNNEL, 8080, identity)


def test_policies_are_explained_in_the_order_of_evaluation() -> None:
    mesh = authorization(
        policy("orders", GET_ORDERS, FROM_A),
        policy("safe", NO_DELETE, action="DENY"),
        policy("log", {}, action="AUDIT"),
        security(
            "AuthorizationPolicy",
            "later",
            {"action": "DENY", "rules": [{}]},
            annotations={"istio.io/dry-run": "true"},
        ),
    )
    steps = mesh.explain(SIDECAR, http(None))
    assert [(step.policy.name, step.ignored) for step in steps] == [
        ("log", "AUDIT only logs"),
        ("later", "it is a dry run"),
        ("safe", ""),
        ("orders", ""),
    ]
    orders = steps[-1].rules
    assert [(rule.says, rule.requests) for rule in orders] == [
        (RuleMatch.SOME, ("GET /orders/*",)),
        (RuleMatch.NONE, ()),
    ]
    on_tcp = mesh.explain(SIDECAR, tcp())
    assert [(rule.says, rule.unjudged) for rule in on_tcp[-1].rules] == [
        (RuleMatch.DROPPED, ("methods", "paths")),
        (RuleMatch.ALL, ()),
    ]
    assert [(rule.says, rule.unjudged) for rule in on_tcp[2].rules] == [
        (RuleMatch.ALL, ("methods",))
    ]


def test_a_key_that_the_generator_fails_on_drops_the_rule() -> None:
    broken = policy("p", {"when": [{"key": "request.headersx[a]", "values": ["b"]}]})
    mesh = authorization(broken)
    assert mesh.allowed(SIDECAR, http()).allows is Allows.NONE
    (step,) = mesh.explain(SIDECAR, http())
    assert [(rule.says, rule.unjudged) for rule in step.rules] == [
        (RuleMatch.DROPPED, ("request.headersx[a]",))
    ]


def gateway(labels: Object | None = None, **fields: Any) -> Server:
    return Server("b", labels or {}, Enforcer.GATEWAY, **fields)


def test_policies_of_a_gateway_of_the_gateway_api() -> None:
    mesh = authorization(
        policy("own", NO_DELETE, action="DENY", targetRefs=[GATEWAY_REF]),
        policy("all", {}, action="DENY", selector={"matchLabels": {"app": "s"}}),
    )
    peer = http(trusts_headers=False)
    assert mesh.allowed(gateway(gateway="edge"), peer).requests == ("all but DELETE",)
    assert mesh.allowed(gateway(gateway="other"), peer).allows is Allows.ALL
    # By selector a policy is for gateways too, and never for a waypoint.
    assert mesh.allowed(gateway({"app": "s"}, gateway="edge"), peer).allows is Allows.NONE
    waypoint = Server("b", {"app": "s"}, Enforcer.WAYPOINT, gateway="edge")
    assert mesh.allowed(waypoint, peer).requests == ("all but DELETE",)
    assert mesh.allowed(SIDECAR, http()).allows is Allows.NONE


def test_a_gateway_takes_the_address_of_the_peer_not_of_a_header() -> None:
    mesh = authorization(policy("r", {"from": [{"source": {"remoteIpBlocks": ["10.0.0.0/8"]}}]}))
    known = http(source=Address.of("10.0.0.7"), trusts_headers=False)
    assert mesh.allowed(gateway(), known).allows is Allows.ALL
    spoofed = Request("GET", "/", "s", {"x-forwarded-for": "10.0.0.7"})
    outside = http(source=Address.of("8.8.8.8"), trusts_headers=False)
    assert mesh.judge(gateway(), outside, spoofed).judgement is RequestJudgement.DENY
    at_sidecar = http(source=Address.of("8.8.8.8"))
    assert mesh.judge(SIDECAR, at_sidecar, spoofed).judgement is RequestJudgement.ALLOW


def test_policies_of_a_waypoint_by_service_and_by_class() -> None:
    service = {"kind": "Service", "group": "", "name": "s"}
    entry = {"kind": "ServiceEntry", "group": "networking.istio.io", "name": "ext"}
    whole = {"kind": "GatewayClass", "group": "gateway.networking.k8s.io", "name": "istio-waypoint"}
    waypoint = Server(
        "c", {}, Enforcer.WAYPOINT, gateway="w", services=(ServiceName("Service", "b", "s"),)
    )
    by_service = authorization(policy("s", NO_DELETE, action="DENY", targetRefs=[service]))
    assert by_service.allowed(waypoint, http()).requests == ("all but DELETE",)
    by_entry = authorization(policy("e", NO_DELETE, action="DENY", targetRefs=[entry]))
    assert by_entry.allowed(waypoint, http()).allows is Allows.ALL
    elsewhere = authorization(policy("k", {}, action="DENY", targetRefs=[whole]))
    assert elsewhere.allowed(waypoint, http()).allows is Allows.ALL
    by_class = authorization(
        policy("k", {}, action="DENY", targetRefs=[whole], namespace="istio-system")
    )
    assert by_class.allowed(waypoint, http()).allows is Allows.NONE


def test_nothing_is_enforced_where_nothing_enforces() -> None:
    mesh = authorization(policy("all", {}, action="DENY"))
    assert mesh.allowed(Server("b", {}, Enforcer.NONE), http()).allows is Allows.ALL


def test_ztunnel_leaves_out_what_it_cannot_judge() -> None:
    mesh = authorization(policy("d", NO_DELETE, action="DENY"), policy("a", GET_ORDERS))
    decision = mesh.allowed(ZTUNNEL, hbone())
    assert (decision.allows, decided(decision)) == (Allows.NONE, [("a", "ALLOW", None)])
    deny, allow = mesh.explain(ZTUNNEL, hbone())
    assert [(rule.says, rule.unjudged) for rule in deny.rules] == [(RuleMatch.NONE, ("methods",))]
    assert [(rule.says, rule.unjudged) for rule in allow.rules] == [
        (RuleMatch.DROPPED, ("methods", "paths"))
    ]


def test_an_empty_selector_at_ztunnel_may_be_taken_either_way() -> None:
    spec = {"action": "DENY", "rules": [{}]}
    empty = authorization(security("AuthorizationPolicy", "p", {**spec, "selector": {}}))
    assert empty.allowed(ZTUNNEL, hbone()).allows is Allows.ALL
    labels: Object = {"matchLabels": {}}
    unclear = authorization(security("AuthorizationPolicy", "p", {**spec, "selector": labels}))
    decision = unclear.allowed(ZTUNNEL, hbone())
    assert decision.allows is Allows.UNKNOWN
    assert "matchLabels" in decision.reason


def test_a_strict_port_that_the_conversion_loses_takes_plaintext() -> None:
    strict = security("PeerAuthentication", "m", {"mtls": {"mode": "STRICT"}}, "istio-system")
    port = security(
        "PeerAuthentication",
        "w",
        {
            "selector": {"matchLabels": {"app": "s"}},
            "mtls": {"mode": "PERMISSIVE"},
            "portLevelMtls": {8080: {"mode": "STRICT"}},
        },
    )
    permissive = security("PeerAuthentication", "n", {"mtls": {"mode": "PERMISSIVE"}})
    assert authorization(strict).allowed(ZTUNNEL, hbone(None)).allows is Allows.NONE
    assert authorization(strict, port).allowed(ZTUNNEL, hbone(None)).allows is Allows.ALL
    kept = authorization(strict, port, permissive).allowed(ZTUNNEL, hbone(None))
    assert (kept.allows, decided(kept)) == (Allows.NONE, [("w", "DENY", None)])


def change(before: Authorization, after: Authorization) -> Any:
    return access_change(Side(before, SIDECAR, http()), Side(after, SIDECAR, http()))


def test_a_change_that_opens_has_its_witness() -> None:
    opened = change(authorization(paths("/orders/*")), authorization(paths("/orders*")))
    assert opened.opened.request == Request("GET", "/orders", "server")
    assert opened.newly_permitted == ("/orders* but /orders/*",)
    assert (opened.closed, opened.newly_denied) == (None, ())
    closed = change(authorization(paths("/orders*")), authorization(paths("/orders/*")))
    assert closed.closed.request == Request("GET", "/orders", "server")
    assert closed.newly_denied == ("/orders* but /orders/*",)


def test_another_way_to_say_the_same_changes_nothing() -> None:
    one = authorization(paths("/a/*", "/b"))
    two = authorization(
        policy("x", {"to": [{"operation": {"paths": ["/b"]}}]}),
        policy("y", {"to": [{"operation": {"paths": ["/a/*", "/a/b/*"]}}]}),
        policy("z", {"to": [{"operation": {"paths": ["/c"]}}]}, action="DENY"),
    )
    assert change(one, two) == AccessChange()
    assert change(one, one) == AccessChange()


def test_the_last_allow_policy_that_goes_opens_everything() -> None:
    opened = change(authorization(paths("/a")), authorization())
    assert opened.newly_permitted == ("all but /a",)


def test_a_lost_identity_closes() -> None:
    mesh = authorization(policy("from-a", FROM_A))
    lost = access_change(Side(mesh, SIDECAR, http()), Side(mesh, SIDECAR, http(None)))
    assert lost.newly_denied == ("all",)
    plain = access_change(
        Side(mesh, ZTUNNEL, hbone()),
        Side(
            authorization(
                security("PeerAuthentication", "m", {"mtls": {"mode": "STRICT"}}, "istio-system")
            ),
            ZTUNNEL,
            hbone(None),
        ),
    )
    assert plain.newly_denied == ("all",)


def test_an_issuer_more_lets_in_its_tokens() -> None:
    rule = policy("t", {"from": [{"source": {"requestPrincipals": ["*"]}}]})

    def issuers(*names: str) -> Object:
        rules = [{"issuer": name} for name in names]
        return security("RequestAuthentication", "r", {"jwtRules": rules})

    opened = change(
        authorization(rule, issuers("https://i")),
        authorization(rule, issuers("https://i", "https://j")),
    )
    assert opened.opened.request.token["iss"] == "https://j"
    assert opened.closed is None


def test_changes_that_cannot_be_compared_say_why() -> None:
    custom = {"action": "CUSTOM", "provider": {"name": "guard"}}
    facts = {"extension_providers": (ExtensionProvider("guard", "http"),)}
    asked = change(
        authorization(paths("/a", **custom), **facts), authorization(paths("/b", **custom), **facts)
    )
    assert "external authorizer" in asked.reason
    unread = change(authorization(), authorization(policy("p", {"to": [{"operation": {}}]})))
    assert "cannot be read" in unread.reason
    normal = change(authorization(), authorization(path_normalization="NONE"))
    assert "normalized" in normal.reason
    mixed = authorization(
        policy(
            "h",
            {
                "to": [{"operation": {"hosts": ["s"]}}],
                "when": [{"key": "request.headers[host]", "values": ["S"]}],
            },
        )
    )
    assert "regard to case" in mixed.allowed(SIDECAR, http()).reason
    assert "regard to case" in change(authorization(), mixed).reason


def test_three_hundred_policies_on_one_workload_are_decided() -> None:
    def rules(count: int) -> list[Object]:
        return [
            policy(
                f"p{n}",
                {
                    "to": [
                        {
                            "operation": {
                                "paths": [f"/v{n % 3}/s{n}/*", f"/v{n % 3}/s{n}/{{*}}/items"],
                                "methods": ["GET", f"M{n % 9}"],
                            }
                        }
                    ]
                },
                action="DENY" if n % 4 == 0 else "ALLOW",
            )
            for n in range(count)
        ]

    full, less = authorization(*rules(300)), authorization(*rules(299))
    assert full.allowed(SIDECAR, http()).allows is Allows.SOME
    opened = change(less, full)
    assert opened.reason == ""
    assert opened.opened.request.path.startswith("/v2/s299/")
