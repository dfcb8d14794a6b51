"""Random AuthorizationPolicies, RequestAuthentications and PeerAuthentications for a mesh."""

from __future__ import annotations

import random
from collections.abc import Callable

from conformance.oracle.access_requests import (
    ISSUERS,
)
from conformance.oracle.access_values import (
    AccessMesh,
    RandomValues,
    Vocabulary,
)
from meshgate.model import JSONObject

_SECURITY = "security.istio.io/v1"
_ACTIONS = ("ALLOW", "DENY", "AUDIT", "CUSTOM")
_DRY_RUN = ("true", "t", "1", "TRUE", "false", "yes", "")
_JWKS = '{"keys":[{"kty":"RSA","kid":"k","e":"AQAB","n":"%s"}]}' % ("uZk9" * 86)


_IDENTITY = {"principals", "namespaces", "serviceAccounts", "trustDomains", "requestPrincipals"}
_TOKEN_KEYS = ("request.auth.", "source.namespace", "source.principal", "source.service")


def add_policies(mesh: AccessMesh, words: Vocabulary) -> None:
    """Policies of all kinds."""
    rng = mesh.rng
    if not mesh.ambient and mesh.chance(0.35):
        kinds = rng.choice((["http"], ["grpc"], ["http", "grpc"]))
        mesh.facts["extensionProviders"] = [
            {
                "name": f"asks-{kind}",
                "kind": kind,
                "service": f"authorizer.{mesh.root}.svc.{mesh.facts['clusterDomain']}",
                "port": 9001,
            }
            for kind in kinds
        ]
        if mesh.chance(0.15):
            # A name that Istio takes for none, and one that two have.
            spoiled = rng.choice(mesh.facts["extensionProviders"])
            mesh.facts["extensionProviders"].append({**spoiled, "kind": "http"})
            if mesh.chance(0.5):
                spoiled["name"] = rng.choice(("Asks", "asks_it", "-asks", "asks.it"))
        ports = [{"name": "grpc", "port": 9001, "targetPort": 9001}]
        spec: JSONObject = {"ports": ports, "clusterIP": "10.96.2.1"}
        mesh.add("v1", "Service", mesh.root, "authorizer", spec)
    _add_peer_authentications(mesh)
    if not mesh.ambient:
        for number in range(rng.choice((0, 1, 1, 2, 3))):
            _add_request_authentication(mesh, number)
    values = RandomValues(rng, words)
    for number in range(rng.choice((2, 3, 4, 5, 6))):
        _add_policy(mesh, values, number)


def _selector(mesh: AccessMesh) -> JSONObject:
    if mesh.chance(0.05):
        return {}
    labels = mesh.rng.choice(mesh.workloads)["labels"]
    keys = mesh.rng.sample(sorted(labels), mesh.rng.choice((1, 1, 2)))
    return {"matchLabels": {key: labels[key] for key in keys}}


def _place(mesh: AccessMesh) -> str:
    return mesh.root if mesh.chance(0.25) else mesh.rng.choice(mesh.namespaces)


def _add_peer_authentications(mesh: AccessMesh) -> None:
    mode = mesh.rng.choice
    if mesh.chance(0.4):
        mtls = {"mtls": {"mode": mode(("STRICT", "PERMISSIVE", "STRICT"))}}
        mesh.add(_SECURITY, "PeerAuthentication", mesh.root, "default", mtls)
    for place in mesh.namespaces:
        if place != mesh.root and mesh.chance(0.15):
            mtls = {"mtls": {"mode": mode(("STRICT", "PERMISSIVE", "DISABLE"))}}
            mesh.add(_SECURITY, "PeerAuthentication", place, "default", mtls)
    for index, each in enumerate(mesh.workloads):
        if mesh.chance(0.15):
            spec: JSONObject = {
                "selector": {"matchLabels": {"app": each["labels"]["app"]}},
                "portLevelMtls": {
                    str(each["ports"][0]["port"]): {
                        "mode": mode(("STRICT", "PERMISSIVE", "DISABLE"))
                    }
                },
            }
            if mesh.chance(0.7):
                spec["mtls"] = {"mode": mode(("STRICT", "PERMISSIVE", "DISABLE"))}
            mesh.add(_SECURITY, "PeerAuthentication", each["namespace"], f"ports-{index}", spec)


def _add_request_authentication(mesh: AccessMesh, number: int) -> None:
    spec: JSONObject = {}
    rules = []
    for issuer in mesh.rng.sample(ISSUERS, mesh.rng.choice((1, 1, 2))):
        rule: JSONObject = {"issuer": issuer, "jwks": _JWKS}
        # Which of two rules for an issuer Envoy goes by is not decided: they do not differ here.
        if mesh.splits.setdefault(issuer, mesh.chance(0.2)):
            rule["spaceDelimitedClaims"] = ["perms"]
        rules.append(rule)
    if not mesh.chance(0.05):
        spec["jwtRules"] = rules
    if mesh.chance(0.4):
        spec["selector"] = _selector(mesh)
    mesh.add(_SECURITY, "RequestAuthentication", _place(mesh), f"tokens-{number}", spec)


def _add_policy(mesh: AccessMesh, values: RandomValues, number: int) -> None:
    rng = mesh.rng
    weights = (9, 6, 2, 4 if mesh.facts.get("extensionProviders") else 0)
    action = rng.choices(_ACTIONS, weights)[0]
    spec: JSONObject = {}
    if action != "ALLOW" or mesh.chance(0.3):
        spec["action"] = action
    if mesh.chance(0.4):
        spec["selector"] = _selector(mesh)
    elif mesh.chance(0.05):
        spec["targetRefs"] = [
            rng.choice(
                (
                    {"kind": "Service", "group": "", "name": "cart"},
                    {"kind": "Gateway", "group": "gateway.networking.k8s.io", "name": "w"},
                )
            )
        ]
    if action == "CUSTOM":
        names = [each["name"] for each in mesh.facts["extensionProviders"]]
        spec["provider"] = {"name": rng.choice([*names, *names, *names, "missing"])}
    count = rng.choice((1, 1, 2, 3)) if action == "DENY" or mesh.chance(0.9) else 0
    if count:
        spec["rules"] = [_rule(mesh, values, action) for _ in range(count)]
    metadata: JSONObject = {}
    if action in {"ALLOW", "DENY"} and mesh.chance(0.12):
        metadata["annotations"] = {"istio.io/dry-run": rng.choice(_DRY_RUN)}
    if mesh.chance(0.1):
        metadata["labels"] = {"istio.io/rev": rng.choice(("default", "canary"))}
    if mesh.chance(0.06):
        _spoil(rng, spec)
    mesh.add(_SECURITY, "AuthorizationPolicy", _place(mesh), f"p-{number}", spec, **metadata)


def _rule(mesh: AccessMesh, values: RandomValues, action: str) -> JSONObject:
    if mesh.chance(0.04):
        return {}
    sources, operations, conditions = values.sources, values.operations, values.conditions
    if action == "CUSTOM":
        sources = {key: one for key, one in sources.items() if key not in _IDENTITY}
        conditions = {
            key: one
            for key, one in conditions.items()
            if not key.startswith((*_TOKEN_KEYS, "source.trust"))
        }
    rule: JSONObject = {}
    if mesh.chance(0.65):
        rule["from"] = [
            {"source": _fields(mesh, values, sources)} for _ in range(mesh.rng.choice((1, 1, 2)))
        ]
    if mesh.chance(0.65):
        rule["to"] = [
            {"operation": _fields(mesh, values, operations)}
            for _ in range(mesh.rng.choice((1, 1, 2)))
        ]
    if mesh.chance(0.35) or not rule:
        rule["when"] = [
            _condition(mesh, values, conditions) for _ in range(mesh.rng.choice((1, 1, 2)))
        ]
    return rule


def _fields(
    mesh: AccessMesh, values: RandomValues, known: dict[str, Callable[[], str]]
) -> JSONObject:
    """One to three fields; `serviceAccounts` stand with neither principals nor namespaces."""
    found: JSONObject = {}
    for name in mesh.rng.sample(sorted(known), mesh.rng.choice((1, 1, 2, 3)) % (len(known) + 1)):
        negated = f"not{name[0].upper()}{name[1:]}"
        form = mesh.rng.random()
        if form < 0.65 or form > 0.92:
            found[name] = values.many(known[name])
        if form >= 0.65:
            found[negated] = values.many(known[name])
    if any("erviceAccounts" in name for name in found):
        for name in ("principals", "notPrincipals", "namespaces", "notNamespaces"):
            found.pop(name, None)
    return found


def _condition(
    mesh: AccessMesh, values: RandomValues, known: dict[str, Callable[[], str]]
) -> JSONObject:
    key = mesh.rng.choice(sorted(known))
    found: JSONObject = {"key": key}
    form = mesh.rng.random()
    if form < 0.65 or form > 0.92:
        found["values"] = values.many(known[key])
    if form >= 0.65:
        found["notValues"] = values.many(known[key])
    return found


def _spoil(rng: random.Random, spec: JSONObject) -> None:
    """Something that Istio's webhook may refuse the policy for."""
    rules = spec.setdefault("rules", [{}])
    source, operation = {"principals": ["a"]}, {"methods": ["GET"]}
    rule: JSONObject = rng.choice(
        (
            {"from": [{"source": {}}]},
            {"from": []},
            {"to": [{"operation": {}}]},
            {"to": [{"operation": {"paths": []}}]},
            {"from": [{"source": {"principals": [""]}}]},
            {"from": [{"source": {**source, "serviceAccounts": ["a/b"]}}]},
            {"from": [{"source": {"serviceAccounts": [rng.choice(("a*", "a/b/c", "/b", "a/"))]}}]},
            {"from": [{"source": {"ipBlocks": [rng.choice(("10.0.0", "10.0.0.1/33", "x"))]}}]},
            {"from": [{"source": {"trustDomains": [rng.choice(("a/b", "a*b", "*a*"))]}}]},
            {"to": [{"operation": {"ports": [rng.choice(("http", "70000", "-1", "0"))]}}]},
            {
                "to": [
                    {
                        "operation": {
                            **operation,
                            "paths": [
                                rng.choice(
                                    (
                                        "/{*}.txt",
                                        "/{**}/{*}",
                                        "/a*/{*}",
                                        "/{x}",
                                        "/a//{*}",
                                        "{*}",
                                        "/{**}/{**}",
                                    )
                                )
                            ],
                        }
                    }
                ]
            },
            {"when": [{"key": rng.choice(("request.header", "source.labels[a]", ""))}]},
            {"when": [{"key": "source.ip"}]},
            {"when": [{"key": "source.ip", "values": ["nowhere"]}]},
            {"when": [{"key": "destination.port", "values": ["99999"]}]},
        )
    )
    rules.append(rule)
    if rng.random() < 0.2:
        spec["provider"] = {"name": "asks-http"}
    if rng.random() < 0.1:
        spec["targetRefs"] = [{"kind": "Pod", "group": "", "name": "cart"}]
