"""Argo CD's repo-server and application-controller, with what `meshgate sync argocd` writes.

There is no ApplicationSet controller: the one Application that its template makes for the lab's
cluster is made here.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

import yaml

from e2e.apiserver import LOOPBACK, free_port
from e2e.parts import parts, program
from e2e.processes import Processes, every
from e2e.syncers.syncer import Syncer
from forge_worlds import PROMOTER
from meshgate.errors import ToolError
from meshgate.model import JSON, JSONObject

NAMESPACE = "argocd"
# How Argo CD calls the lab's cluster: one of the names that prod may be synced to.
CLUSTER = "prod"
# Its own manifests bring these, empty.
SETTINGS = (
    "argocd-rbac-cm",
    "argocd-cmd-params-cm",
    "argocd-ssh-known-hosts-cm",
    "argocd-tls-certs-cm",
    "argocd-gpg-keys-cm",
)
SECOND = "mesh-policies-second"
# How Argo CD tells of an object that two Applications own.
SHARED = b"shared resource found"
# Seconds.
REFUSED = 60.0
REFRESH = "argocd.argoproj.io/refresh"


class ArgoCD(Syncer):
    """Two roles of one program, and Redis between them."""

    name = "argocd"
    title = "Argo CD"
    parts = ("argocd", "redis")

    def start(self, processes: Processes, folder: Path) -> None:
        """Install Argo CD's CRDs and start its programs."""
        part = parts()["argocd"]
        self.cluster.install([part.file("manifests/crds")])
        home = folder / "argocd"
        for name in ("tls", "ssh", "gpg", "plugins", "tmp", "bin", "hack"):
            (home / name).mkdir(parents=True)
        self._configure()
        for role in ("argocd-repo-server", "argocd-application-controller"):
            (home / "bin" / role).symlink_to(program("argocd"))
        for script in part.file("hack").glob("*.sh"):
            own = home / "bin" / script.name
            own.write_bytes(script.read_bytes())
            own.chmod(0o755)
        redis, repository = free_port(), free_port()
        environment = {
            "KUBECONFIG": str(self.cluster.kubeconfig),
            "PATH": f"{home / 'bin'}:/usr/bin:/bin",
            "HOME": str(home),
            "TMPDIR": str(home / "tmp"),
            "ARGOCD_GPG_ENABLED": "false",
            "ARGOCD_TLS_DATA_PATH": str(home / "tls"),
            "ARGOCD_SSH_DATA_PATH": str(home / "ssh"),
            "ARGOCD_GNUPGHOME": str(home / "gpg"),
            "ARGOCD_PLUGINSOCKFILEPATH": str(home / "plugins"),
            "ARGOCD_FAKE_IN_CLUSTER": "true",
            "ARGOCD_EXEC_TIMEOUT": "90s",
            "ARGOCD_CONTROLLER_REPLICAS": "1",
        }
        common = ("--logformat", "text", "--redis", f"{LOOPBACK}:{redis}")
        programs: dict[str, list[str]] = {
            "redis": [
                str(program("redis-server")),
                *("--bind", LOOPBACK, "--port", str(redis), "--save", "", "--appendonly", "no"),
            ],
            "argocd-repo-server": [
                str(home / "bin" / "argocd-repo-server"),
                *("--disable-tls", "--client-ca-path", "", "--revision-cache-expiration", "1s"),
                *("--address", LOOPBACK, "--port", str(repository)),
                *("--metrics-address", LOOPBACK, "--metrics-port", str(free_port())),
                *common,
            ],
            "argocd-application-controller": [
                str(home / "bin" / "argocd-application-controller"),
                *("--kubeconfig", str(self.cluster.kubeconfig), "--namespace", NAMESPACE),
                *("--repo-server", f"{LOOPBACK}:{repository}", "--repo-server-plaintext"),
                *("--metrics-port", str(free_port()), "--app-resync", "5"),
                *("--self-heal-timeout-seconds", "1"),
                *common,
            ],
        }
        for name, argv in programs.items():
            self.running.append(
                processes.start(name, argv, environment=environment, cwd=home, disposable=True)
            )

    def _configure(self) -> None:
        """What its own manifests bring: empty settings, and a secret of its server."""
        self.cluster.apply(_object("v1", "Namespace", NAMESPACE, None))
        for name in SETTINGS:
            self.cluster.apply(_part("ConfigMap", name))
        # In a lab nothing waits for minutes.
        often = {"timeout.reconciliation": "5s", "timeout.reconciliation.jitter": "0s"}
        self.cluster.apply({**_part("ConfigMap", "argocd-cm"), "data": often})
        secret = _part("Secret", "argocd-secret")
        self.cluster.apply({**secret, "stringData": {"server.secretkey": "lab"}})

    def point(self, clone: Path, token: str) -> None:
        """The cluster and the repository by name and token; the project; the Application."""
        written = list(yaml.safe_load_all((clone / "sync/argocd/prod.yaml").read_text("utf-8")))
        project = next(each for each in written if each["kind"] == "AppProject")
        of_clusters = next(each for each in written if each["kind"] == "ApplicationSet")
        application = _filled(of_clusters["spec"]["template"])
        url = application["spec"]["source"]["repoURL"]
        kubeconfig = json.loads(self.cluster.kubeconfig.read_text())
        own = kubeconfig["clusters"][0]["cluster"]
        authority = base64.b64encode(Path(own["certificate-authority"]).read_bytes()).decode()
        config = {
            "bearerToken": kubeconfig["users"][0]["user"]["token"],
            "tlsClientConfig": {"caData": authority},
        }
        self.cluster.apply(
            {
                **_part("Secret", "lab-cluster", "cluster"),
                "stringData": {
                    "name": CLUSTER,
                    "server": self.cluster.url,
                    "config": json.dumps(config),
                },
            },
            {
                **_part("Secret", "lab-repository", "repository"),
                "stringData": {
                    "type": "git",
                    "url": url,
                    "username": PROMOTER,
                    "password": token,
                },
            },
            project,
        )
        self.application: JSONObject = {
            "apiVersion": of_clusters["apiVersion"],
            "kind": "Application",
            "metadata": {**application["metadata"], "namespace": NAMESPACE},
            "spec": application["spec"],
        }
        self.cluster.apply(self.application)

    def refresh(self) -> None:
        """As `argocd app get --refresh` does it."""
        patch = json.dumps({"metadata": {"annotations": {REFRESH: "normal"}}})
        name = self.application["metadata"]["name"]
        told = ("patch", "application", name, "--type=merge", "-p", patch)
        self.cluster.kubectl("-n", NAMESPACE, *told)

    def guard(self) -> str:
        """A second Application of the same objects: they must not go to and fro between two."""
        metadata = {**self.application["metadata"], "name": SECOND}
        self.cluster.apply({**self.application, "metadata": metadata})
        query = ("-n", NAMESPACE, "get", "application", SECOND, "--output=jsonpath={.status}")
        status = b""
        for _ in every(0.5, REFUSED):
            status = self.cluster.kubectl(*query)
            if SHARED in status.lower():
                self.cluster.delete({**self.application, "metadata": metadata})
                return "a second Application of the same objects is not synced: they are shared"
        raise ToolError("Argo CD lets two Applications own one object", why=status.decode())


def _filled(template: JSON) -> JSON:
    """The template of an ApplicationSet for the lab's cluster."""
    text = json.dumps(template)
    for field in ("{{.name}}", "{{.nameNormalized}}"):
        text = text.replace(field, CLUSTER)
    return json.loads(text)


def _object(version: str, kind: str, name: str, namespace: str | None) -> JSONObject:
    place = {"namespace": namespace} if namespace else {}
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, **place}}


def _part(kind: str, name: str, secret_type: str = "") -> JSONObject:
    made = _object("v1", kind, name, NAMESPACE)
    labels = {"app.kubernetes.io/part-of": "argocd"}
    if secret_type:
        labels["argocd.argoproj.io/secret-type"] = secret_type
    made["metadata"]["labels"] = labels
    return made
