"""What policies let in of one client, what decides, and what a change does."""

from __future__ import annotations

from typing import Any

import pytest

from meshgate.mesh.authorization import (
    Address,
    Allows,
    Authorization,
    Chain,
    Connection,
    Decision,
    Enforcer,
    Request,
    RequestJudgement,
    Says,
    Server,
    ServiceName,
    Side,
    access_change,
    identity_of,
)
from meshgate.mesh.authorization.changes import AccessChange
from meshgate.model import ExtensionProvider, MeshFacts, Resource

Object = dict[str, Any]

SIDECAR = Server("b", {"app": "s"}, Enforcer.SIDECAR)
ZTUNNEL = Server("b", {"app": "s"}, Enforcer.ZTUNNEL)
WEB = identity_of("cluster.local", "a", "web")
GET_ORDERS = {"to": [{"operation": {"methods": ["GET"], "paths": ["/orders/*"]}}]}
NO_DELETE = {"to": [{"operation": {"methods": ["DELETE"]}}]}
FROM_A = {"from": [{"source": {"namespaces": ["a"]}}]}
GATEWAY_REF = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "edge"}


def security(kind: str, name: str, spec: Object, namespace: str = "b", **metadata: Any) -> Object:
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": spec,
    }


def policy(name: str, *rules: Object, namespace: str = "b", **spec: Any) -> Object:
    return security("AuthorizationPolicy", name, {"rules": list(rules), **spec}, namespace)


def authorization(*objects: Object, **facts: Any) -> Authorization:
    return Authorization.of([Resource.of(value) for value in objects], MeshFacts(**facts))


def http(identity: str | None = WEB, **known: Any) -> Connection:
    return Connection(Chain.HTTP, 8080, identity, **known)


def tcp(identity: str | None = WEB, **known: Any) -> Connection:
    return Connection(Chain.TCP, 8080, identity, **known)


def hbone(identity: str | None = WEB) -> Connection:
    return Connection(Chain.ZTUNNEL, 8080, identity)


def decided(decision: Decision) -> list[tuple[str, str, int | None]]:
    return [
        (decider.resource.name, decider.action, decider.rule) for decider in decision.decided_by
    ]


def test_without_policies_everything_is_let_in() -> None:
    decision = authorization().allowed(SIDECAR, http())
    assert (decision.allows, decision.requests, decided(decision)) == (Allows.ALL, ("all",), [])
    assert decision.denied is None


def test_an_allow_and_a_deny_rule_decide_together() -> None:
    mesh = authorization(policy("orders", GET_ORDERS), policy("safe", NO_DELETE, action="DENY"))
    decision = mesh.allowed(SIDECAR, http())
    assert decision.allows is Allows.SOME
    assert decision.requests == ("GET /orders/*",)
    assert decided(decision) == [("safe", "DENY", 0), ("orders", "ALLOW", 0)]
    assert decision.permitted is not None
    assert decision.permitted.request == Request("GET", "/orders/", "server")
    assert decision.denied is not None
    assert decision.denied.request == Request("GET", "/", "server")


@pytest.mark.parametrize(
    ("rules", "requests"),
    [
        ([policy("d", NO_DELETE, action="DENY")], ("all but DELETE",)),
        (
            [policy("o", {"to": [{"operation": {"paths": ["/o/*"], "notPaths": ["/o/admin*"]}}]})],
            ("/o/* but /o/admin*",),
        ),
        (
            [
                policy(
                    "o", {"to": [{"operation": {"hosts": ["*.corp"], "methods": ["GET", "PUT"]}}]}
                )
            ],
            ("GET|PUT host *.corp",),
        ),
        (
            [policy("o", {"to": [{"operation": {"paths": ["/a/{*}/b", "*.html"]}}]})],
            ("*.html|/a/{*}/b",),
        ),
        (
            [policy("h", {"when": [{"key": "request.headers[X-Team]", "values": ["a", "b*"]}]})],
            ("with x-team: a|b*",),
        ),
        (
            [policy("h", {"when": [{"key": "request.headers[x-team]", "notValues": ["*"]}]})],
            ("without x-team",),
        ),
        (
            [policy("o", GET_ORDERS), policy("p", {"to": [{"operation": {"paths": ["/p"]}}]})],
            ("/p", "GET /orders/*"),
        ),
        (
            [policy("r", {"from": [{"source": {"remoteIpBlocks": ["10.0.0.0/8"]}}]})],
            ("client address 10.0.0.0/8",),
        ),
        (
            [policy("x", GET_ORDERS, NO_DELETE, action="DENY")],
            ("all but DELETE; GET /orders/*",),
        ),
    ],
)
def test_requests_are_told_in_few_words(rules: list[Object], requests: tuple[str, ...]) -> None:
    decision = authorization(*rules).allowed(SIDECAR, http())
    assert decision.allows is Allows.SOME
    assert tuple(sorted(decision.requests)) == tuple(sorted(requests))


def test_many_requests_are_cut_short_with_their_number() -> None:
    rules = [
        {"to": [{"operation": {"paths": [f"/{n}"], "methods": ["GET" if n % 2 else f"M{n}"]}}]}
        for n in range(60)
    ]
    decision = authorization(policy("many", *rules)).allowed(SIDECAR, http())
    assert len(decision.requests) == 21
    assert decision.requests[-1] == "… (11 more)"


def test_a_client_without_identity_is_denied_by_the_missing_rule() -> None:
    mesh = authorization(policy("from-a", FROM_A))
    assert mesh.allowed(SIDECAR, http()).allows is Allows.ALL
    decision = mesh.allowed(SIDECAR, http(None))
    assert (decision.allows, decision.requests) == (Allows.NONE, ())
    assert decided(decision) == [("from-a", "ALLOW", None)]
    assert mesh.trusts(WEB)
    assert mesh.trusts(None)
    assert not mesh.trusts(identity_of("foreign", "a", "web"))


def test_http_fields_on_tcp_close_for_allow_and_for_deny() -> None:
    allow, deny = policy("o", GET_ORDERS), policy("d", NO_DELETE, action="DENY")
    opened = authorization(allow).allowed(SIDECAR, tcp())
    closed = authorization(deny).allowed(SIDECAR, tcp())
    assert (opened.allows, decided(opened)) == (Allows.NONE, [("o", "ALLOW", None)])
    assert (closed.allows, decided(closed)) == (Allows.NONE, [("d", "DENY", 0)])
    assert closed.denied is not None
    assert closed.denied.request is None


def test_a_token_decides() -> None:
    rule = {
        "from": [{"source": {"requestPrincipals": ["https://i/*"]}}],
        "when": [{"key": "request.auth.claims[groups]", "values": ["admin", "dev*"]}],
    }
    verified = security("RequestAuthentication", "r", {"jwtRules": [{"issuer": "https://i"}]})
    decision = authorization(policy("t", rule), verified).allowed(SIDECAR, http())
    assert decision.allows is Allows.SOME
    assert decision.requests == (
        "token subject * claim groups: admin",
        "token subject * claim groups: dev*",
    )
    assert decision.depends_on_token
    assert decision.permitted is not None
    assert decision.permitted.request is not None
    token = decision.permitted.request.token
    assert token is not None
    assert (token["iss"], token["groups"]) == ("https://i", "admin")
    nobody = authorization(policy("t", rule)).allowed(SIDECAR, http())
    assert nobody.allows is Allows.NONE
    assert not nobody.depends_on_token


def test_a_set_is_asked_for_a_method_a_path_and_a_host() -> None:
    mesh = authorization(
        policy("orders", GET_ORDERS),
        policy("host", {"to": [{"operation": {"hosts": ["*.corp"]}}]}, action="DENY"),
        policy(
            "team",
            {"when": [{"key": "request.headers[x-team]", "notValues": ["a"]}]},
            action="DENY",
        ),
    )
    access = mesh.access(SIDECAR, http())
    part = access.narrowed(method="GET", path="/x/../orders/7?page=1", host="Shop:8080")
    box = part.first_permitted()
    assert box is not None
    assert part.witness(box).request == Request(
        "GET", "/x/../orders/7?page=1", "Shop:8080", {"x-team": "a"}
    )
    assert access.narrowed(method="PUT").first_permitted() is None
    assert access.narrowed(path="/other").first_permitted() is None
    assert access.narrowed(host="API.corp").first_permitted() is None
    assert access.narrowed(path="/orders/7").first_denied() is not None


def test_a_token_of_an_issuer_that_nobody_verifies_is_refused() -> None:
    verified = security("RequestAuthentication", "r", {"jwtRules": [{"issuer": "https://i"}]})
    mesh = authorization(verified)
    outcomes = [
        mesh.judge(SIDECAR, http(), Request("GET", "/", "s", token=token)).judgement
        for token in (None, {"iss": "https://i"}, {"iss": "https://other"})
    ]
    assert outcomes == [
        RequestJudgement.ALLOW,
        RequestJudgement.ALLOW,
        RequestJudgement.UNAUTHENTICATED,
    ]


def test_what_an_authorizer_is_asked_about_is_unknown_and_the_rest_is_not() -> None:
    custom = policy(
        "ext",
        {"to": [{"operation": {"paths": ["/admin*"]}}]},
        action="CUSTOM",
        provider={"name": "guard"},
    )
    providers = (ExtensionProvider("guard", "http"),)
    decision = authorization(custom, extension_providers=providers).allowed(SIDECAR, http())
    assert (decision.allows, decision.reason) == (Allows.SOME, "")
    assert decision.left_open == "the authorizer guard decides on /admin*"
    assert decision.requests == ("all but /admin*",)
    assert decision.permitted is not None
    assert decision.permitted.request is not None
    assert not decision.permitted.request.path.startswith("/admin")
    assert decision.denied is None
    allowed = policy("a", {"to": [{"operation": {"paths": ["/admin/x"]}}]})
    only = authorization(custom, allowed, extension_providers=providers).allowed(SIDECAR, http())
    assert only.allows is Allows.UNKNOWN
    assert only.reason == "the authorizer guard decides on /admin/x"
    missing = authorization(custom).allowed(SIDECAR, http())
    assert (missing.allows, missing.requests) == (Allows.SOME, ("all but /admin*",))


@pytest.mark.parametrize("names", [["Guard"], ["guard_1"], ["-guard"], ["guard", "guard"]])
def test_a_provider_that_istio_takes_for_none_denies(names: list[str]) -> None:
    custom = policy("ext", {}, action="CUSTOM", provider={"name": names[0]})
    providers = tuple(ExtensionProvider(name, "http") for name in names)
    decision = authorization(custom, extension_providers=providers).allowed(SIDECAR, http())
    assert decision.allows is Allows.NONE


def test_a_claim_may_have_dots_in_its_name() -> None:
    name = "https://issuer.example/roles"
    rule = {"when": [{"key": f"request.auth.claims[{name}]", "values": ["admin"]}]}
    tokens = security("RequestAuthentication", "t", {"jwtRules": [{"issuer": "https://i"}]})
    decision = authorization(tokens, policy("p", rule)).allowed(SIDECAR, http())
    assert decision.allows is Allows.SOME
    assert decision.permitted is not None
    assert decision.permitted.request is not None
    assert decision.permitted.request.token is not None
    assert decision.permitted.request.token[name] == "admin"
    assert name in decision.requests[0]


def test_a_claim_is_split_for_the_issuers_whose_rule_says_so() -> None:
    rule = {"when": [{"key": "request.auth.claims[perms]", "values": ["write"]}]}
    rules = [
        {"issuer": "https://one", "spaceDelimitedClaims": ["perms"]},
        {"issuer": "https://two"},
    ]
    tokens = security("RequestAuthentication", "t", {"jwtRules": rules})
    mesh = authorization(tokens, policy("p", rule))
    judged = {
        issuer: mesh.judge(
            SIDECAR,
            http(),
            Request("GET", "/", "s", token={"iss": issuer, "perms": "read write"}),
        )
        for issuer in ("https://one", "https://two")
    }
    assert {issuer: (each.judgement, each.undecided) for issuer, each in judged.items()} == {
        "https://one": (RequestJudgement.ALLOW, ""),
        "https://two": (RequestJudgement.DENY, ""),
    }


def test_rules_of_an_issuer_that_split_a_claim_differently_decide_nothing() -> None:
    split = {"jwtRules": [{"issuer": "https://i", "spaceDelimitedClaims": ["perms"]}]}
    whole = {"jwtRules": [{"issuer": "https://i"}]}
    tokens = [
        security("RequestAuthentication", "own", split),
        security("RequestAuthentication", "mesh", whole, "istio-system"),
    ]

    def doubt(claim: str) -> str:
        rule = {"when": [{"key": f"request.auth.claims[{claim}]", "values": ["write"]}]}
        token = {"iss": "https://i", claim: "read write"}
        request = Request("GET", "/", "s", token=token)
        mesh = authorization(*tokens, policy("p", rule))
        assert (mesh.allowed(SIDECAR, http()).allows is Allows.UNKNOWN) == (claim == "perms")
        return mesh.judge(SIDECAR, http(), request).undecided

    assert "https://i splits their claim perms at spaces" in doubt("perms")
    assert not doubt("groups")
    # Envoy splits it for everybody.
    assert not doubt("scope")


def test_addresses_of_pods_are_unknown_until_they_are_given() -> None:
    mesh = authorization(policy("ip", {"from": [{"source": {"ipBlocks": ["10.0.0.0/8"]}}]}))
    decision = mesh.allowed(SIDECAR, http())
    assert decision.allows is Allows.UNKNOWN
    assert "addresses of pods" in decision.reason
    assert decision.requests == ("from 10.0.0.0/8",)
    assert mesh.allowed(SIDECAR, http(source=Address.of("10.1.1.1"))).allows is Allows.ALL
    assert mesh.allowed(SIDECAR, http(source=Address.of("11.1.1.1"))).allows is Allows.NONE
    # A deny-all beside it leaves nothing to know.
    closed = authorization(
        policy("ip", {"from": [{"source": {"ipBlocks": ["10.0.0.0/8"]}}]}),
        policy("all", {}, action="DENY"),
    )
    assert closed.allowed(SIDECAR, http()).allows is Allows.NONE


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"rules": [{"from": [{"source": {"ipBlocks": ["everywhere"]}}]}]}, "has no meaning"),
        ({"rules": [{"to": [{"operation": {"ports": ["http"]}}]}]}, "has no meaning"),
        ({"rules": [{"to": [{"operation": {"ports": ["65536"]}}]}]}, "has no meaning"),
        ({"rules": [{"to": [{"operation": {}}]}]}, "an entry is empty"),
        ({"rules": [{"to": [{"operation": {"verbs": ["GET"]}}]}]}, "`verbs` is no field"),
        ({"rules": [{"to": [{}]}]}, "`operation` is missing"),
        ({"rules": [{"when": [{"key": "source.labels[a]", "values": ["b"]}]}]}, "no meaning"),
        ({"rules": [{"when": [{"key": "methods", "values": ["GET"]}]}]}, "no meaning"),
        ({"rules": [{"when": [{"key": "source.ip"}]}]}, "no meaning"),
        ({"rules": [{"to": [{"operation": {"paths": [""]}}]}]}, "has no meaning"),
        ({"rules": "all"}, "`rules` is no list"),
        ({"action": "PERHAPS"}, "PERHAPS"),
        ({"selector": ["app"]}, "`selector` is no mapping"),
    ],
)
def test_a_policy_without_meaning_is_unknown(spec: Object, reason: str) -> None:
    mesh = authorization(security("AuthorizationPolicy", "p", spec))
    decision = mesh.allowed(SIDECAR, http())
    assert decision.allows is Allows.UNKNOWN
    assert reason in decision.reason
    assert mesh.judge(SIDECAR, http(), Request("GET", "/", "s")).undecided == decision.reason
    other = mesh.allowed(Server("c", {}, Enforcer.SIDECAR), http())
    assert other.allows is Allows.ALL


def test_a_rejected_policy_is_not_there() -> None:
    resources = [Resource.of(policy("deny", {}, action="DENY"))]
    mesh = Authorization.of(resources, MeshFacts(), rejected=resources)
    assert mesh.allowed(SIDECAR, http()).allows is Allows.ALL


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
        (Says.SOME, ("GET /orders/*",)),
        (Says.NONE, ()),
    ]
    on_tcp = mesh.explain(SIDECAR, tcp())
    assert [(rule.says, rule.unjudged) for rule in on_tcp[-1].rules] == [
        (Says.DROPPED, ("methods", "paths")),
        (Says.ALL, ()),
    ]
    assert [(rule.says, rule.unjudged) for rule in on_tcp[2].rules] == [(Says.ALL, ("methods",))]


def test_a_key_that_the_generator_fails_on_drops_the_rule() -> None:
    broken = policy("p", {"when": [{"key": "request.headersx[a]", "values": ["b"]}]})
    mesh = authorization(broken)
    assert mesh.allowed(SIDECAR, http()).allows is Allows.NONE
    (step,) = mesh.explain(SIDECAR, http())
    assert [(rule.says, rule.unjudged) for rule in step.rules] == [
        (Says.DROPPED, ("request.headersx[a]",))
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
    assert [(rule.says, rule.unjudged) for rule in deny.rules] == [(Says.NONE, ("methods",))]
    assert [(rule.says, rule.unjudged) for rule in allow.rules] == [
        (Says.DROPPED, ("methods", "paths"))
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


def paths(*values: str, **spec: Any) -> Object:
    return policy("p", {"to": [{"operation": {"paths": list(values)}}]}, **spec)


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
