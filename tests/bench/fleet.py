"""A seeded fleet: namespaces with Services, workloads, DestinationRules and PeerAuthentications.

Matches per rule stay constant as the fleet grows: a rule names one service, or the services of
one namespace; at most one wildcard stands in 5 % of the namespaces.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path

SERVICES = 5
WORKLOADS_PER_SERVICE = 2
TEAMS = 40
# One wildcard in every twentieth namespace.
WILDCARD_EVERY = 20

MESH = """\
apiVersion: v1
kind: Namespace
metadata:
  name: istio-system
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata:
  name: default
  namespace: istio-system
  creationTimestamp: "2025-01-01T00:00:00Z"
spec:
  mtls:
    mode: STRICT
"""

NAMESPACE = """\
apiVersion: v1
kind: Namespace
metadata:
  name: {namespace}
  labels:
    istio-injection: {injection}
    team: {team}
"""

SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: {name}
  namespace: {namespace}
  labels:
    app.kubernetes.io/name: {name}
    app.kubernetes.io/part-of: shop
spec:
  clusterIP: {address}
  selector:
    app: {name}
  ports:
  - name: {protocol}
    port: 80
    targetPort: 8080
  - name: tcp-metrics
    port: 9090
    targetPort: metrics
"""

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}-{version}
  namespace: {namespace}
  labels:
    app.kubernetes.io/name: {name}
    app.kubernetes.io/part-of: shop
spec:
  replicas: 2
  selector:
    matchLabels:
      app: {name}
      version: {version}
  template:
    metadata:
      labels:
        app: {name}
        version: {version}
        tier: {tier}
        sidecar.istio.io/inject: "{inject}"
    spec:
      serviceAccountName: {name}
      containers:
      - name: app
        image: registry.example.com/shop/{name}:1.0.{patch}
        ports:
        - name: http
          containerPort: 8080
        - name: metrics
          containerPort: 9090
        resources:
          requests:
            cpu: 100m
            memory: 128Mi
          limits:
            memory: 256Mi
"""

# What a rule says, with the subsets that every service has.
RULE_BODY = """
  trafficPolicy:
    tls:
      mode: {mode}
    connectionPool:
      tcp:
        maxConnections: {connections}
        connectTimeout: 3s
  subsets:
  - name: v1
    labels:
      version: v1
  - name: v2
    labels:
      version: v2
"""
DESTINATION_RULE = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: {name}
  namespace: {namespace}
  creationTimestamp: "{created}"
  labels:
    app.kubernetes.io/part-of: shop
spec:
  host: "{host}"{export}"""
DESTINATION_RULE += RULE_BODY

PEER_AUTHENTICATION = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata:
  name: {name}
  namespace: {namespace}
  creationTimestamp: "{created}"
spec:{selector}
  mtls:
    mode: {mode}
"""

SELECTOR = """
  selector:
    matchLabels:
      app: {app}"""
PORT_TABLE = """  portLevelMtls:
    "9090":
      mode: PERMISSIVE
"""

# Nobody gets in whom no other policy names.
DENY_ALL = """\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: default
  namespace: {namespace}
spec: {{}}
"""

ALLOW = """\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: callers
  namespace: {namespace}
spec:
  selector:
    matchLabels:
      app: svc-{service}
  rules:
  - from:
    - source:
        principals:
        - cluster.local/ns/{namespace}/sa/svc-{neighbour}
        - cluster.local/ns/{other}/sa/svc-{caller}
    to:
    - operation:
        methods: ["GET", "HEAD"]
        paths: ["/api/v{version}/*", "/healthz"]
  - from:
    - source:
        namespaces: ["{other}"]
    to:
    - operation:
        ports: ["9090"]
"""

NETWORK_POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: callers
  namespace: {namespace}
spec:
  podSelector:
    matchLabels:
      app: svc-{service}
  policyTypes: ["Ingress"]
  ingress:
  - from:
    - namespaceSelector:
        matchLabels:
          team: t{team}
    - podSelector: {{}}
    ports:
    - port: 8080
    - port: metrics
"""


def write(folder: Path, namespaces: int, seed: int = 1, *, policies: bool = False) -> int:
    """Write a fleet, one file of documents per hundred namespaces; the number of bytes.

    With `policies`, two AuthorizationPolicies for each namespace and a NetworkPolicy for every
    second one; the rest is the same.
    """
    folder.mkdir(parents=True, exist_ok=True)
    dice, others = random.Random(seed), random.Random(seed)
    size = 0
    documents = [MESH]
    for number in range(namespaces):
        documents += _namespace(number, namespaces, dice)
        if policies:
            documents += access(number, namespaces, others)
        if number % 100 == 99 or number == namespaces - 1:
            text = "---\n".join(documents)
            (folder / f"fleet-{number // 100:04}.yaml").write_text(text, encoding="utf-8")
            size += len(text)
            documents = []
    return size


def _namespace(number: int, namespaces: int, dice: random.Random) -> Iterator[str]:
    namespace = name(number)
    injection = "disabled" if number % 50 == 49 else "enabled"
    yield NAMESPACE.format(namespace=namespace, injection=injection, team=f"t{number % TEAMS}")
    for service in range(SERVICES):
        yield from _service(namespace, service, dice)
    for rule in range(SERVICES):
        yield _destination_rule(namespace, number, namespaces, rule, dice)
    yield PEER_AUTHENTICATION.format(
        name="default",
        namespace=namespace,
        created=_moment(dice),
        selector="",
        mode=dice.choices(("STRICT", "PERMISSIVE", "DISABLE"), (90, 8, 2))[0],
    )
    exception = PEER_AUTHENTICATION.format(
        name="exception",
        namespace=namespace,
        created=_moment(dice),
        selector=SELECTOR.format(app=f"svc-{dice.randrange(SERVICES)}"),
        mode="STRICT",
    )
    yield exception + PORT_TABLE


def access(number: int, namespaces: int, dice: random.Random) -> Iterator[str]:
    """Who may call the services of a namespace."""
    namespace = name(number)
    other = dice.randrange(namespaces)
    yield DENY_ALL.format(namespace=namespace)
    yield ALLOW.format(
        namespace=namespace,
        service=dice.randrange(SERVICES),
        neighbour=dice.randrange(SERVICES),
        other=name(other),
        caller=dice.randrange(SERVICES),
        version=dice.randrange(1, 4),
    )
    if number % 2:
        yield NETWORK_POLICY.format(
            namespace=namespace, service=dice.randrange(SERVICES), team=other % TEAMS
        )


def name(number: int) -> str:
    """The name of a namespace."""
    return f"team-{number:05}"


def _service(namespace: str, service: int, dice: random.Random) -> Iterator[str]:
    name = f"svc-{service}"
    headless = dice.random() < 0.1
    yield SERVICE.format(
        name=name,
        namespace=namespace,
        address="None" if headless else f"10.{dice.randrange(256)}.{dice.randrange(256)}.7",
        protocol=dice.choice(("http", "grpc", "tcp")),
    )
    for version in range(1, WORKLOADS_PER_SERVICE + 1):
        yield DEPLOYMENT.format(
            name=name,
            namespace=namespace,
            version=f"v{version}",
            tier=dice.choice(("front", "back")),
            inject="false" if dice.random() < 0.03 else "true",
            patch=dice.randrange(40),
        )


def _destination_rule(
    namespace: str, number: int, namespaces: int, rule: int, dice: random.Random
) -> str:
    export = ""
    if rule == 0 and number % WILDCARD_EVERY == 0:
        # A client-side wildcard over the services of the next namespace.
        host = f"*.team-{(number + 1) % namespaces:05}.svc.cluster.local"
    elif rule == 1:
        # A client-side rule for a service elsewhere.
        host = (
            f"svc-{dice.randrange(SERVICES)}.team-{dice.randrange(namespaces):05}.svc.cluster.local"
        )
        export = '\n  exportTo: ["."]'
    else:
        host = f"svc-{rule}"
    return DESTINATION_RULE.format(
        name=f"rule-{rule}",
        namespace=namespace,
        created=_moment(dice),
        host=host,
        export=export,
        mode=dice.choices(("ISTIO_MUTUAL", "DISABLE", "SIMPLE"), (96, 3, 1))[0],
        connections=dice.randrange(10, 1000),
    )


def _moment(dice: random.Random) -> str:
    return (
        f"2025-{dice.randrange(1, 13):02}-{dice.randrange(1, 29):02}T08:00:{dice.randrange(60):02}Z"
    )


def main(arguments: list[str]) -> int:
    """Write a fleet: `fleet.py NAMESPACES FOLDER [SEED]`."""
    namespaces, folder, *seed = arguments
    size = write(Path(folder), int(namespaces), int(seed[0]) if seed else 1)
    sys.stdout.write(f"{namespaces} namespaces, {size / 1e6:.1f} MB in {folder}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
