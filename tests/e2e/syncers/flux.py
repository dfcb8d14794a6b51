"""Flux's two controllers, on loopback, with the objects that `meshgate sync flux` writes."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

from e2e.apiserver import LOOPBACK, free_port
from e2e.parts import parts, program
from e2e.processes import Processes, answers
from e2e.syncers.syncer import Syncer
from forge_worlds import PROMOTER

NAMESPACE = "flux-system"
OBJECT = "mesh-policies-prod"
REQUESTED = "reconcile.fluxcd.io/requestedAt"


class Flux(Syncer):
    """source-controller and kustomize-controller."""

    name = "flux"
    title = "Flux"
    parts = ("source-controller", "kustomize-controller")

    def start(self, processes: Processes, folder: Path) -> None:
        """Install Flux's CRDs and start the controllers; they answer when this returns."""
        self.cluster.install([parts()[name].file("config/crd/bases") for name in self.parts])
        self.cluster.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
        )
        for name in self.parts:
            home = folder / "flux" / name
            home.mkdir(parents=True)
            storage, metrics, health = (f"{LOOPBACK}:{free_port()}" for _ in range(3))
            serving = [
                f"--storage-addr={storage}",
                f"--storage-adv-addr={storage}",
                f"--storage-path={home}",
            ]
            process = processes.start(
                name,
                [
                    program(name),
                    *(serving if name == "source-controller" else ()),
                    f"--metrics-addr={metrics}",
                    f"--health-addr={health}",
                    "--enable-leader-election=false",
                ],
                environment={
                    "KUBECONFIG": str(self.cluster.kubeconfig),
                    "RUNTIME_NAMESPACE": NAMESPACE,
                    "HOME": str(home),
                },
                cwd=home,
            )
            url = f"http://{health}/healthz"
            process.wait_for(lambda url=url: answers(url), "it answered")  # type: ignore[misc] # bound in a loop
            self.running.append(process)

    def point(self, clone: Path, token: str) -> None:
        """The secret that the repository is read with, then the objects as they were written."""
        self.cluster.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "git", "namespace": NAMESPACE},
                "stringData": {"username": PROMOTER, "password": token},
            }
        )
        file = clone / "sync/flux/prod/sync.yaml"
        self.cluster.kubectl("apply", "--server-side", "-f", str(file))

    def refresh(self) -> None:
        """As `flux reconcile` does it."""
        now = datetime.datetime.now(tz=datetime.UTC).isoformat()
        patch = json.dumps({"metadata": {"annotations": {REQUESTED: now}}})
        for kind in ("gitrepository", "kustomization"):
            told = ("patch", kind, OBJECT, "--type=merge", "-p", patch)
            self.cluster.kubectl("-n", NAMESPACE, *told)

    def synced(self, commit: str) -> bool:
        """Whether the last reconciliation was of this commit, and has ended."""
        fields = "{.status.lastAttemptedRevision} {.status.conditions[?(@.type=='Ready')].status}"
        query = ("get", "kustomization", OBJECT, f"--output=jsonpath={fields}")
        revision, ready = self.cluster.kubectl("-n", NAMESPACE, *query).decode().split(" ")
        return revision.endswith(commit) and ready in {"True", "False"}
