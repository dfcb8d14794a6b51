"""Jobs that make real calls, with and without a sidecar, and must succeed or be refused.

One Job for each expectation of an environment on an HTTP port. It runs in the client's namespace
with a sidecar if the client has one, calls, and ends with 0 if the call ended as expected.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from meshgate.mesh import DataPlane, Mesh, Outcome, Verdict, Workload, verdict
from meshgate.mesh.protocols import HTTP
from meshgate.model import Expectation, JSONObject

IMAGE = "curlimages/curl:8.16.0"
INJECT = "sidecar.istio.io/inject"
DEADLINE = 180  # seconds
KEPT = 600  # seconds after it ended
ATTEMPTS = 3

# Argo CD runs it after each sync and keeps the last; Flux makes it anew when it changes.
ANNOTATIONS = {
    "argocd.argoproj.io/hook": "PostSync",
    "argocd.argoproj.io/hook-delete-policy": "BeforeHookCreation",
    "kustomize.toolkit.fluxcd.io/force": "enabled",
}

# The answer of a sidecar that could not reach the server is a 503; without one there is no answer.
SCRIPT = """\
end() {
  if [ "$SIDECAR" = true ]; then
    curl -s -X POST http://127.0.0.1:15020/quitquitquit > /dev/null
  fi
  exit "$1"
}
if [ "$SIDECAR" = true ]; then
  until curl -sf http://127.0.0.1:15021/healthz/ready > /dev/null; do sleep 1; done
fi
for attempt in 1 2 3 4 5; do
  status=$(curl -s -o /dev/null -w '%{http_code}' --max-time 5 "$URL")
  case "$status" in
    000|503) ended=refused ;;
    *) ended=answered ;;
  esac
  echo "$URL: HTTP $status, $ended; expected: $EXPECTED"
  if [ "$ended" = "$EXPECTED" ]; then end 0; fi
  sleep 5
done
end 1
"""


class Probes(NamedTuple):
    """The Jobs, and the expectations that no Job can try, each with its reason."""

    jobs: list[JSONObject]
    untried: list[str]


def probes(mesh: Mesh, expectations: Iterable[Expectation], image: str = IMAGE) -> Probes:
    """A Job for each expectation that a call by HTTP can try, in their order."""
    tried = Probes([], [])
    for expectation in expectations:
        reason = _untriable(mesh, expectation)
        if reason:
            tried.untried.append(
                f"{expectation.client} to {expectation.host}:{expectation.port}: {reason}"
            )
        else:
            client = mesh.workload(*expectation.client.split("/", 1))
            tried.jobs.append(_job(client, expectation, image))
    return tried


def _untriable(mesh: Mesh, expectation: Expectation) -> str:
    """Why no Job can try this; empty: one can."""
    namespace, _, name = expectation.client.partition("/")
    try:
        client = mesh.workload(namespace, name)
        service = mesh.service(expectation.host, namespace)
    except LookupError as error:
        return str(error)
    port = service.port(expectation.port)
    if client.plane not in {DataPlane.SIDECAR, DataPlane.NONE}:
        return f"the client runs as {client.plane}"
    if port is None or port.protocol != HTTP:
        return "the port is not known to speak HTTP"
    if expectation.is_of_one_request:
        return "a probe sends no request of its own kind"
    if verdict(Outcome(expectation.outcome), None) not in {Verdict.WORKS, Verdict.BROKEN}:
        return f"{expectation.outcome} cannot be told by an HTTP status"
    return ""


def _job(client: Workload, expectation: Expectation, image: str) -> JSONObject:
    works = verdict(Outcome(expectation.outcome), None) is Verdict.WORKS
    sidecar = str(client.has_sidecar).lower()
    environment = {
        "URL": f"http://{expectation.host}:{expectation.port}/",
        "EXPECTED": "answered" if works else "refused",
        "SIDECAR": sidecar,
    }
    labels = {"app.kubernetes.io/name": "meshgate-probe", INJECT: sidecar}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": _name(expectation),
            "namespace": client.namespace,
            "labels": {"app.kubernetes.io/name": "meshgate-probe"},
            "annotations": ANNOTATIONS,
        },
        "spec": {
            "backoffLimit": ATTEMPTS - 1,
            "activeDeadlineSeconds": DEADLINE,
            "ttlSecondsAfterFinished": KEPT,
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "restartPolicy": "Never",
                    "automountServiceAccountToken": False,
                    "securityContext": {
                        "runAsNonRoot": True,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [
                        {
                            "name": "call",
                            "image": image,
                            "command": ["/bin/sh", "-c", SCRIPT],
                            "env": [
                                {"name": name, "value": value}
                                for name, value in environment.items()
                            ],
                            "resources": {
                                "requests": {"cpu": "10m", "memory": "16Mi"},
                                "limits": {"memory": "64Mi"},
                            },
                            "securityContext": {
                                "runAsUser": 65532,
                                "allowPrivilegeEscalation": False,
                                "readOnlyRootFilesystem": True,
                                "capabilities": {"drop": ["ALL"]},
                            },
                        }
                    ],
                },
            },
        },
    }


def _name(expectation: Expectation) -> str:
    """A name that stays as long as the expectation does."""
    identity = f"{expectation.client} {expectation.host}:{expectation.port} {expectation.outcome}"
    return f"meshgate-probe-{hashlib.sha256(identity.encode()).hexdigest()[:10]}"
