"""A policy repository with many environments that are compared with each other."""

from __future__ import annotations

from pathlib import Path

from promoted import INVENTORY, peer_authentication
from written_files import write_files

POLICIES = (
    peer_authentication("STRICT")
    + """\
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: cart, namespace: shop}
spec:
  host: cart.shop.svc.cluster.local
  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}
"""
)
# Weaker than the environment before, and than its floor.
WEAK = peer_authentication("PERMISSIVE")
WAIVERS = """\
waivers:
- rule: PA001
  resource: PeerAuthentication/istio-system/default
  owner: platform
  reason: moving
  expires: 2026-08-05
"""


def write_fleet(root: Path, count: int, *, broken: bool = True) -> Path:
    """Write `count` environments: some weak, waived, broken, after others, sharing clusters."""
    files = {
        "policies/mesh-wide/kustomization.yaml": "resources: [policies.yaml]\n",
        "policies/mesh-wide/policies.yaml": POLICIES,
        "policies/orphan.yaml": WEAK,
    }
    entries = []
    for number in range(count):
        name = f"env-{number}"
        patches = "patches: [{path: weak.yaml}]\n" if number % 3 == 1 else ""
        kustomization = f"resources: [../../policies/mesh-wide]\n{patches}"
        if broken and number % 7 == 5:
            kustomization = "resources: [../../policies/mesh-wide, ../../policies/gone]\n"
        files[f"overlays/{name}/kustomization.yaml"] = kustomization
        if patches:
            files[f"overlays/{name}/weak.yaml"] = WEAK
        if number % 4 != 2:
            files[f"inventory/{name}/shop.yaml"] = INVENTORY
        if number % 6 == 1:
            files[f"waivers/{name}.yaml"] = WAIVERS
        after = f", after: [env-{number - 1}]" if number % 5 else ""
        clusters = f", clusters: {{selector: {{part: p{number % 2}}}}}" if number % 5 == 3 else ""
        entries.append(f"- {{name: {name}, overlay: overlays/{name}{after}{clusters}}}\n")
    files["environments.yaml"] = "environments:\n" + "".join(entries)
    return write_files(root, files)
