"""istiod outside a pod: against an API server of the lab, on any address of this machine."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from e2e.apiserver import LOOPBACK, Cluster, free_port
from e2e.build import ensure
from e2e.parts import program
from e2e.processes import Processes, answers, every
from meshgate.errors import ToolError
from meshgate.model import JSON, JSONObject

ROOT = "istio-system"
# What its certificate is for.
HOST = f"istiod.{ROOT}.svc"
CA_MAP = "istio-ca-root-cert"
DEFAULT_REVISION = "default"

# Without these, istiod configures filters that only Istio's own build of Envoy has.
FOR_UPSTREAM_ENVOY = {
    "PILOT_ENABLE_ALPN_FILTER": "false",
    "PILOT_ENABLE_METADATA_EXCHANGE": "false",
    "PILOT_ENABLE_TELEMETRY_LABEL": "false",
}
# Seconds.
REQUEST_TIMEOUT = 10.0
CERTIFICATE_TIMEOUT = 20.0


class Istiod(NamedTuple):
    """Where a running istiod is asked for what."""

    address: str
    http: int  # readiness and the debug interface, on loopback: it asks others for a token
    xds: int  # to proxies, with TLS
    webhook: int
    monitoring: int
    mesh: Path  # the file of its MeshConfig, which it watches

    def get(self, path: str) -> JSON:
        """What the debug interface answers, such as `debug/syncz`."""
        url = f"http://{LOOPBACK}:{self.http}/{path}"
        with urllib.request.urlopen(url, timeout=REQUEST_TIMEOUT) as response:
            return json.load(response)

    def configure(self, **changed: JSON) -> None:
        """Write MeshConfig: the lab's own with these fields changed. istiod reads it by itself."""
        written = mesh_config(self.xds, **changed)
        self.mesh.write_text(json.dumps(written, indent=2))


def mesh_config(xds: int, **changed: JSON) -> JSONObject:
    """The lab's MeshConfig: Istio's defaults, without what upstream Envoy cannot do."""
    return {
        "trustDomain": "cluster.local",
        "rootNamespace": ROOT,
        "accessLogFile": "",
        "defaultProviders": {},
        "enablePrometheusMerge": False,
        # A second try at another endpoint would hide that the first one fails.
        "defaultHttpRetryPolicy": {"attempts": 0},
        "defaultConfig": {"discoveryAddress": f"{HOST}:{xds}", "tracing": {}},
        **changed,
    }


@contextmanager
def istiod(folder: Path, cluster: Cluster, address: str = LOOPBACK) -> Iterator[Istiod]:
    """An istiod on free ports of an address; gone after the block. Raises ToolError.

    It needs the namespace `istio-system`, which it gets.
    """
    ensure(["istio"])
    with Processes(folder / "logs") as processes:
        yield start(processes, folder, cluster, address)


def start(
    processes: Processes,
    folder: Path,
    cluster: Cluster,
    address: str,
    *,
    revision: str = DEFAULT_REVISION,
    environment: Mapping[str, str] | None = None,
) -> Istiod:
    """Start istiod of a revision, with more variables perhaps, and wait until it is ready."""
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ROOT}})
    name = "istiod" if revision == DEFAULT_REVISION else f"istiod-{revision}"
    home = folder / name
    home.mkdir(parents=True, exist_ok=True)
    http = free_port(LOOPBACK)
    grpc, xds, webhook, monitoring = (free_port(address) for _ in range(4))
    running = Istiod(address, http, xds, webhook, monitoring, home / "mesh.json")
    running.configure()
    (home / "networks.json").write_text('{"networks": {}}')
    process = processes.start(
        name,
        [
            program("pilot-discovery"),
            "discovery",
            f"--kubeconfig={cluster.kubeconfig}",
            "--domain=cluster.local",
            f"--httpAddr={LOOPBACK}:{http}",
            f"--grpcAddr={address}:{grpc}",
            f"--secureGRPCAddr={address}:{xds}",
            f"--httpsAddr={address}:{webhook}",
            f"--monitoringAddr={address}:{monitoring}",
            f"--ctrlz_address={LOOPBACK}",
            "--ctrlz_port=0",
            f"--meshConfig={running.mesh}",
            f"--networksConfig={home / 'networks.json'}",
        ],
        environment={
            **FOR_UPSTREAM_ENVOY,
            "KUBECONFIG": str(cluster.kubeconfig),
            "POD_NAME": "istiod-0",
            "POD_NAMESPACE": ROOT,
            "SERVICE_ACCOUNT": "istiod",
            "REVISION": revision,
            "CLUSTER_ID": "Kubernetes",
            "PILOT_CERT_PROVIDER": "istiod",
            "PILOT_ENABLE_WORKLOAD_ENTRY_AUTOREGISTRATION": "false",
            "PILOT_ENABLE_GATEWAY_API": "false",
            "INJECTION_WEBHOOK_CONFIG_NAME": "",
            "VALIDATION_WEBHOOK_CONFIG_NAME": "",
            **(environment or {}),
        },
        cwd=home,
    )
    process.wait_for(lambda: answers(f"http://{LOOPBACK}:{http}/ready"), "it was ready")
    return running


def root_certificate(cluster: Cluster, namespace: str) -> str:
    """The mesh's root certificate, in PEM, as istiod gives it to a namespace; waits for it."""
    query = ("-n", namespace, "get", "configmap", CA_MAP)
    for _ in every(0.1, CERTIFICATE_TIMEOUT):
        answer = cluster.try_kubectl(*query, r"--output=jsonpath={.data.root-cert\.pem}")
        if isinstance(answer, bytes) and answer:
            return answer.decode()
    raise ToolError(f"istiod did not give namespace {namespace} its root certificate")


def validate_with(cluster: Cluster, running: Istiod) -> None:
    """Have the API server ask istiod about every Istio object, and refuse what it refuses.

    `istiod.istio-system.svc` must lead to istiod where the API server runs.
    """
    bundle = base64.b64encode(root_certificate(cluster, ROOT).encode()).decode()
    cluster.apply(
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": "istio-validator"},
            "webhooks": [
                {
                    "name": "rev.validation.istio.io",
                    "admissionReviewVersions": ["v1"],
                    "sideEffects": "None",
                    "failurePolicy": "Fail",
                    "clientConfig": {
                        "url": f"https://{HOST}:{running.webhook}/validate",
                        "caBundle": bundle,
                    },
                    "rules": [
                        {
                            "apiGroups": ["security.istio.io", "networking.istio.io"],
                            "apiVersions": ["*"],
                            "operations": ["CREATE", "UPDATE"],
                            "resources": ["*"],
                        }
                    ],
                }
            ],
        }
    )
