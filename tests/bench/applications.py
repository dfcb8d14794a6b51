"""A seeded repository of many applications, each the same in every environment but for patches.

As real ones: a folder of policies for each application, shared by all environments; an overlay for
each environment with what differs there; an inventory as captured, one file for each namespace.
"""

from __future__ import annotations

import random
import re
import subprocess
from pathlib import Path

from fleet import DEPLOYMENT, NAMESPACE, SERVICE

APPLICATIONS = 300
ENVIRONMENTS = ("dev", "staging", *(f"prod-{number}" for number in range(1, 9)))
# Of a hundred applications, how many an environment has otherwise.
PATCHED = 10

MESH_WIDE = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata:
  name: default
  namespace: istio-system
spec:
  mtls:
    mode: STRICT
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: mesh-wide
  namespace: istio-system
spec:
  host: "*.svc.cluster.local"
  trafficPolicy:
    tls:
      mode: ISTIO_MUTUAL
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: api-server
  namespace: istio-system
spec:
  host: kubernetes.default.svc.cluster.local
  trafficPolicy:
    tls:
      mode: DISABLE
"""
ENVIRONMENTS_START = """\
defaults:
  mesh: {istio: "1.31"}
  require:
    mtls: STRICT
    wildcardHosts: [{host: "*.svc.cluster.local", namespace: istio-system, mode: ISTIO_MUTUAL}]
environments:
"""
# Every client's rule for the application, and who may call it.
APPLICATION = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: {name}
  namespace: {name}
  labels:
    app.kubernetes.io/part-of: shop
spec:
  host: {name}.{name}.svc.cluster.local
  trafficPolicy:
    tls:
      mode: ISTIO_MUTUAL
    connectionPool:
      tcp:
        maxConnections: {connections}
        connectTimeout: 3s
    outlierDetection:
      consecutive5xxErrors: 5
      interval: 30s
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: callers
  namespace: {name}
spec:
  selector:
    matchLabels:
      app: {name}
  rules:
  - from:
    - source:
        principals:
        - cluster.local/ns/{first}/sa/{first}
        - cluster.local/ns/{second}/sa/{second}
    to:
    - operation:
        ports: ["8080"]{methods}
"""
METHODS = """
        methods: ["GET", "POST"]"""
PATCH = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: {name}
  namespace: {name}
spec:
  trafficPolicy:
    connectionPool:
      tcp:
        maxConnections: {connections}
"""
CONNECTIONS = re.compile(r"(maxConnections: )\d+")


def write(root: Path, seed: int = 1) -> None:
    """Write the repository and commit it: 6,030 rendered objects, 9,000 of inventory."""
    dice = random.Random(seed)
    names = [f"app-{number:03}" for number in range(APPLICATIONS)]
    protocols = {name: dice.choice(("http", "grpc", "tcp")) for name in names}
    mesh = root / "policies" / "mesh-wide"
    _write(mesh / "kustomization.yaml", "resources:\n- policies.yaml\n")
    _write(mesh / "policies.yaml", MESH_WIDE)
    listed = "".join(f"- {name}\n" for name in names)
    _write(root / "policies" / "applications" / "kustomization.yaml", f"resources:\n{listed}")
    for name in names:
        first, second = dice.sample(names, 2)
        folder = root / "policies" / "applications" / name
        _write(folder / "kustomization.yaml", "resources:\n- policies.yaml\n")
        _write(
            folder / "policies.yaml",
            APPLICATION.format(
                name=name,
                first=first,
                second=second,
                connections=dice.randrange(10, 1000),
                methods="" if protocols[name] == "tcp" else METHODS,
            ),
        )
    entries = []
    for environment in ENVIRONMENTS:
        _overlay(root / "overlays" / environment, names, dice)
        for name in names:
            _write(
                root / "inventory" / environment / f"{name}.yaml",
                _inventory(name, protocols[name], dice),
            )
        after = {"dev": "", "staging": ", after: [dev]"}.get(environment, ", after: [staging]")
        entries.append(f"- {{name: {environment}, overlay: overlays/{environment}{after}}}\n")
    _write(
        root / "environments.yaml",
        ENVIRONMENTS_START + "".join(entries),
    )
    # Whoever runs this may have no name for git, or sign every commit.
    nobody = ("user.name=bench", "user.email=bench@example.com", "commit.gpgsign=false")
    settings = [part for setting in nobody for part in ("-c", setting)]
    for argv in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "start"]):
        subprocess.run(["git", *settings, *argv], cwd=root, check=True)


def files(root: Path) -> list[str]:
    """Every file of YAML that is the repository's own."""
    return sorted(str(path) for path in root.rglob("*.yaml"))


def change_one(root: Path, number: int) -> None:
    """Change one word of one environment; another one for every number."""
    overlay = root / "overlays" / "prod-5"
    patch = min(overlay.glob("app-*.yaml"))
    _write(patch, PATCH.format(name=patch.stem, connections=1001 + number))


def change_shared(root: Path, number: int) -> None:
    """Change one word of a base that every environment has; another one for every number."""
    base = root / "policies" / "applications" / "app-000" / "policies.yaml"
    text = base.read_text("utf-8")
    base.write_text(CONNECTIONS.sub(rf"\g<1>{1001 + number}", text), encoding="utf-8")


def restore(root: Path) -> None:
    """Put everything back as it was committed."""
    subprocess.run(["git", "checkout", "-q", "."], cwd=root, check=True)


def _overlay(folder: Path, names: list[str], dice: random.Random) -> None:
    lines = [
        "resources:",
        "- ../../policies/mesh-wide",
        "- ../../policies/applications",
        "patches:",
    ]
    for name in sorted(dice.sample(names, len(names) * PATCHED // 100)):
        lines.append(f"- path: {name}.yaml")
        _write(
            folder / f"{name}.yaml",
            PATCH.format(name=name, connections=dice.randrange(10, 1000)),
        )
    _write(folder / "kustomization.yaml", "\n".join([*lines, ""]))


def _inventory(name: str, protocol: str, dice: random.Random) -> str:
    documents = (
        NAMESPACE.format(namespace=name, injection="enabled", team=f"t{dice.randrange(40)}"),
        SERVICE.format(
            name=name,
            namespace=name,
            address=f"10.{dice.randrange(256)}.{dice.randrange(256)}.7",
            protocol=protocol,
        ),
        DEPLOYMENT.format(
            name=name,
            namespace=name,
            version="v1",
            tier=dice.choice(("front", "back")),
            inject="true",
            patch=dice.randrange(40),
        ),
    )
    return "---\n".join(documents)


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
