"""Argo CD's three controllers with what `meshgate sync argocd` writes, applied as it is.

The harness writes only what belongs to an installation: Argo CD's settings, the Secret of the lab's
cluster, and the Secret that the repository is read with.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
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
# The label that prod's ApplicationSet finds its clusters by.
LABEL = {"mesh-env": "prod"}
OF_PROD = "meshgate/environment=prod"
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
MADE = 60.0
# A controller that will do nothing has this long to do it all the same.
WATCHED = 4.0
REFRESH = "argocd.argoproj.io/refresh"


ROLES = (
    "argocd-repo-server",
    "argocd-application-controller",
    "argocd-applicationset-controller",
)


class ArgoCD(Syncer):
    """Three roles of one program, and Redis between them."""

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
        for role in ROLES:
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
            "argocd-applicationset-controller": [
                str(home / "bin" / "argocd-applicationset-controller"),
                *("--kubeconfig", str(self.cluster.kubeconfig), "--namespace", NAMESPACE),
                *("--argocd-repo-server", f"{LOOPBACK}:{repository}", "--repo-server-plaintext"),
                *("--metrics-addr", f"{LOOPBACK}:{free_port()}"),
                *("--probe-addr", f"{LOOPBACK}:{free_port()}"),
                *("--webhook-addr", f"{LOOPBACK}:{free_port()}", "--logformat", "text"),
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
        """The cluster and the repository by name and token; then the files as they were written."""
        kubeconfig = json.loads(self.cluster.kubeconfig.read_text())
        own = kubeconfig["clusters"][0]["cluster"]
        authority = base64.b64encode(Path(own["certificate-authority"]).read_bytes()).decode()
        config = {
            "bearerToken": kubeconfig["users"][0]["user"]["token"],
            "tlsClientConfig": {"caData": authority},
        }
        cluster = _part("Secret", "lab-cluster", "cluster")
        cluster["metadata"]["labels"] |= LABEL
        self.cluster.apply(
            {
                **cluster,
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
                    "url": repository_of(clone),
                    "username": PROMOTER,
                    "password": token,
                },
            },
        )
        self.cluster.kubectl("apply", "--server-side", "-f", str(clone / "sync/argocd"))
        self.application = self._made()

    def _made(self) -> str:
        """The name of the one Application that the controller makes of prod's ApplicationSet."""
        found: list[str] = []
        for _ in every(0.2, MADE):
            found = self._applications()
            if len(found) == 1:
                return found[0]
        raise ToolError(f"prod has no Application, or several: {found}", why=self.tail())

    def _applications(self) -> list[str]:
        query = (
            "get",
            "applications",
            "-l",
            OF_PROD,
            "--output=jsonpath={.items[*].metadata.name}",
        )
        return self.cluster.kubectl("-n", NAMESPACE, *query).decode().split()

    def _field(self, path: str) -> str:
        query = ("get", "application", self.application, f"--output=jsonpath={{{path}}}")
        return self.cluster.kubectl("-n", NAMESPACE, *query).decode()

    def refresh(self) -> None:
        """As `argocd app get --refresh` does it."""
        self._patch(
            "application", self.application, {"metadata": {"annotations": {REFRESH: "normal"}}}
        )

    def _patch(self, kind: str, name: str, change: JSON) -> None:
        told = ("patch", kind, name, "--type=merge", "-p", json.dumps(change))
        self.cluster.kubectl("-n", NAMESPACE, *told)

    def synced(self, commit: str) -> bool:
        """Whether the last sync was of this commit, and has ended."""
        of, phase = ".status.operationState.syncResult.revision", ".status.operationState.phase"
        return self._field(of) == commit and self._field(phase) in {"Succeeded", "Failed", "Error"}

    def guards(self) -> Iterator[str]:
        """What Argo CD's own controllers refuse of an attack on their objects."""
        yield self._shared()
        yield self._comes_back()
        yield self._stopped()
        yield self._unlabelled()

    def _shared(self) -> str:
        """A second Application of the same objects: they must not go to and fro between two."""
        query = ("get", "application", self.application, "--output=json")
        own = json.loads(self.cluster.kubectl("-n", NAMESPACE, *query))
        second: JSONObject = {
            "apiVersion": own["apiVersion"],
            "kind": "Application",
            "metadata": {"name": SECOND, "namespace": NAMESPACE},
            "spec": own["spec"],
        }
        self.cluster.apply(second)
        status = b""
        for _ in every(0.5, REFUSED):
            get = ("get", "application", SECOND, "--output=jsonpath={.status}")
            status = self.cluster.kubectl("-n", NAMESPACE, *get)
            if SHARED in status.lower():
                self.cluster.delete(second)
                return "a second Application of the same objects is not synced: they are shared"
        raise ToolError("Argo CD lets two Applications own one object", why=status.decode())

    def _comes_back(self) -> str:
        """The Application, deleted: made anew, and the policies never went."""
        policy = ("-n", "istio-system", "get", "peerauthentication", "default")
        age = (*policy, "--output=jsonpath={.metadata.uid}")
        before = self.cluster.kubectl(*age)
        old = self._field(".metadata.uid")
        delete = ("delete", "application", self.application, "--wait=false")
        self.cluster.kubectl("-n", NAMESPACE, *delete)
        for _ in every(0.2, MADE):
            if self._applications() == [self.application] and self._field(".metadata.uid") != old:
                break
        else:
            raise ToolError("a deleted Application does not come back", why=self.tail())
        if self.cluster.kubectl(*age) != before:
            raise ToolError("deleting an Application took its policies away")
        return "its Application, deleted by hand, is made anew, and no policy went with it"

    def _stopped(self) -> str:
        """The way that docs/sync.md gives for a bad night: it stands when the rest is mended."""
        self._patch("application", self.application, {"spec": {"syncPolicy": {"automated": None}}})
        aimed = {"spec": {"source": {"path": "rendered/elsewhere"}}}
        self._patch("application", self.application, aimed)
        for _ in every(0.2, MADE):
            if self._field(".spec.source.path") == "rendered/prod":
                break
        else:
            raise ToolError("an Application aimed elsewhere stays so", why=self.tail())
        if self._field(".spec.syncPolicy.automated"):
            raise ToolError("the ApplicationSet starts a sync that was stopped by hand")
        # Nothing syncs by itself until somebody says so.
        on = {"automated": {"prune": True, "selfHeal": True, "allowEmpty": False}}
        self._patch("application", self.application, {"spec": {"syncPolicy": on}})
        return (
            "aimed at another folder it is aimed back, and its sync, stopped by hand, stays stopped"
        )

    def _unlabelled(self) -> str:
        """A label that is lost from the cluster's Secret takes no policy away."""
        (label,) = LABEL
        self._patch("secret", "lab-cluster", {"metadata": {"labels": {label: None}}})
        for _ in every(0.5, WATCHED):
            if self._applications() != [self.application]:
                raise ToolError("a label that is lost took the Application away")
        self._patch("secret", "lab-cluster", {"metadata": {"labels": LABEL}})
        return "the label that finds the cluster, lost for a while, took nothing away"


def repository_of(clone: Path) -> str:
    """The URL that environments.yaml of a clone gives the syncs."""
    stated = yaml.safe_load((clone / "environments.yaml").read_text("utf-8"))
    url: str = stated["sync"]["repository"]
    return url


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
