"""Random HTTP requests: what policies may ask of them, and what comes close to that."""

from __future__ import annotations

import random
from collections.abc import Sequence

from meshgate.model import JSONObject

PATHS = (
    "/",
    "/orders",
    "/orders/",
    "/orders/7",
    "/orders/7/items",
    "/orders/7/items/x.json",
    "/ordersx",
    "/admin",
    "/admin/users",
    "/a/admin/users",
    "//admin/users",
    "/x/../admin/users",
    "/./orders",
    "/admin\\users",
    "/admin%2Fusers",
    "/admin%5Cusers",
    "/orders/%20",
    "/v1/orders/7?all=1",
    "/v1/orders?x=/admin",
    "/health.json",
    "/files/*",
    "/files/a/b/c",
    "/files/..",
)
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")
ISSUERS = ("https://idp.example", "https://idp.example/eu", "accounts.corp")
STRANGE_ISSUER = "https://other.example"
SUBJECTS = ("anna", "ann", "svc/anna", "bob@corp")
GROUPS = ("dev", "devops", "ops")
SCOPES = ("read", "write", "read write", "readwrite")
# A claim whose name is an address, as issuers use for their own claims.
URL_CLAIM = "https://idp.example/roles"
AGENTS = ("curl/8", "curl", "wget", "")
TEAMS = ("red", "redder", "blue", "blue-red")


def random_request(
    rng: random.Random, workloads: Sequence[JSONObject], hosts: Sequence[str]
) -> JSONObject:
    """One request as a client sends it."""
    found: JSONObject = {
        "method": rng.choice(METHODS),
        "path": rng.choice(PATHS),
        "host": _host(rng, hosts),
    }
    headers: dict[str, str] = {}
    if rng.random() < 0.5:
        headers["x-team"] = rng.choice(TEAMS)
    if rng.random() < 0.3:
        headers["user-agent"] = rng.choice(AGENTS)
    if rng.random() < 0.4:
        headers["x-forwarded-for"] = _forwarded(rng, workloads)
    if headers:
        found["headers"] = headers
    if rng.random() < 0.45:
        found["jwt"] = _token(rng)
    return found


def _host(rng: random.Random, hosts: Sequence[str]) -> str:
    full = rng.choice([*hosts, "www.example.com", "api.eu.example.com"])
    form = rng.random()
    if form < 0.2:
        return full.partition(".")[0]
    if form < 0.35:
        return f"{full}:{rng.choice((80, 8080))}"
    return full.upper() if form < 0.45 else full


def _forwarded(rng: random.Random, workloads: Sequence[JSONObject]) -> str:
    addresses = [*(each["ip"] for each in workloads), "192.0.2.7", "192.0.2.200", "unknown"]
    return rng.choice((", ", ",")).join(rng.sample(addresses, rng.choice((1, 1, 2))))


def _token(rng: random.Random) -> JSONObject:
    found: JSONObject = {"iss": rng.choice((*ISSUERS, *ISSUERS, STRANGE_ISSUER))}
    if rng.random() < 0.9:
        found["sub"] = rng.choice(SUBJECTS)
    if rng.random() < 0.4:
        found["aud"] = rng.choice(("web", "app", ["web", "app"], ["app"], []))
    if rng.random() < 0.3:
        found["azp"] = rng.choice(("portal", "portal-2"))
    if rng.random() < 0.4:
        found["groups"] = rng.choice((["dev"], ["dev", "ops"], ["devops"], "dev", 7, True))
    if rng.random() < 0.4:
        found["scope"] = rng.choice(SCOPES)
    if rng.random() < 0.3:
        found["realm"] = rng.choice(({"roles": ["admin"]}, {"roles": "admin"}, {}, "admin"))
    if rng.random() < 0.3:
        found[URL_CLAIM] = rng.choice((["admin"], "admin", ["user"]))
    if rng.random() < 0.2:
        found["perms"] = rng.choice(("a b", "a", ["a b"]))
    return found
