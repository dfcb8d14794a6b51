"""A real sidecar in a pod: Istio's agent and an upstream Envoy, with the pod's traffic in it."""

from __future__ import annotations

import http.client
import json
import os
import shutil
from pathlib import Path

from e2e import istiod
from e2e.apiserver import Cluster
from e2e.istiod import Istiod
from e2e.network import GATEWAY, Pod, entering, inside, run_or_raise
from e2e.objects import NODE, labels
from e2e.parts import parts, program
from e2e.processes import Process, Processes

# The user whose traffic is not redirected.
USER = 1337
OUTBOUND, INBOUND = 15001, 15006
HEALTH, ADMIN = 15021, 15000
NOT_REDIRECTED = "15090,15021,15020"
# Seconds.
REQUEST_TIMEOUT = 5.0


class Sidecar:
    """A sidecar that runs in a pod."""

    def __init__(self, pod: Pod, process: Process, folder: Path) -> None:
        self.pod = pod
        self.process = process
        self.folder = folder

    @property
    def certificates(self) -> Path:
        """Where the agent keeps the workload's certificate, key and root, as files."""
        return self.folder / "certificates"

    def admin(self, path: str) -> str:
        """What Envoy's admin interface answers; empty where it does not."""
        return self._get(ADMIN, path)[1]

    def is_ready(self) -> bool:
        """Whether it has all of its first configuration."""
        return self._get(HEALTH, "healthz/ready")[0] == 200

    def _get(self, port: int, path: str) -> tuple[int, str]:
        def ask() -> tuple[int, str]:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=REQUEST_TIMEOUT)
            try:
                connection.request("GET", f"/{path}")
                answer = connection.getresponse()
                return answer.status, answer.read().decode()
            except OSError:
                return 0, ""
            finally:
                connection.close()

        return inside(self.pod, ask)


def redirect(pod: Pod) -> None:
    """Have the pod's traffic go through its sidecar, as Istio's own init container does."""
    run_or_raise(
        [
            *entering(pod),
            str(program("pilot-agent")),
            "istio-iptables",
            *("-p", str(OUTBOUND), "-z", str(INBOUND), "-u", str(USER), "-g", str(USER)),
            *("-m", "REDIRECT", "-i", "*", "-x", "", "-b", "*", "-d", NOT_REDIRECTED),
        ]
    )


def start(
    processes: Processes, folder: Path, pod: Pod, cluster: Cluster, control: Istiod
) -> Sidecar:
    """Start a pod's sidecar; it is ready some seconds later."""
    home = folder / "pods" / pod.name
    _furnish(home, pod, cluster)
    discovery = f"{istiod.HOST}:{control.xds}"
    envoy = _reachable(folder, "envoy")
    environment = {
        "POD_NAME": pod.name,
        "POD_NAMESPACE": pod.namespace,
        "INSTANCE_IP": pod.address,
        "HOST_IP": GATEWAY,
        "SERVICE_ACCOUNT": pod.name,
        "JWT_POLICY": "third-party-jwt",
        "CA_ADDR": discovery,
        "PILOT_CERT_PROVIDER": "istiod",
        "TRUST_DOMAIN": "cluster.local",
        "OUTPUT_CERTS": str(home / "certificates"),
        "ISTIO_META_CLUSTER_ID": "Kubernetes",
        "ISTIO_META_INTERCEPTION_MODE": "REDIRECT",
        "ISTIO_META_WORKLOAD_NAME": pod.name,
        "ISTIO_META_MESH_ID": "cluster.local",
        "ISTIO_META_NODE_NAME": NODE,
        "ISTIO_META_APP_CONTAINERS": "app",
        "PROXY_CONFIG": json.dumps(
            {
                "binaryPath": str(envoy),
                "concurrency": 1,
                "discoveryAddress": discovery,
                "terminationDrainDuration": "0.1s",
                # What authorization denies is counted, and Istio leaves most counters out.
                "proxyStatsMatcher": {"inclusionRegexps": [".*rbac.*"]},
            }
        ),
    }
    process = processes.start(
        f"sidecar-{pod.name}",
        [
            *entering(pod),
            *("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"),
            *(_reachable(folder, "pilot-agent"), "proxy", "router" if pod.gateway else "sidecar"),
            f"--domain={pod.namespace}.svc.cluster.local",
            "--proxyLogLevel=warning",
            "--proxyComponentLogLevel=misc:error",
            "--log_output_level=default:info",
        ],
        environment=environment,
        cwd=home,
    )
    return Sidecar(pod, process, home)


def _reachable(folder: Path, name: str) -> Path:
    """A program where the sidecar's user may run it: a cache in root's home is closed to it."""
    target = folder / "bin" / name
    if not target.exists():
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(program(name), target)
        target.chmod(0o755)
    return target


def _furnish(home: Path, pod: Pod, cluster: Cluster) -> None:
    """The files that Istio's injector mounts into a pod; the agent finds them by relative paths."""
    template = parts()["istio"].file(parts()["istio"].keep[0])
    query = ("-n", pod.namespace, "create", "token", pod.name, "--audience=istio-ca")
    bound = ("--bound-object-kind=Pod", f"--bound-object-name={pod.name}")
    files = {
        "var/lib/istio/envoy/envoy_bootstrap_tmpl.json": template.read_text(encoding="utf-8"),
        "var/run/secrets/tokens/istio-token": cluster.kubectl(*query, *bound).decode(),
        "var/run/secrets/istio/root-cert.pem": istiod.root_certificate(cluster, pod.namespace),
        "etc/istio/pod/labels": "".join(f'{k}="{v}"\n' for k, v in labels(pod).items()),
        "etc/istio/pod/annotations": "",
    }
    for folder in ("var/lib/istio/data", "etc/istio/proxy", "certificates"):
        (home / folder).mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    for path in [home, *home.rglob("*")]:
        os.chown(path, USER, USER)
