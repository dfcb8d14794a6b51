"""Compare sets of requests with brute force.

`python tests/support/authorization_pairs.py [PAIRS [SEED]]`

Two random meshes are two random sets of policies for one server. Every combination of witnesses
that the sets tell apart, or a sample where there are too many, is asked of both as one concrete
request, which the rules judge one by one.
"""

from __future__ import annotations

import itertools
import math
import random
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from meshgate.mesh.authorization import (
    Address,
    Authorization,
    Chain,
    Connection,
    Enforcer,
    RequestJudgement,
    Server,
    Side,
    access_change,
)
from meshgate.mesh.authorization.access import AccessSet, access_sets
from meshgate.mesh.authorization.boxes import Box
from meshgate.mesh.authorization.changes import AccessChange
from meshgate.model import ExtensionProvider, MeshFacts, Resource

SERVER = Server("b", {"app": "s"}, Enforcer.SIDECAR)
CLIENT = "cluster.local/ns/a/sa/web"
# More combinations of witnesses than this are sampled.
MOST_REQUESTS = 500
FACTS = MeshFacts(extension_providers=(ExtensionProvider("ext", "grpc"),))

Object = dict[str, Any]

VALUES: dict[str, list[str]] = {
    "paths": [
        "/",
        "/*",
        "/a",
        "/a*",
        "/a/*",
        "/a/b",
        "*/b",
        "*.html",
        "/a/{*}",
        "/a/{*}/b",
        "/a/{**}",
        "/{*}/b",
        "/{**}/x",
        "*",
        "/a/../b",
        "//a",
        "/a/b*",
        "*/a/b",
        "api",
    ],
    "methods": ["GET", "POST", "P*", "*T", "*", "DELETE"],
    "hosts": ["s", "s.b.svc", "*.svc", "s*", "*", "S.B.svc"],
    "ipBlocks": ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "0.0.0.0/0", "fd00::/8"],
    "remoteIpBlocks": ["10.0.0.0/8", "10.1.0.0/16", "192.168.0.1"],
    "requestPrincipals": ["*", "https://i/*", "*/admin", "https://i/admin", "https://*", "*min"],
    "namespaces": ["a", "b", "a*"],
    "ports": ["8080", "9090"],
}
CONDITIONS: dict[str, list[str]] = {
    "request.headers[x-a]": ["*", "v", "v*", "*w", "vw"],
    "request.headers[x-b]": ["1", "*"],
    "request.headers[:method]": ["GET", "P*"],
    "request.auth.claims[groups]": ["admin", "dev*", "*s", "*"],
    "request.auth.claims[scope]": ["read", "write"],
    "request.auth.claims[iss]": ["https://i", "*"],
    "request.auth.claims[o][p]": ["x", "y*"],
    "request.auth.audiences": ["aud1", "aud*"],
    "source.ip": VALUES["ipBlocks"],
    "remote.ip": VALUES["remoteIpBlocks"],
    "destination.ip": VALUES["ipBlocks"],
    "source.namespace": VALUES["namespaces"],
    "request.headersx[a]": ["v"],
}
SOURCE = ("ipBlocks", "remoteIpBlocks", "requestPrincipals", "namespaces")
OPERATION = ("paths", "methods", "hosts", "ports")


class Disagreement(NamedTuple):
    """A request, or a question, of which the sets say something else than brute force."""

    seed: int
    what: str


def policies(rng: random.Random) -> list[Object]:
    """A few random policies, and perhaps a RequestAuthentication."""
    objects = [
        istio("AuthorizationPolicy", f"p{number}", policy_spec(rng))
        for number in range(rng.randint(1, 4))
    ]
    if rng.random() < 0.6:
        issuers = rng.sample(["https://i", "https://j"], rng.randint(1, 2))
        rules = [{"issuer": issuer} for issuer in issuers]
        objects.append(istio("RequestAuthentication", "r", {"jwtRules": rules}))
    return objects


def istio(kind: str, name: str, spec: Object, namespace: str = "b") -> Object:
    """An object of Istio's security API."""
    metadata = {"name": name, "namespace": namespace}
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": kind,
        "metadata": metadata,
        "spec": spec,
    }


def policy_spec(rng: random.Random) -> Object:
    action = rng.choices(["ALLOW", "DENY", "CUSTOM", "AUDIT"], [6, 4, 1, 1])[0]
    spec: Object = {
        "action": action,
        "rules": [rule(rng, action) for _ in range(rng.randint(1, 3))],
    }
    if action == "CUSTOM":
        spec["provider"] = {"name": "ext"}
    return spec


def rule(rng: random.Random, action: str) -> Object:
    own: Object = {}
    fields = SOURCE if action != "CUSTOM" else ("ipBlocks", "remoteIpBlocks")
    if rng.random() < 0.4:
        own["from"] = [{"source": entry(rng, fields)} for _ in range(rng.randint(1, 2))]
    if rng.random() < 0.8:
        own["to"] = [{"operation": entry(rng, OPERATION)} for _ in range(rng.randint(1, 2))]
    if rng.random() < 0.5:
        keys = [
            key
            for key in CONDITIONS
            if action != "CUSTOM" or not key.startswith(("request.auth", "source.namespace"))
        ]
        own["when"] = [
            {"key": key, rng.choice(["values", "notValues"]): values_of(rng, CONDITIONS[key])}
            for key in rng.sample(keys, rng.randint(1, 2))
        ]
    return own


def entry(rng: random.Random, fields: tuple[str, ...]) -> Object:
    own = {}
    for field in rng.sample(fields, rng.randint(1, 2)):
        name = field if rng.random() < 0.75 else f"not{field[0].upper()}{field[1:]}"
        own[name] = values_of(rng, VALUES[field])
    return own


def values_of(rng: random.Random, values: list[str]) -> list[str]:
    return rng.sample(values, rng.randint(1, min(3, len(values))))


def authorization(objects: list[Object], facts: MeshFacts = FACTS) -> Authorization:
    return Authorization.of([Resource.of(value) for value in objects], facts)


def disagreements(seed: int) -> Iterator[Disagreement]:
    """All that brute force says otherwise of one pair of meshes."""
    rng = random.Random(seed)
    pair = [authorization(policies(rng)) for _ in range(2)]
    connection = Connection(
        rng.choice([Chain.HTTP, Chain.HTTP, Chain.HTTP, Chain.TCP]),
        8080,
        rng.choice([None, CLIENT]),
        source=rng.choice([None, Address.of("10.1.2.3")]),
        destination=rng.choice([None, Address.of("10.1.0.9")]),
    )
    rules = [mesh.free_rules(SERVER, connection) for mesh in pair]
    old, new = access_sets(rules, pair[0].normalization, pair[0].families)
    counts = {"opened": 0, "closed": 0}
    for point in points(rng, old):
        if not (holds(old.universe, point) or holds(new.universe, point)):
            # No call has these values together, such as claims without a token.
            continue
        judged = [judgement(mesh, connection, old, point) for mesh in pair]
        for access, judge in zip((old, new), judged, strict=True):
            if answer(access, point) is not judge:
                yield Disagreement(seed, f"{old.space.witness(point)}: {answer(access, point)}")
        let_in = [judge in {RequestJudgement.ALLOW, RequestJudgement.CUSTOM} for judge in judged]
        counts["opened"] += let_in[1] and not let_in[0]
        counts["closed"] += let_in[0] and not let_in[1]
    is_complete = number_of_points(old) <= MOST_REQUESTS
    for name, first in (
        ("opened", new.first_beyond(old)),
        ("closed", old.first_beyond(new)),
    ):
        if (first is None and counts[name]) or (first and is_complete and not counts[name]):
            yield Disagreement(seed, f"{name}: {counts[name]} by brute force, {first}")
    change = access_change(*(Side(mesh, SERVER, connection) for mesh in pair))
    if change == AccessChange() and any(counts.values()):
        yield Disagreement(seed, f"nothing changes, and {counts} by brute force")


def number_of_points(access: AccessSet) -> int:
    return math.prod(mask.bit_count() for mask in access.space.full)


def points(rng: random.Random, access: AccessSet) -> Iterator[Box]:
    """Every box of one class in each dimension, or a sample of them."""
    choices = [[1 << place for place in range(mask.bit_length())] for mask in access.space.full]
    if number_of_points(access) <= MOST_REQUESTS:
        yield from itertools.product(*choices)
    else:
        for _ in range(MOST_REQUESTS):
            yield tuple(map(rng.choice, choices))


def holds(boxes: list[Box], point: Box) -> bool:
    return any(all(map(int.__and__, box, point)) for box in boxes)


def answer(access: AccessSet, point: Box) -> RequestJudgement:
    if not holds(access.universe, point):
        return RequestJudgement.UNAUTHENTICATED
    if not holds(access.permitted, point):
        return RequestJudgement.DENY
    return RequestJudgement.CUSTOM if holds(access.asked, point) else RequestJudgement.ALLOW


def judgement(
    judge: Authorization, connection: Connection, access: AccessSet, point: Box
) -> RequestJudgement:
    """What the rules say of the witness of one point, one by one."""
    witness = access.witness(point)
    anywhere = Address.of("203.0.113.7")
    call = Connection(
        connection.chain,
        connection.port,
        connection.identity,
        source=connection.source or witness.source or anywhere,
        destination=connection.destination or witness.destination or anywhere,
    )
    return judge.judge(SERVER, call, witness.request).judgement


def main(arguments: list[str]) -> int:
    """Compare this many pairs from a seed on, by default 10,000 from 0; 1 on any disagreement."""
    pairs, first = map(int, [*arguments, *("10000", "0")[len(arguments) :]])
    start = time.monotonic()
    differing = [
        disagreement for seed in range(first, first + pairs) for disagreement in disagreements(seed)
    ]
    for disagreement in differing[:10]:
        sys.stdout.write(f"seed {disagreement.seed}: {disagreement.what}\n")
    seconds = time.monotonic() - start
    sys.stdout.write(f"{pairs} pairs, {len(differing)} disagreements, {seconds:.0f} s\n")
    return 1 if differing or not pairs else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
