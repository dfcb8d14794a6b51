"""A repository whose configuration has every key there is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

FULL = """\
environments:
  - name: dev
    overlay: overlays/dev
  - name: canary
    overlay: overlays/canary/
    after: [dev]
  - name: prod
    overlay: overlays/prod
    mode: pinned
    after: {any: [dev, canary]}
    select: newest-eligible
    merge: tool
    gates: [quiet, open]
    soak: {promote: 24h, hotfix: 0s}
    approvals: {count: 2, teams: [mesh], notRequester: true, weakening: {teams: [security]}}
    clusters: {selector: {mesh-env: prod}}
    ring: 2
    mesh:
      istio: "1.30"
      distribution: ossm3
      dataPlane: ambient
      rootNamespace: mesh-root
      clusterDomain: corp.local
      enableAutoMtls: false
      defaultDestinationRuleExportTo: ["."]
      outboundTrafficPolicy: REGISTRY_ONLY
      rewriteAppHTTPProbe: false
      revision: canary
      discoverySelectors: [{matchLabels: {mesh: "yes"}}]
      outside: [{host: db.corp, reason: managed}]
    require:
      mtls: PERMISSIVE
      wildcardHosts: [{host: "*", namespace: mesh-root}]
      kinds: [PeerAuthentication]
    severities: {PA012: error}
gates:
  - {name: quiet, type: soak, duration: 24h, onMissing: block}
  - {name: open, type: window, windows: [office]}
windows:
  - {name: office, kind: allow, cron: "0 8 * * 1-5", duration: 9h, timezone: Europe/Berlin,
     environments: [prod], events: [promote]}
  - {name: freeze, kind: deny, from: 2026-12-20T00:00, to: 2027-01-04T00:00}
paused: {by: mesh, reason: audit}
supersede: close
"""
WAIVERS = """\
waivers:
  - rule: PA002
    resource: PeerAuthentication/boards/metrics
    path: spec.portLevelMtls
    owner: team-boards
    reason: scraped
    expires: 2026-12-31
differences:
  - {workload: boards/boards, port: 9102, owner: a, reason: b, expires: 2026-09-01}
acknowledgements:
  - {release: r-0123456789ab, breaks: abc, owner: a, reason: b, until: 2026-09-02}
"""


def write_configuration(root: Path) -> Path:
    """A repository with three environments and every key there is."""
    (root / "environments.yaml").write_text(FULL)
    for name in ("dev", "canary", "prod"):
        (root / "overlays" / name).mkdir(parents=True)
    (root / "waivers").mkdir()
    (root / "waivers/prod.yaml").write_text(WAIVERS)
    (root / "expectations").mkdir()
    (root / "expectations/dev.yaml").write_text(
        "expectations:\n  - {from: boards/rogue, to: boards.boards.svc.cluster.local:8080, "
        "outcome: refused}\n"
    )
    return root


def swap(old: str, new: str, file: str = "environments.yaml") -> Callable[[Path], None]:
    """Replaces a text that must be there, once."""

    def change(root: Path) -> None:
        text = (root / file).read_text()
        assert old in text
        (root / file).write_text(text.replace(old, new, 1))

    return change
