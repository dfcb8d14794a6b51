"""Whom AuthorizationPolicies let in: every field, of ALLOW and of DENY, by value and by not-value.

All of them meet clients with a certificate (`web/app-ui`, and `boards/boards` as a client of it)
and clients in plaintext (`boards/boards-db`, `lobby/rogue`), on HTTP ports, on TCP ports, and on
ports that no name tells the protocol of.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from e2e import tokens
from e2e.combinations.policy_fields import (
    ADMIN,
    CONDITIONS,
    DATABASE,
    FORWARDED,
    GET,
    OPERATIONS,
    PATHS,
    ROGUE,
    SOURCES,
    TESTER,
    USUAL,
    Field,
)
from e2e.combinations.requests import HttpRequest
from e2e.combinations.shapes import BOARDS, Combination, peer
from meshes import ROOT, Object, istio, thing
from meshgate.model import JSONObject

SECURITY = "security.istio.io/v1"
GATEWAY_PORT = 8088
# The port of `boards` that the gateway leads to.
BEHIND = 8080
SITE = "boards.example.org"


OPPOSITE = {"ALLOW": "allows", "DENY": "denies"}


def authorization() -> Iterator[Combination]:
    """Every combination of authorization, in the order of the page."""
    yield from _fields()
    yield from _orders()
    yield from _scopes()
    yield from _chains()
    yield from _gateways()


def policy(name: str = "policy", place: str = "boards", **spec: Any) -> Object:
    annotations = spec.pop("annotations", {})
    metadata = {"annotations": annotations} if annotations else {}
    return thing(SECURITY, "AuthorizationPolicy", name, place, spec=spec, **metadata)


def both(rules: list[JSONObject], **spec: Any) -> list[Object]:
    """The same policy for the servers of both namespaces."""
    return [policy(place=place, rules=rules, **spec) for place in ("boards", "web")]


def authentication(place: str) -> Object:
    rule = {"issuer": tokens.ISSUER, "jwks": tokens.key_set(), "forwardOriginalToken": True}
    return thing(SECURITY, "RequestAuthentication", "tokens", place, spec={"jwtRules": [rule]})


def combination(
    group: str,
    title: str,
    *objects: Object,
    requests: tuple[HttpRequest, ...] = USUAL,
    mesh: JSONObject | None = None,
) -> Combination:
    return Combination(group, title, (tuple(objects),), mesh or {}, requests)


def _fields() -> Iterator[Combination]:
    """Each field by value and by not-value, in ALLOW and in DENY."""
    for group, fields in (
        ("Authorization: who calls", SOURCES),
        ("Authorization: what is asked for", OPERATIONS),
        ("Authorization: conditions", CONDITIONS),
    ):
        for field in fields:
            for action, told in OPPOSITE.items():
                for negated in (False, True):
                    yield _of_field(group, field, action, told, negated=negated)


def _of_field(group: str, field: Field, action: str, told: str, *, negated: bool) -> Combination:
    if group.endswith("conditions"):
        key = "notValues" if negated else "values"
        rule: JSONObject = {"when": [{"key": field.name, key: list(field.values)}]}
        name = f"{field.name} {key}"
    else:
        capital = field.name[0].upper() + field.name[1:]
        name = f"not{capital}" if negated else field.name
        entry = {name: list(field.values)}
        rule = (
            {"from": [{"source": entry}]}
            if group.endswith("calls")
            else {"to": [{"operation": entry}]}
        )
    objects = both([rule], action=action)
    if field.jwt:
        objects += [authentication(place) for place in ("boards", "web")]
    shown = ", ".join(field.values)
    title = f"{told} {name}: {shown}" + (
        "" if field.jwt or len(field.requests) > 1 else "; no token"
    )
    return combination(group, title, *objects, requests=field.requests)


def _orders() -> Iterator[Combination]:
    """How several policies make one answer."""
    group = "Authorization: several policies"
    to_all: JSONObject = {"to": [{"operation": {"methods": ["GET", "POST", "DELETE"]}}]}
    get: JSONObject = {"to": [{"operation": {"methods": ["GET"]}}]}
    deleting: JSONObject = {"to": [{"operation": {"methods": ["DELETE"]}}]}
    from_web: JSONObject = {"from": [{"source": {"namespaces": ["web"]}}]}
    yield combination(group, "no rules: nobody gets in", policy())
    yield combination(group, "no rules, beside an ALLOW", policy(), policy("get", rules=[get]))
    yield combination(group, "an empty rule allows everything", policy(rules=[{}]))
    yield combination(group, "an empty rule denies everything", policy(action="DENY", rules=[{}]))
    yield combination(
        group,
        "DENY before ALLOW",
        policy("allow", rules=[to_all]),
        policy("deny", action="DENY", rules=[deleting]),
    )
    yield combination(group, "DENY alone", policy(action="DENY", rules=[deleting]))
    yield combination(
        group, "two ALLOWs are one union", policy("a", rules=[get]), policy("b", rules=[from_web])
    )
    yield combination(group, "two rules of one policy", policy(rules=[get, from_web]))
    yield combination(group, "from and to must both match", policy(rules=[{**get, **from_web}]))
    yield combination(
        group,
        "a value and a not-value in one source",
        policy(
            rules=[
                {
                    "from": [
                        {
                            "source": {
                                "principals": ["*"],
                                "notPrincipals": ["cluster.local/ns/web/sa/app-ui"],
                            }
                        }
                    ]
                }
            ]
        ),
    )
    yield combination(
        group,
        "two conditions must both match",
        policy(
            rules=[
                {
                    "when": [
                        {"key": "source.namespace", "values": ["web"]},
                        {"key": "request.headers[x-user]", "values": ["tester"]},
                    ]
                }
            ]
        ),
        requests=(GET, TESTER, ADMIN),
    )
    yield combination(group, "AUDIT decides nothing", policy(action="AUDIT", rules=[get]))
    dry = {"istio.io/dry-run": "true"}
    yield combination(
        group, "a dry-run ALLOW closes nothing", policy(rules=[from_web], annotations=dry)
    )
    yield combination(
        group,
        "a dry-run DENY denies nothing",
        policy(action="DENY", rules=[get], annotations=dry),
    )


def _scopes() -> Iterator[Combination]:
    """Which policies a workload has."""
    group = "Authorization: scope"
    get: JSONObject = {"to": [{"operation": {"methods": ["GET"]}}]}
    boards = {"matchLabels": {"app": "boards"}}
    yield combination(group, "root namespace: every workload", policy(place=ROOT, rules=[get]))
    yield combination(
        group,
        "root namespace with a selector: pods of all namespaces",
        policy(place=ROOT, selector=boards, rules=[get]),
    )
    yield combination(
        group,
        "DENY of the root namespace under an ALLOW of the namespace",
        policy(place=ROOT, action="DENY", rules=[get]),
        policy(rules=[{}]),
    )
    yield combination(
        group,
        "no rules in the root namespace, ALLOW in one namespace",
        policy(place=ROOT),
        policy(rules=[get]),
    )
    yield combination(
        group,
        "a short service account means the policy's own namespace",
        policy(place=ROOT, rules=[{"from": [{"source": {"serviceAccounts": ["app-ui"]}}]}]),
        policy("own", "web", rules=[{"from": [{"source": {"serviceAccounts": ["boards"]}}]}]),
    )
    yield combination(group, "a selector that selects", policy(selector=boards, rules=[get]))
    yield combination(
        group,
        "a selector that selects another",
        policy(selector={"matchLabels": {"app": "other"}}),
    )
    yield combination(group, "an empty selector", policy(selector={}, rules=[get]))
    reference = {"group": "", "kind": "Service", "name": "boards"}
    yield combination(
        group, "targetRefs do not reach a sidecar", policy(targetRefs=[reference], rules=[get])
    )
    yield combination(group, "a third namespace's policy", policy(place="lobby"))


def _chains() -> Iterator[Combination]:
    """What transport, ports and MeshConfig make of the same policies."""
    group = "Authorization: transport, protocol, mesh"
    identity: JSONObject = {"from": [{"source": {"namespaces": ["web", "boards"]}}]}
    get: JSONObject = {"methods": ["GET"]}
    mixed: JSONObject = {"to": [{"operation": get}, {"operation": {"ports": ["9000"]}}]}
    yield combination(group, "STRICT refuses before any policy", peer(ROOT, "STRICT"), *both([{}]))
    yield combination(
        group, "STRICT and an ALLOW by identity", peer(ROOT, "STRICT"), *both([identity])
    )
    yield combination(
        group, "DISABLE: an ALLOW by identity lets nobody in", peer(ROOT, "DISABLE"),
        *both([identity]),
    )  # fmt: skip
    yield combination(
        group,
        "DISABLE: a DENY by not-identity denies everybody",
        peer(ROOT, "DISABLE"),
        *both([{"from": [{"source": {"notNamespaces": ["web"]}}]}], action="DENY"),
    )
    yield combination(group, "an HTTP field beside a TCP alternative, ALLOW", *both([mixed]))
    yield combination(
        group, "an HTTP field beside a TCP alternative, DENY", *both([mixed], action="DENY")
    )
    with_port: JSONObject = {"to": [{"operation": {**get, "ports": ["9000"]}}]}
    yield combination(group, "an HTTP field with a TCP port, ALLOW", *both([with_port]))
    yield combination(
        group, "an HTTP field with a TCP port, DENY", *both([with_port], action="DENY")
    )
    two_rules = [{"to": [{"operation": get}]}, identity]
    yield combination(group, "one rule of HTTP, one of identity", *both(two_rules))
    admin: JSONObject = {"to": [{"operation": {"paths": ["/admin", "/api/admin"]}}]}
    for normalization in ("NONE", "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES"):
        yield combination(
            group,
            f"DENY of a path, pathNormalization {normalization}",
            *both([admin], action="DENY"),
            requests=PATHS,
            mesh={"pathNormalization": {"normalization": normalization}},
        )
    alias = {"trustDomainAliases": ["old.example.org"]}
    yield combination(
        group,
        "a principal of an alias of the trust domain",
        *both([{"from": [{"source": {"principals": ["old.example.org/ns/web/sa/app-ui"]}}]}]),
        mesh=alias,
    )
    yield combination(
        group,
        "a principal of a foreign trust domain",
        *both([{"from": [{"source": {"principals": ["old.example.org/ns/web/sa/app-ui"]}}]}]),
    )


def _gateways() -> Iterator[Combination]:
    """Through a gateway: its own policies, and those of the workload behind it."""
    group = "Authorization: a gateway"
    way = (
        istio(
            "Gateway",
            "site",
            "istio-ingress",
            selector={"istio": "ingressgateway"},
            servers=[
                {
                    "port": {"number": GATEWAY_PORT, "name": "http", "protocol": "HTTP"},
                    "hosts": [SITE],
                }
            ],
        ),
        istio(
            "VirtualService",
            "site",
            "istio-ingress",
            hosts=[SITE],
            gateways=["site"],
            http=[{"route": [{"destination": {"host": BOARDS, "port": {"number": BEHIND}}}]}],
        ),
    )
    get: JSONObject = {"to": [{"operation": {"methods": ["GET"]}}]}
    gateway = {"matchLabels": {"istio": "ingressgateway"}}
    principal = "cluster.local/ns/istio-ingress/sa/ingressgateway"

    def through(title: str, *objects: Object) -> Combination:
        asked = (*USUAL, FORWARDED)
        return combination(group, title, *way, *objects, requests=asked)

    yield through("nothing is in the way")
    yield through("ALLOW at the gateway", policy(place="istio-ingress", rules=[get]))
    yield through(
        "ALLOW at the gateway by selector, from the root namespace",
        policy(place=ROOT, selector=gateway, rules=[get]),
    )
    yield through("no rules at the gateway", policy(place="istio-ingress"))
    yield through(
        "DENY at the gateway by the client's address",
        policy(
            place="istio-ingress",
            action="DENY",
            rules=[{"from": [{"source": {"ipBlocks": [ROGUE]}}]}],
        ),
    )
    yield through(
        "ALLOW at the gateway by remoteIpBlocks, which a header does not forge",
        policy(
            place="istio-ingress",
            rules=[{"from": [{"source": {"remoteIpBlocks": ["192.0.2.0/24", DATABASE]}}]}],
        ),
    )
    yield through(
        "DENY at the gateway by host",
        policy(
            place="istio-ingress",
            action="DENY",
            rules=[{"to": [{"operation": {"hosts": [SITE]}}]}],
        ),
    )
    yield through(
        "the workload lets in the gateway's identity",
        policy(rules=[{"from": [{"source": {"principals": [principal]}}]}]),
    )
    yield through(
        "the workload denies the gateway's identity",
        policy(action="DENY", rules=[{"from": [{"source": {"namespaces": ["istio-ingress"]}}]}]),
    )
    yield through(
        "the workload asks for the client's address behind the gateway",
        policy(rules=[{"from": [{"source": {"remoteIpBlocks": [ROGUE]}}]}]),
    )
    yield through(
        "the gateway lets some in, and the workload others",
        policy(place="istio-ingress", rules=[get]),
        policy("own", rules=[{"to": [{"operation": {"paths": ["/shareditems"]}}]}]),
    )
