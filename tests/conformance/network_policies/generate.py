"""Random clusters with NetworkPolicies: seeded, and without a word of what policies mean."""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Iterator

from meshgate.model import JSON, JSONObject

NAMESPACES = ("alpha", "beta", "gamma")
APPS = ("web", "api", "db")
LABELS = {"app": APPS, "tier": ("front", "back"), "track": ("stable", "canary")}
# Keys that everything has: to cyclonus NotIn asks for the key to be there, to Kubernetes not.
ALWAYS = frozenset({"app", "kubernetes.io/metadata.name"})
PLACES = {"team": ("red", "blue"), "stage": ("dev", "prod")}
NAME = "kubernetes.io/metadata.name"
PORTS = {"http": 8080, "admin": 9090, "metrics": 15020}
PROTOCOLS = ("TCP", "TCP", "TCP", "UDP", "SCTP")
NETWORKS = (
    "0.0.0.0/0",
    "0.0.0.0/1",
    "128.0.0.0/1",
    "10.0.0.0/8",
    "10.1.0.0/16",
    "10.1.2.0/24",
    "10.1.2.3/32",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "::/0",
)


def cases(seed: int, count: int) -> Iterator[JSONObject]:
    """Cases one by one; the same for the same seed."""
    for number in range(count):
        dice = random.Random(f"{seed}/{number}")
        policies: list[JSON] = [policy(dice, index) for index in range(dice.randint(1, 6))]
        pods = list(running(dice))
        yield {
            "id": f"np-{seed}-{number}",
            "policies": policies,
            "pods": list[JSON](pods),
            "selections": [selection(dice) for _ in range(10)],
            "queries": list[JSON](queries(dice, pods, addresses(policies))),
        }


def running(dice: random.Random) -> Iterator[JSONObject]:
    """Pods of two workloads in each namespace."""
    for place in NAMESPACES:
        labels = {key: dice.choice(values) for key, values in PLACES.items() if dice.random() < 0.7}
        for app in dice.sample(APPS, 2):
            own = {"app": app}
            for key in ("tier", "track"):
                if dice.random() < 0.6:
                    own[key] = dice.choice(LABELS[key])
            ports = dice.sample(sorted(PORTS), dice.randint(1, 3))
            yield {
                "name": app,
                "namespace": place,
                "namespaceLabels": {**labels, NAME: place},
                "labels": dict[str, JSON](own),
                "ports": {name: PORTS[name] for name in ports},
            }


def queries(
    dice: random.Random, pods: list[JSONObject], candidates: list[str]
) -> Iterator[JSONObject]:
    """Connections of every pod to every other one, each to one port."""
    for source in range(len(pods)):
        for destination in range(len(pods)):
            if source == destination:
                continue
            port = dice.choice([*PORTS.values(), 80, 15008])
            protocol = dice.choice(PROTOCOLS)
            named = {number: name for name, number in pods[destination]["ports"].items()}
            yield {
                "source": source,
                "destination": destination,
                "port": port,
                "portName": named.get(port, "") if protocol == "TCP" else "",
                "protocol": protocol,
                "addresses": list[JSON](candidates),
            }


def addresses(policies: list[JSON]) -> list[str]:
    """Addresses that pods may have, one at least for each part that blocks tell apart."""
    found = {"10.0.0.1", "172.16.0.1"}
    for text in _networks(policies):
        network = ipaddress.ip_network(text)
        if network.version == 4:
            first, last = int(network.network_address), int(network.broadcast_address)
            found.update(
                str(ipaddress.IPv4Address(number))
                for number in (first - 1, first, last, last + 1)
                if 0 <= number < 2**32
            )
    return sorted(text for text in found if _may_be_of_a_pod(ipaddress.IPv4Address(text)))


def _may_be_of_a_pod(address: ipaddress.IPv4Address) -> bool:
    special = address.is_loopback or address.is_link_local or address.is_multicast
    last = ipaddress.IPv4Address("255.255.255.255")
    return not special and not address.is_unspecified and address != last


def _networks(value: JSON) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("cidr"), str):
            yield value["cidr"]
            yield from value.get("except") or ()
        for item in value.values():
            yield from _networks(item)
    elif isinstance(value, list):
        for item in value:
            yield from _networks(item)


def policy(dice: random.Random, number: int) -> JSONObject:
    """One policy of some namespace."""
    spec: JSONObject = {"podSelector": selector(dice, LABELS)}
    for way, key in (("ingress", "from"), ("egress", "to")):
        if dice.random() < 0.7:
            spec[way] = [rule(dice, key) for _ in range(dice.randint(0, 3))]
    types = dice.choice([None, ["Ingress"], ["Egress"], ["Ingress", "Egress"]])
    if types is not None:
        spec["policyTypes"] = list[JSON](types)
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": f"p{number}", "namespace": dice.choice(NAMESPACES)},
        "spec": spec,
    }


def rule(dice: random.Random, key: str) -> JSONObject:
    """One entry of `ingress` or `egress`; lists may be absent or empty."""
    found: JSONObject = {}
    if dice.random() < 0.7:
        found[key] = [peer(dice) for _ in range(dice.randint(0, 3))]
    if dice.random() < 0.5:
        found["ports"] = [port(dice) for _ in range(dice.randint(0, 3))]
    return found


def peer(dice: random.Random) -> JSONObject:
    """Pods, namespaces, both, or a block."""
    kind = dice.randrange(4)
    if kind == 0:
        return {"podSelector": selector(dice, LABELS)}
    if kind == 1:
        return {"namespaceSelector": selector(dice, {**PLACES, NAME: NAMESPACES})}
    if kind == 2:
        return {
            "namespaceSelector": selector(dice, {**PLACES, NAME: NAMESPACES}),
            "podSelector": selector(dice, LABELS),
        }
    network = ipaddress.ip_network(dice.choice(NETWORKS))
    block: JSONObject = {"cidr": str(network)}
    holes = [
        text
        for text in NETWORKS
        if (other := ipaddress.ip_network(text)).version == network.version
        and other.prefixlen > network.prefixlen
        and other.network_address in network
    ]
    if holes and dice.random() < 0.5:
        block["except"] = list[JSON](dice.sample(holes, min(len(holes), dice.randint(1, 2))))
    return {"ipBlock": block}


def port(dice: random.Random) -> JSONObject:
    """By number, range or name, or a whole protocol."""
    found: JSONObject = {}
    if dice.random() < 0.6:
        found["protocol"] = dice.choice(PROTOCOLS)
    kind = dice.randrange(4)
    if kind == 0:
        found["port"] = dice.choice([*PORTS.values(), 80, 15008])
    elif kind == 1:
        found["port"] = dice.choice(sorted(PORTS))
    elif kind == 2:
        found["port"], found["endPort"] = dice.choice([(1, 8080), (8000, 9000), (9090, 65535)])
    else:
        found.setdefault("protocol", "TCP")
    return found


def selector(dice: random.Random, keys: dict[str, tuple[str, ...]]) -> JSONObject:
    """A label selector, empty at times."""
    found: JSONObject = {}
    if dice.random() < 0.5:
        key = dice.choice(sorted(keys))
        found["matchLabels"] = {key: dice.choice(keys[key])}
    if dice.random() < 0.35:
        found["matchExpressions"] = [term(dice, keys) for _ in range(dice.randint(1, 2))]
    return found


def selection(dice: random.Random) -> JSONObject:
    """A selector with any operator, and labels that it may select."""
    own = {key: dice.choice(values) for key, values in LABELS.items() if dice.random() < 0.6}
    terms = [term(dice, LABELS, frozenset(LABELS)) for _ in range(dice.randint(1, 3))]
    selects = {**selector(dice, LABELS), "matchExpressions": terms}
    return {"selector": selects, "labels": dict[str, JSON](own)}


def term(
    dice: random.Random, keys: dict[str, tuple[str, ...]], excluding: frozenset[str] = ALWAYS
) -> JSONObject:
    """One requirement of a selector; NotIn for the keys `excluding` only."""
    key = dice.choice(sorted(keys))
    operators = ["In", "Exists", "DoesNotExist", *(["NotIn"] if key in excluding else [])]
    operator = dice.choice(operators)
    found: JSONObject = {"key": key, "operator": operator}
    if operator in {"In", "NotIn"}:
        found["values"] = list[JSON](dice.sample(keys[key], dice.randint(1, len(keys[key]))))
    return found
