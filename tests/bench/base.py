"""The base that small repositories of the benches share: a STRICT mesh, and one service's rule."""

from __future__ import annotations

from pathlib import Path

POLICIES = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: default, namespace: istio-system}}
spec: {{mtls: {{mode: STRICT}}}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  host: {name}.{namespace}.svc.cluster.local
  trafficPolicy: {{tls: {{mode: ISTIO_MUTUAL}}}}
"""


def write_base(root: Path, name: str, namespace: str) -> None:
    """Write policies/mesh-wide, which overlays start from, with the rule of one service."""
    base = root / "policies" / "mesh-wide"
    base.mkdir(parents=True)
    (base / "kustomization.yaml").write_text("resources: [policies.yaml]\n", encoding="utf-8")
    text = POLICIES.format(name=name, namespace=namespace)
    (base / "policies.yaml").write_text(text, encoding="utf-8")
