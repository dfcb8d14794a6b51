"""The script of the probes, run by a shell with a real curl against servers that answer oddly."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from live_objects import deployment, namespace, service
from meshgate.cluster.kinds import ALL
from meshgate.cluster.verify.probes import SCRIPT, probes
from meshgate.mesh import Mesh
from meshgate.model import Expectation, JSONObject, MeshFacts, Resource

VERSIONS = {kind.kind: kind.api_version for kind in reversed(ALL)}
RESET = "reset"
ENVOY = "upstream connect error or disconnect/reset before headers. "


def http(status: str, body: str = "", server: str = "envoy") -> str:
    return (
        f"HTTP/1.1 {status}\r\nserver: {server}\r\ncontent-length: {len(body)}\r\n"
        f"connection: close\r\n\r\n{body}"
    )


@contextmanager
def serving(answer: str) -> Iterator[int]:
    """A port whose every connection gets this answer, or is reset."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(4096)
                if answer == RESET:
                    linger = struct.pack("ii", 1, 0)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                else:
                    connection.sendall(answer.encode())

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def probe(url: str, expected: str, *, sidecar: str = "false") -> tuple[int, str]:
    """How the Job ends, and what its log says last."""
    environment = {"URL": url, "EXPECTED": expected, "SIDECAR": sidecar, "PAUSE": "0", "WAIT": "1"}
    done = subprocess.run(
        ["sh", "-c", SCRIPT],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()[-1]


REFUSED = {
    "the server's sidecar resets plaintext": RESET,
    "an empty answer": "",
    "the client's sidecar was reset": http(
        "503 Service Unavailable", f"{ENVOY}reset reason: connection termination"
    ),
    "a certificate that does not fit": http(
        "503 Service Unavailable",
        f"{ENVOY}reset reason: remote connection failure, transport failure reason: TLS error",
    ),
    "authorization": http("403 Forbidden", "RBAC: access denied"),
}
UNTRIED = {
    "an application's own 503": http("503 Service Unavailable", "try later", "nginx"),
    "a closed port": http(
        "503 Service Unavailable",
        f"{ENVOY}retried and the latest reset reason: remote connection failure, transport "
        "failure reason: delayed connect error: Connection refused",
    ),
    # As Envoy 1.40 answers, by `nox -s probes`.
    "a closed port before a sidecar": http(
        "503 Service Unavailable",
        f"{ENVOY}retried and the latest reset reason: remote connection failure",
        "istio-envoy",
    ),
    "a closed port of a pod without a sidecar": http(
        "503 Service Unavailable", f"{ENVOY}reset reason: remote connection failure"
    ),
    "a port that times out": http(
        "503 Service Unavailable", f"{ENVOY}reset reason: connection timeout"
    ),
    "no endpoint": http("503 Service Unavailable", "no healthy upstream"),
    "no cluster": http("502 Bad Gateway", ""),
    "no route": http("404 Not Found", ""),
}
APPLICATION_404 = http("404 Not Found", "", "istio-envoy").replace(
    "connection", "x-envoy-upstream-service-time: 3\r\nconnection"
)


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.sampled(every=2)
def test_what_a_sidecar_refuses(what: str) -> None:
    with serving(REFUSED[what]) as port:
        code, told = probe(f"http://127.0.0.1:{port}/", "refused")
        assert (code, ": refused: " in told) == (0, True), told
        assert probe(f"http://127.0.0.1:{port}/", "answered")[0] == 1


@pytest.mark.parametrize("what", UNTRIED)
@pytest.mark.sampled(every=2)
def test_what_says_nothing_of_the_mesh(what: str) -> None:
    with serving(UNTRIED[what]) as port:
        code, told = probe(f"http://127.0.0.1:{port}/", "refused")
    assert code == 2, told
    assert "nothing was tried: " in told


@pytest.mark.parametrize("url", ["http://no-such-host.invalid/", "http://127.0.0.1:1/"])
@pytest.mark.parametrize("expected", ["refused", "answered"])
def test_no_host_and_no_port_are_no_refusal(url: str, expected: str) -> None:
    code, told = probe(url, expected)

    assert code == 2, told
    assert "nothing was tried: " in told


@pytest.mark.parametrize(
    "answer",
    [
        http("200 OK", "hello"),
        http("404 Not Found", server="nginx"),
        http("404 Not Found", "no such page"),
        http("404 Not Found", "ended 404"),
        APPLICATION_404,
        UNTRIED["an application's own 503"],
    ],
)
def test_an_application_answers(answer: str) -> None:
    with serving(answer) as port:
        assert probe(f"http://127.0.0.1:{port}/", "answered")[0] == 0
        assert probe(f"http://127.0.0.1:{port}/", "refused")[0] in {1, 2}


def test_a_sidecar_that_is_never_there_ends_with_a_message() -> None:
    code, told = probe("http://127.0.0.1:1/", "answered", sidecar="true")

    assert code == 3
    assert "this pod has no sidecar that is ready" in told
    assert "istio.io/rev" in told


def test_no_route_is_no_answer() -> None:
    """The client's own sidecar says so, and nobody was called."""
    with serving(UNTRIED["no route"]) as port:
        assert probe(f"http://127.0.0.1:{port}/", "answered")[0] == 2


def test_a_sidecar_that_is_not_ready_is_ended_with_the_pod() -> None:
    """Else the pod runs until its Job's deadline, which takes the log along."""
    assert "exit 3" not in SCRIPT
    assert SCRIPT.count("end 3") == 1


def test_a_job_has_time_for_all_that_it_tries() -> None:
    """What the script waits and calls at most, for each pod, and Kubernetes between them."""
    (job,) = jobs(MeshFacts(), {"istio-injection": "enabled"})
    spec = job["spec"]
    waits, calls, pauses = 60 * (1 + 1), 5 * 5, 5 * 5
    pods = spec["backoffLimit"] + 1
    assert spec["activeDeadlineSeconds"] >= pods * (waits + calls + pauses) + 10 + 20
    (rule,) = spec["podFailurePolicy"]["rules"]
    (container,) = spec["template"]["spec"]["containers"]
    assert rule["action"] == "FailJob"
    assert rule["onExitCodes"]["containerName"] == container["name"]
    # 3 is of a pod without a sidecar: the next one may have it.
    assert rule["onExitCodes"]["values"] == [1, 2]


def test_a_probe_is_its_client_to_policies_and_to_no_service() -> None:
    (job,) = jobs(MeshFacts(), {"istio-injection": "enabled"})
    template = job["spec"]["template"]

    assert template["spec"]["serviceAccountName"] == "web"
    assert template["spec"]["automountServiceAccountToken"] is False
    assert "app" not in template["metadata"]["labels"]


def jobs(facts: MeshFacts, *marks: JSONObject, **own: str) -> list[JSONObject]:
    """Probes of a call within a namespace that has these labels, of a client with its own."""
    web = deployment("shop", "web", labels=dict(own))
    objects = [namespace("shop", **(marks[0] if marks else {})), web, service("shop", "web")]
    listed = [Resource.of({**each, "apiVersion": VERSIONS[each["kind"]]}) for each in objects]
    expectation = Expectation(
        client="shop/web", to="web.shop.svc.cluster.local:80", outcome="ok-mtls"
    )
    return probes(Mesh(listed, facts), [expectation]).jobs


@pytest.mark.parametrize(
    ("facts", "marks", "own", "revision"),
    [
        (MeshFacts(), {"istio-injection": "enabled"}, {}, None),
        (MeshFacts(), {"istio.io/rev": "canary"}, {}, "canary"),
        (MeshFacts(revision="v2"), {"istio.io/rev": "v2"}, {}, "v2"),
        (
            MeshFacts(),
            {},
            {"istio.io/rev": "canary", "sidecar.istio.io/inject": "true"},
            "canary",
        ),
    ],
    ids=range(4),
)
def test_a_probe_has_the_revision_of_its_client(
    facts: MeshFacts, marks: JSONObject, own: dict[str, str], revision: str | None
) -> None:
    (job,) = jobs(facts, marks, **own)

    labels = job["spec"]["template"]["metadata"]["labels"]
    assert labels.get("istio.io/rev") == revision
    assert labels["sidecar.istio.io/inject"] == "true"


def test_a_probe_stays_until_it_changes() -> None:
    """Flux makes anew what is gone: a Job with a time to live would run every ten minutes."""
    (job,) = jobs(MeshFacts(), {"istio-injection": "enabled"})

    assert "ttlSecondsAfterFinished" not in job["spec"]
