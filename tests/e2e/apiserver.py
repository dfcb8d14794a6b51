"""A Kubernetes API server with its etcd, and the objects in it.

`with api_server(folder) as cluster` needs no root: both listen on loopback, on free ports. There is
no controller manager, so nothing makes default service accounts or collects garbage, and a
namespace that is deleted stays Terminating.
"""

from __future__ import annotations

import json
import secrets
import socket
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from e2e.build import ensure
from e2e.parts import parts, program
from e2e.processes import Process, Processes, every
from meshgate.errors import ToolError
from meshgate.model import JSONObject
from meshgate.process import run

PARTS = ("etcd", "kube-apiserver", "istio-api")
LOOPBACK = "127.0.0.1"
SERVICE_RANGE = "10.96.0.0/16"
ISSUER = "https://kubernetes.default.svc"
CONTEXT = "lab"

# Seconds.
COMMAND_TIMEOUT = 120.0
REQUEST_TIMEOUT = 5.0


def free_port(address: str = LOOPBACK) -> int:
    """A TCP port that nothing listens on."""
    with socket.socket() as listener:
        listener.bind((address, 0))
        return int(listener.getsockname()[1])


class Cluster:
    """An API server that runs; `context` is the kubeconfig's only one, of an administrator."""

    def __init__(self, url: str, kubeconfig: Path) -> None:
        self.url = url
        self.kubeconfig = kubeconfig
        self.context = CONTEXT

    def kubectl(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """What kubectl answers. Raises ToolError when it fails."""
        done = self.try_kubectl(*arguments, stdin=stdin)
        if isinstance(done, str):
            raise ToolError(f"kubectl {' '.join(arguments)} failed", why=done)
        return done

    def try_kubectl(self, *arguments: str, stdin: bytes = b"") -> bytes | str:
        """What kubectl answers; its message where it fails."""
        own = Path(sys.executable).with_name("kubectl")
        done = run(
            [str(own), "--kubeconfig", str(self.kubeconfig), *arguments],
            timeout=COMMAND_TIMEOUT,
            stdin=stdin,
        )
        return done.stdout if done.code == 0 else done.stderr.strip()

    def apply(self, *objects: JSONObject) -> None:
        """Apply objects on the server's side, whoever owned their fields."""
        if objects:
            arguments = ("apply", "--server-side", "--force-conflicts", "-f", "-")
            self.kubectl(*arguments, stdin=_listed(objects))

    def refusal(self, *objects: JSONObject) -> str:
        """Why the server would not take these objects; empty where it would."""
        arguments = ("apply", "--server-side", "--dry-run=server", "-f", "-")
        answer = self.try_kubectl(*arguments, stdin=_listed(objects))
        return answer if isinstance(answer, str) else ""

    def delete(self, *objects: JSONObject) -> None:
        """Delete objects, those that are not there too."""
        if objects:
            arguments = ("delete", "--ignore-not-found", "--wait=false", "-f", "-")
            self.kubectl(*arguments, stdin=_listed(objects))

    def install(self, definitions: Iterable[Path]) -> None:
        """Install CustomResourceDefinitions from files or folders, and wait until they serve."""
        for path in definitions:
            # The folder's kustomization is no object.
            files = sorted(path.glob("*_*.yaml")) or sorted(path.glob("*-crd.yaml"))
            for file in files if path.is_dir() else [path]:
                self.kubectl("apply", "--server-side", "-f", str(file))
        established = ("wait", "--for=condition=established", "--timeout=60s", "crd", "--all")
        answer: bytes | str = b""
        # Of one that is only just there it says that it has no conditions, and gives up.
        for _ in every(0.2, COMMAND_TIMEOUT):
            answer = self.try_kubectl(*established)
            if isinstance(answer, bytes):
                return
        raise ToolError("the CustomResourceDefinitions are not served", why=str(answer))


def _listed(objects: Iterable[JSONObject]) -> bytes:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}).encode()


@contextmanager
def api_server(folder: Path, address: str = LOOPBACK, *, istio: bool = True) -> Iterator[Cluster]:
    """An API server on an address of this machine, with Istio's CRDs; gone after the block.

    State and logs lie in `folder`. What is not built yet is built first. Raises ToolError.
    """
    ensure(PARTS if istio else PARTS[:2])
    folder.mkdir(parents=True, exist_ok=True)
    with Processes(folder / "logs") as processes:
        cluster = start(processes, folder, address)
        if istio:
            cluster.install(istio_definitions())
        yield cluster


def istio_definitions() -> list[Path]:
    """Istio's CustomResourceDefinitions."""
    part = parts()["istio-api"]
    return [part.file(name) for name in part.keep]


def start(processes: Processes, folder: Path, address: str) -> Cluster:
    """Start etcd and the API server, and wait for both. Raises ToolError when one ends."""
    client, peer = (f"http://{address}:{free_port(address)}" for _ in range(2))
    processes.start(
        "etcd",
        [
            program("etcd"),
            f"--data-dir={folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
        ],
        # Its orderly end takes seconds, and its state goes with the folder.
        disposable=True,
    )
    port, token = free_port(address), secrets.token_hex(16)
    keys, certificates = folder / "service-accounts.pem", folder / "certificates"
    _write_key(keys)
    tokens = folder / "tokens.csv"
    tokens.write_text(f'{token},admin,admin,"system:masters"\n')
    url = f"https://{address}:{port}"
    process = processes.start(
        "kube-apiserver",
        [
            program("kube-apiserver"),
            f"--etcd-servers={client}",
            f"--bind-address={address}",
            f"--advertise-address={address}",
            f"--secure-port={port}",
            # It signs its own, for this address.
            f"--cert-dir={certificates}",
            f"--service-account-issuer={ISSUER}",
            f"--service-account-key-file={keys}",
            f"--service-account-signing-key-file={keys}",
            f"--service-cluster-ip-range={SERVICE_RANGE}",
            "--authorization-mode=RBAC",
            f"--token-auth-file={tokens}",
            # A loopback address is no endpoint.
            "--endpoint-reconciler-type=none",
        ],
        disposable=True,
    )
    authority = certificates / "apiserver.crt"
    _wait(process, url, authority, token)
    return Cluster(url, _write_kubeconfig(folder, url, authority, token))


def _wait(process: Process, url: str, authority: Path, token: str) -> None:
    request = urllib.request.Request(f"{url}/readyz", headers={"Authorization": f"Bearer {token}"})

    def ready() -> bool:
        try:
            context = ssl.create_default_context(cafile=authority)
            opened = urllib.request.urlopen(request, timeout=REQUEST_TIMEOUT, context=context)
            with opened as response:
                return bool(response.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    process.wait_for(ready, "it was ready")


def _write_key(path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )


def _write_kubeconfig(folder: Path, url: str, authority: Path, token: str) -> Path:
    path = folder / "kubeconfig"
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [
                    {
                        "name": CONTEXT,
                        "cluster": {"server": url, "certificate-authority": str(authority)},
                    }
                ],
                "users": [{"name": "admin", "user": {"token": token}}],
                "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": "admin"}}],
                "current-context": CONTEXT,
            },
            indent=2,
        )
    )
    path.chmod(0o600)
    return path
