"""Every field of an AuthorizationPolicy with values, and the requests that tell them apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from e2e import tokens
from e2e.combinations.requests import HttpRequest
from e2e.combinations.shapes import BOARDS

APP_UI, ROGUE, DATABASE = "10.77.0.11", "10.77.0.14", "10.77.0.13"
GET = HttpRequest("GET", "/shareditems")
DELETE = HttpRequest("DELETE", "/shareditems/7")
POST = HttpRequest("POST", "/admin")
FORWARDED = HttpRequest("GET", "/shareditems", headers=(("x-forwarded-for", "192.0.2.7"),))
SEVERAL = HttpRequest(
    "GET", "/shareditems", headers=(("x-forwarded-for", "192.0.2.7, 198.51.100.1"),)
)
TESTER = HttpRequest("GET", "/shareditems", headers=(("x-user", "tester"),))
ADMIN = HttpRequest("GET", "/shareditems", headers=(("X-User", "admin"),))
USUAL = (GET, DELETE, POST)
PATHS = tuple(
    HttpRequest("GET", path)
    for path in (
        "/shareditems",
        "/shareditems/",
        "/shareditems/7?limit=2",
        "/shareditemsx",
        "/admin",
        "//admin",
        "/a/../admin",
        "/a/./admin",
        "/%61dmin",
        "/a/%2e%2e/admin",
        "/a/..;/admin",
        "/a/..%3b/admin",
        "/api%2Fadmin",
        "/api\\admin",
        "/ADMIN",
        "/api/v1/items/7",
        "/api/v1/items/",
        "/",
    )
)
WITH_PORT, SHOUTED = f"{BOARDS}:8080", BOARDS.upper()
HOSTS = (
    GET,
    HttpRequest("GET", "/", host=BOARDS),
    HttpRequest("GET", "/", host=WITH_PORT),
    HttpRequest("GET", "/", host=SHOUTED),
    HttpRequest("GET", "/", host="boards.boards"),
    HttpRequest("GET", "/", host="shop.example.org", plain=True),
)


def bearing(**claims: Any) -> HttpRequest:
    """A request with a token of the lab's issuer, or of the one that is named."""
    return HttpRequest("GET", "/shareditems", token={"iss": tokens.ISSUER, **claims})


TOKENS = (
    GET,
    bearing(sub="ada"),
    bearing(
        sub="grace", aud=["lab", "other"], azp="console", groups=["admins"], scope="read write"
    ),
    bearing(sub="ada", aud="lab", groups=["users"], nested={"role": "reader"}),
    bearing(sub="ada", iss="https://other.example.org"),
)


class Field(NamedTuple):
    """A field of a source or an operation, or a condition's key; and what is asked of it."""

    name: str
    values: Sequence[str]
    requests: tuple[HttpRequest, ...] = USUAL
    jwt: bool = False


SOURCES = (
    Field("principals", ["cluster.local/ns/web/sa/app-ui"]),
    Field("principals", ["*/sa/boards", "cluster.local/ns/w*"]),
    Field("principals", ["*"]),
    Field("namespaces", ["web"]),
    Field("namespaces", ["w*", "*y"]),
    Field("serviceAccounts", ["web/app-ui", "other"]),
    Field("trustDomains", ["cluster.local"]),
    Field("ipBlocks", [APP_UI, f"{DATABASE}/32"]),
    Field("ipBlocks", ["10.77.0.8/29"]),
    Field("remoteIpBlocks", ["192.0.2.0/24", ROGUE], (GET, FORWARDED, SEVERAL)),
    Field("requestPrincipals", [f"{tokens.ISSUER}/ada"], TOKENS, jwt=True),
    Field("requestPrincipals", ["*"], TOKENS, jwt=True),
    Field("requestPrincipals", ["*"], (GET,)),
)
OPERATIONS = (
    Field("methods", ["GET", "PUT"]),
    Field("methods", ["D*"]),
    Field("paths", ["/shareditems", "/shareditems/*"], PATHS),
    Field("paths", ["/admin", "*/7"], PATHS),
    Field("paths", ["/api/{*}/items/{**}"], PATHS),
    Field("hosts", [BOARDS, f"{BOARDS}:*"], HOSTS),
    Field("hosts", ["*.example.org"], HOSTS),
    Field("ports", ["8080", "9000"]),
    Field("ports", ["80"]),
)
CONDITIONS = (
    Field("request.headers[X-User]", ["tester", "adm*"], (GET, TESTER, ADMIN)),
    Field("request.headers[x-user]", ["*"], (GET, TESTER)),
    Field("request.headers[:method]", ["GET"]),
    Field("request.headers[:path]", ["*limit=2"], PATHS[:4]),
    Field("source.ip", [ROGUE, "10.77.0.12/31"]),
    Field("remote.ip", ["198.51.100.1", APP_UI], (GET, FORWARDED, SEVERAL)),
    Field("source.namespace", ["web", "lobby"]),
    Field("source.principal", ["cluster.local/ns/web/*"]),
    Field("source.serviceAccount", ["web/app-ui"]),
    Field("source.trustDomain", ["cluster.local"]),
    Field("destination.ip", ["10.77.0.12"]),
    Field("destination.port", ["8080", "7000"]),
    Field("connection.sni", [f"outbound_.8080_._.{BOARDS}", "*app-ui*"]),
    Field("request.auth.principal", [f"{tokens.ISSUER}/ada"], TOKENS, jwt=True),
    Field("request.auth.audiences", ["lab"], TOKENS, jwt=True),
    Field("request.auth.presenter", ["console"], TOKENS, jwt=True),
    Field("request.auth.claims[groups]", ["admins"], TOKENS, jwt=True),
    Field("request.auth.claims[nested][role]", ["read*"], TOKENS, jwt=True),
    Field("request.auth.claims[scope]", ["write"], TOKENS, jwt=True),
    Field("experimental.envoy.filters.http.lab[key]", ["value"], (GET,)),
)
