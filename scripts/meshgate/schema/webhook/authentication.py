"""PeerAuthentication and RequestAuthentication as istiod validates them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from meshgate.model import JSONObject, Resource
from meshgate.schema import golang
from meshgate.schema.webhook.problem import Path, Problem, durations
from meshgate.schema.webhook.selectors import attachment
from meshgate.wording.phrases import shown

# The key of a map of numbers in protobuf's JSON: no sign, no leading zero.
NUMBER = re.compile(r"0|[1-9][0-9]*")

HEADER_NAME = re.compile(r"[-_A-Za-z0-9]+")


def peer_problems(resource: Resource) -> Iterator[Problem]:
    """What the webhook refuses in a PeerAuthentication.

    Its CRD says nearly all of it in CEL; what is left is how a port is written.
    """
    for port in resource.spec.get("portLevelMtls", {}):
        if not NUMBER.fullmatch(port):
            yield Problem(("spec", "portLevelMtls", port), f"`{port}` is no port number")


def request_problems(resource: Resource) -> Iterator[Problem]:
    """What the webhook refuses in a RequestAuthentication."""
    yield from attachment(resource.spec, ("spec",))
    for index, rule in enumerate(resource.spec.get("jwtRules", ())):
        yield from _jwt_rule(rule, ("spec", "jwtRules", index))


def _jwt_rule(rule: JSONObject, path: Path) -> Iterator[Problem]:
    address = rule.get("jwksUri") or rule.get("jwks_uri")
    if not rule.get("issuer") and not address:
        yield Problem(path, "`issuer` or `jwksUri` is missing")
    if address:
        field = "jwksUri" if rule.get("jwksUri") else "jwks_uri"
        yield from _key_address(address, (*path, field))
    if rule.get("jwks") and not _is_key_set(rule["jwks"]):
        yield Problem((*path, "jwks"), "is no JSON Web Key Set")
    yield from _headers(rule, path)
    yield from durations(rule, path, "timeout")


def _headers(rule: JSONObject, path: Path) -> Iterator[Problem]:
    for index, claim in enumerate(rule.get("outputClaimToHeaders", ())):
        if not HEADER_NAME.fullmatch(claim["header"]):
            here = (*path, "outputClaimToHeaders", index, "header")
            yield Problem(here, f"{shown(claim['header'])} is no header name")


def _key_address(address: str, path: Path) -> Iterator[Problem]:
    try:
        scheme = golang.any_url(address)
    except ValueError as error:
        yield Problem(path, f"{shown(address)} is no URL: {error}")
        return
    if scheme not in {"http", "https"}:
        yield Problem(path, f"{shown(address)} must begin with http:// or https://")


def _is_key_set(text: str) -> bool:
    """Whether the text is a key or a set of keys, each with a type; key material is not read."""
    try:
        value = json.loads(text)
    except ValueError:
        return False
    if not isinstance(value, dict):
        return False
    keys = value.get("keys", [value])
    return isinstance(keys, list) and all(isinstance(key, dict) and key.get("kty") for key in keys)
