"""Jobs that make real calls, with and without a sidecar, and must succeed or be refused.

One Job for each expectation of an environment on an HTTP port. It runs in the client's namespace
and under its account, by which policies know it, with a sidecar if the client has one, calls, and
ends with 0 if the call ended as expected.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from meshgate.mesh import DataPlane, Mesh, Outcome, Verdict, Workload, verdict
from meshgate.mesh.catalog import REVISION_LABEL
from meshgate.mesh.protocols import HTTP
from meshgate.model import Expectation, JSONObject

IMAGE = "curlimages/curl:8.16.0"
INJECT = "sidecar.istio.io/inject"
INJECTION = "istio-injection"
# Of pods that had no sidecar, or that a node lost. What was tried five times is not tried again.
ATTEMPTS = 3
# Longer than all attempts: a Job over its deadline takes its pod along, and what the log says.
DEADLINE = 600  # seconds
WRONG, UNTRIED = 1, 2
# That no file of the image belongs to, and no sidecar runs as.
USER = 65532
CONTAINER = "call"

# Argo CD runs it after each sync and keeps the last; Flux makes it anew when it changes. A Job that
# goes by itself after a time would be made anew by every reconciliation of Flux.
ANNOTATIONS = {
    "argocd.argoproj.io/hook": "PostSync",
    "argocd.argoproj.io/hook-delete-policy": "BeforeHookCreation",
    "kustomize.toolkit.fluxcd.io/force": "enabled",
}

# A call counts as refused only where it was refused as sidecars do it: the connection was made and
# then reset, Envoy itself says that it was (a 503 with its own words), or its RBAC filter denies.
# A name that is none, a port that nothing listens on, or an application's own 503 say nothing of
# mTLS: then nothing was tried, which is no pass. Envoy's words: source/common/router/router.cc; a
# connection that was not made at all is a "connection failure", with a reason where TLS failed.
SCRIPT = """\
end() {
  if [ "$SIDECAR" = true ]; then
    curl -s -o /dev/null --max-time 5 -X POST http://127.0.0.1:15020/quitquitquit
  fi
  exit "$1"
}
if [ "$SIDECAR" = true ]; then
  waited=0
  until curl -sf -o /dev/null --max-time 1 http://127.0.0.1:15021/healthz/ready; do
    waited=$((waited + 1))
    if [ "$waited" -ge "${WAIT:-60}" ]; then
      echo "$URL: nothing was tried: this pod has no sidecar that is ready; look at the labels" \
        "istio-injection and istio.io/rev of its namespace, and at the log of istio-proxy"
      end 3
    fi
    sleep 1
  done
fi
for attempt in 1 2 3 4 5; do
  answer=$(curl -s -D - --max-time 5 -w 'ended %{http_code} %{size_download} %{time_connect}' \\
    "$URL")
  code=$?
  last=${answer##*ended }
  status=${last%% *}
  connected=${last##* }
  size=${last#* } size=${size%% *}
  why="HTTP $status"
  ended=answered
  case "$code" in
    0)
      case "$status $answer" in
        503*"upstream connect error"*"onnection refused"*|503*"upstream connect error"*timeout*)
          ended=untried why="no port of a pod answers" ;;
        503*"upstream connect error"*"transport failure reason"*)
          ended=refused why="HTTP 503 of the sidecar: there was no TLS between the two" ;;
        503*"upstream connect error"*"connection failure"*)
          ended=untried why="no port of a pod answers, or not to TLS" ;;
        503*"no healthy upstream"*)
          ended=untried why="the service has no endpoint" ;;
        503*"upstream connect error"*|503*"reset before headers"*)
          ended=refused why="HTTP 503 of the sidecar: the connection was reset" ;;
        403*"RBAC: access denied"*)
          ended=refused why="HTTP 403: RBAC: access denied" ;;
        503*)
          [ "$EXPECTED" = answered ] || ended=untried
          why="HTTP 503 of the application itself" ;;
        502*"server: envoy"*)
          ended=untried why="HTTP 502 of the sidecar: it has no such cluster" ;;
        404*"x-envoy-upstream-service-time"*) ;;
        404*"server: "*envoy*)
          [ "$size" != 0 ] || ended=untried why="HTTP 404 of the sidecar: no route leads there" ;;
      esac ;;
    6) ended=untried why="there is no such host" ;;
    7) ended=untried why="nothing listens there" ;;
    35|52|56)
      case "$connected" in
        0.000000|0,000000|0) ended=untried why="no connection" ;;
        *) ended=refused why="the connection was made and reset" ;;
      esac ;;
    28) ended=untried why="no answer in time" ;;
    *) ended=untried why="curl ended with $code" ;;
  esac
  if [ "$ended" = untried ]; then
    echo "$URL: nothing was tried: $why; expected: $EXPECTED"
  else
    echo "$URL: $ended: $why; expected: $EXPECTED"
  fi
  if [ "$ended" = "$EXPECTED" ]; then end 0; fi
  sleep "${PAUSE:-5}"
done
[ "$ended" = untried ] && end 2
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
            tried.jobs.append(_job(client, expectation, image, _revision(mesh, client)))
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


def _revision(mesh: Mesh, client: Workload) -> str:
    """The revision whose webhook injects the client; empty: that of `istio-injection`.

    In a mesh of revisions alone nothing is injected without one.
    """
    if not client.has_sidecar:
        return ""
    namespace = mesh.namespaces.get(client.namespace)
    marks = namespace.labels if namespace is not None else {}
    if INJECTION in marks:
        return ""
    return client.labels.get(REVISION_LABEL) or marks.get(REVISION_LABEL) or mesh.facts.revision


def _job(client: Workload, expectation: Expectation, image: str, revision: str) -> JSONObject:
    works = verdict(Outcome(expectation.outcome), None) is Verdict.WORKS
    sidecar = str(client.has_sidecar).lower()
    environment = {
        "URL": f"http://{expectation.host}:{expectation.port}/",
        "EXPECTED": "answered" if works else "refused",
        "SIDECAR": sidecar,
    }
    labels = {"app.kubernetes.io/name": "meshgate-probe", INJECT: sidecar}
    if revision:
        labels[REVISION_LABEL] = revision
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
            "podFailurePolicy": {
                "rules": [
                    {
                        "action": "FailJob",
                        "onExitCodes": {
                            "containerName": CONTAINER,
                            "operator": "In",
                            "values": [WRONG, UNTRIED],
                        },
                    }
                ]
            },
            "activeDeadlineSeconds": DEADLINE,
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "restartPolicy": "Never",
                    "serviceAccountName": client.service_account,
                    "automountServiceAccountToken": False,
                    "securityContext": {
                        "runAsNonRoot": True,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [
                        {
                            "name": CONTAINER,
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
                                "runAsUser": USER,
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
