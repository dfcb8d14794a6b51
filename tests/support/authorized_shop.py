"""AuthorizationPolicies for the shop, and what its clients get by them."""

from __future__ import annotations

import random
from typing import Any

from meshes import (
    ROOT,
    Object,
    deployment,
    destination_rule,
    namespace,
    service,
    thing,
)

SECURITY = "security.istio.io/v1"


def policy(name: str, place: str = "b", **spec: Any) -> Object:
    return thing(SECURITY, "AuthorizationPolicy", name, place, spec=spec)


def allow(name: str = "p", *, source: Object | None = None, **operation: Any) -> Object:
    rule: Object = {"from": [{"source": source}]} if source else {}
    if operation:
        rule["to"] = [{"operation": operation}]
    return policy(name, rules=[rule])


def shop_of(port: str) -> list[Object]:
    return [
        namespace("a"),
        namespace("b"),
        deployment("ui", "a"),
        deployment("cart", "b"),
        service("cart", "b", {port: 8080}),
    ]


NAMES = ("one", "two", "three")
SOURCES: tuple[Object | None, ...] = (
    None,
    {"namespaces": ["one"]},
    {"notNamespaces": ["two"]},
    {"namespaces": ["t*"]},
    {"serviceAccounts": ["one/alpha", "two/beta"]},
    {"principals": ["cluster.local/ns/two/sa/alpha", "*beta"]},
    {"notPrincipals": ["cluster.local/ns/t*"]},
    {"principals": ["*"]},
)
OPERATIONS: tuple[Object, ...] = (
    {},
    {"methods": ["GET"]},
    {"paths": ["/x*"]},
    {"ports": ["8080"]},
    {"ports": ["9090"]},
)


def crowded(dice: random.Random) -> list[Object]:
    """Namespaces with clients of several accounts, with and without sidecar, and some policies."""
    found: list[Object] = []
    for name in NAMES:
        found.append(namespace(name))
        for number, account in enumerate(("alpha", "beta", "default")):
            labels = {"app": f"c{number}"}
            if dice.random() < 0.2:
                labels["sidecar.istio.io/inject"] = "false"
            found.append(deployment(f"c{number}", name, labels=labels, serviceAccountName=account))
            ports = {"http:80": 8080, "http-admin:90": 9090, "tcp:70": 7070}
            found.append(service(f"c{number}", name, ports))
    for number in range(dice.randint(1, 4)):
        operation = dice.choice(OPERATIONS)
        rule: Object = {}
        if (source := dice.choice(SOURCES)) is not None:
            rule["from"] = [{"source": source}]
        if operation:
            rule["to"] = [{"operation": operation}]
        if dice.random() < 0.2:
            rule["when"] = [{"key": "connection.sni", "values": ["outbound_.80_._.c1.*"]}]
        rules = [] if dice.random() < 0.2 else [rule]
        action = dice.choice(["ALLOW", "ALLOW", "DENY"]) if rules else "ALLOW"
        spec: Object = {"action": action, "rules": rules}
        if dice.random() < 0.4:
            spec["selector"] = {"matchLabels": {"app": dice.choice(["c0", "c1"])}}
        found.append(policy(f"p{number}", dice.choice([*NAMES, ROOT]), **spec))
    if dice.random() < 0.4:
        found.append(destination_rule("d", "one", "*.two.svc.cluster.local", "DISABLE"))
    return found


def key(call: Any) -> tuple[str, str, int]:
    return str(call.client), call.service.host, call.port.number


def accepted(objects: list[Object]) -> list[Object]:
    """The objects, with the selectors that the API server asks Deployments for."""
    for resource in objects:
        if resource["kind"] == "Deployment":
            labels = resource["spec"]["template"]["metadata"]["labels"]
            resource["spec"]["selector"] = {"matchLabels": dict(labels)}
    return objects
