"""What policies let in of one client, what decides, and what a change does."""

from __future__ import annotations

import pytest

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
    policy,
    security,
    tcp,
)
from meshgate.mesh.authorization import (
    Address,
    Allows,
    Authorization,
    Enforcer,
    Request,
    RequestJudgement,
    Server,
    identity_of,
)
from meshgate.model import ExtensionProvider, MeshFacts, Resource


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
