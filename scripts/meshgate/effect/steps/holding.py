"""Temporary DestinationRules that hold clients to plaintext while servers change."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from meshgate.effect.changes import Unsafe
from meshgate.effect.steps.middle import RULE, with_spec
from meshgate.mesh import Mesh
from meshgate.mesh.hosts import expand, is_wildcard
from meshgate.model import JSONObject, MeshFacts, Resource

PLAINTEXT = {"mode": "DISABLE"}
# What an entry of portLevelSettings takes from the policy that it replaces.
INHERITED = ("loadBalancer", "connectionPool", "outlierDetection")
NAME = "hold-plaintext-"
PUBLIC = "*"
PRIVATE = "."
SELECTOR = "workloadSelector"
# The first minor version that serves the group in v1.
V1_SINCE = (1, 22)


@dataclass(slots=True)
class HeldHost:
    """A host whose clients are held, by a rule in this namespace.

    `ports` are numbers of the service. `private`: for the clients of this namespace only, whose
    own rules hide those beside the service; `pattern` is the rule that decides there without it.
    """

    namespace: str
    host: str
    private: bool
    ports: set[int] = field(default_factory=set)
    every_port: bool = False
    pattern: Resource | None = None


def targets(unsafe: Iterable[Unsafe], mesh: Mesh, *, by_client: bool) -> list[HeldHost]:
    """Where clients must be held, so that these calls do not meet a server they do not fit.

    `by_client`: by a rule in each namespace of clients, whatever decides there now.
    """
    held: dict[tuple[str, str], HeldHost] = {}
    for each in unsafe:
        if each.service is None:
            continue
        home = each.service.namespace or ""
        rules = (*each.before.rules, *each.after.rules)
        for namespace in each.clients.namespaces:
            own = next((rule for rule in rules if rule.namespace == namespace), None)
            place = namespace if by_client or own is not None else home
            deciding = own or next((rule for rule in rules if rule.namespace == home), None)
            target = held.setdefault(
                (place, each.host), HeldHost(place, each.host, private=place != home)
            )
            target.ports.add(each.port)
            target.pattern = target.pattern or deciding or (rules[0] if rules else None)
    for target in held.values():
        ports = {
            port.number
            for service in mesh.services
            if service.host == target.host
            for port in service.ports
        }
        target.every_port = ports <= target.ports
    return [held[key] for key in sorted(held)]


def held(
    policies: Iterable[Resource], wanted: Iterable[HeldHost], facts: MeshFacts
) -> Iterator[Resource]:
    """The policies with every target held: in the rule for that host, or in one more."""
    there = list(policies)
    names = {(each.namespace, each.name) for each in there if each.kind == RULE}
    for target in wanted:
        exact = [index for index, each in enumerate(there) if _is_exact(each, target, facts)]
        for index in exact:
            there[index] = with_spec(there[index], _held(there[index].spec, target))
        # A rule for some workloads leaves the others to the one that is made.
        if all(SELECTOR in there[index].spec for index in exact):
            made = _made(target, facts, names)
            names.add((made.namespace, made.name))
            there.append(made)
    yield from there


def _is_exact(rule: Resource, target: HeldHost, facts: MeshFacts) -> bool:
    if rule.kind != RULE or rule.namespace != target.namespace:
        return False
    host = str(rule.spec.get("host") or "")
    return expand(host, target.namespace, facts.cluster_domain) == target.host


def _held(spec: JSONObject, target: HeldHost) -> JSONObject:
    """The spec with plaintext wherever auto mTLS would decide."""
    spec = copy.deepcopy(spec)
    policy = spec.get("trafficPolicy")
    policy = spec["trafficPolicy"] = policy if isinstance(policy, dict) else {}
    entries = _entries(policy)
    if target.every_port:
        policy.setdefault("tls", dict(PLAINTEXT))
    elif "tls" not in policy:
        numbers = {_number(entry) for entry in entries}
        for port in sorted(target.ports - numbers):
            own = {key: policy[key] for key in INHERITED if key in policy}
            entries.append({"port": {"number": port}, **own})
        policy["portLevelSettings"] = entries
    subsets = spec.get("subsets")
    for subset in subsets if isinstance(subsets, list) else ():
        inner = subset.get("trafficPolicy") if isinstance(subset, dict) else None
        if isinstance(inner, dict) and "tls" not in inner:
            entries = [*entries, *_entries(inner)]
    for entry in entries:
        if target.every_port or _number(entry) in target.ports:
            entry.setdefault("tls", dict(PLAINTEXT))
    return spec


def _entries(policy: JSONObject) -> list[JSONObject]:
    entries = policy.get("portLevelSettings")
    return [each for each in entries if isinstance(each, dict)] if isinstance(entries, list) else []


def _number(entry: JSONObject) -> object:
    port = entry.get("port")
    return port.get("number") if isinstance(port, dict) else None


def _made(target: HeldHost, facts: MeshFacts, names: set[tuple[str | None, str]]) -> Resource:
    """A rule for this host alone, that is else as the one which it hides."""
    spec: JSONObject = {"host": target.host}
    if target.pattern is not None:
        spec = {**copy.deepcopy(target.pattern.spec), "host": target.host}
        spec.pop("exportTo", None)
    if target.private:
        spec["exportTo"] = [PRIVATE]
    elif PUBLIC not in facts.default_destination_rule_export_to:
        spec["exportTo"] = [PUBLIC]
    labels = target.host.split(".")[: 2 if target.private else 1]
    name = NAME + "-".join(filter(None, (label.strip("*-") for label in labels)))
    count = 1
    unique = name if not is_wildcard(target.host) else f"{name}-any"
    while (target.namespace, unique) in names:
        count += 1
        unique = f"{name}-{count}"
    return Resource.of(
        {
            "apiVersion": f"networking.istio.io/{_version(facts)}",
            "kind": RULE,
            "metadata": {"name": unique, "namespace": target.namespace},
            "spec": _held(spec, target),
        }
    )


def _version(facts: MeshFacts) -> str:
    numbers = tuple(int(part) for part in facts.istio.split(".")[:2] if part.isdigit())
    return "v1" if numbers >= V1_SINCE else "v1beta1"
