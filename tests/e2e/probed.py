"""Run the Jobs of `verify --probes` in pods of the lab, with real sidecars (`nox -s probes`).

`python tests/e2e/probed.py [WORD...]`: with words, only cases whose name has one of them. 0 where
each Job ended as it has to, 1 where one did not. A pod of the lab runs the Job's own command with
its own environment, as its own user; nothing else of the Job is played.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from e2e import sandbox, sidecars
from e2e.apps import App
from e2e.comparison import model, objects
from e2e.lab import PARTS, Lab, hosts, lab
from e2e.network import GATEWAY, Pod, entering, run_or_raise
from e2e.objects import Port, Service
from e2e.sidecars import Sidecar
from e2e.tally import Tally
from meshgate.cluster.verify.probes import USER, probes
from meshgate.errors import ToolError
from meshgate.model import Expectation, JSONObject, MeshFacts
from meshgate.process import run

APP_UI = Pod("app-ui", "web", "10.77.0.11", sidecar=True)
BOARDS = Pod("boards", "boards", "10.77.0.12", sidecar=True)
DATABASE = Pod("boards-db", "boards", "10.77.0.13", sidecar=False)
ROGUE = Pod("rogue", "lobby", "10.77.0.14", sidecar=False)
PODS = (APP_UI, BOARDS, DATABASE, ROGUE)
# A port that the application listens on, one with an application that is busy, one that is closed,
# one with one that knows no page.
OPEN, BUSY, CLOSED, LOST = 8080, 9503, 8099, 9404
PORTS = tuple(Port(f"http-{number}", number, number) for number in (OPEN, BUSY, CLOSED, LOST))
SERVED = (
    Service("boards", (BOARDS,), PORTS, "10.96.1.1"),
    Service("boards-db", (DATABASE,), PORTS, "10.96.1.2"),
)
WEB_HOST = SERVED[0].host
# In the cluster, and in no hosts file.
NAMELESS = Service("nameless", (BOARDS,), PORTS, "10.96.1.3")

ANSWERED, REFUSED = "ok-mtls", "refused"
PASSES, FAILS, UNTRIED, NO_SIDECAR = 0, 1, 2, 3
# Seconds.
PATIENCE = 90.0
NEVER = "3"
ENDS_WITHIN = 30.0
# What is applied is in every Envoy, but connections of before live on for some requests.
SETTLED = 2.0


class Case(NamedTuple):
    """One call that a Job makes, and how the Job has to end."""

    name: str
    client: Pod
    service: Service
    port: int
    outcome: str
    code: int
    says: str
    objects: tuple[JSONObject, ...] = ()


def strict(mode: str = "STRICT") -> JSONObject:
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": {"name": "default", "namespace": "boards"},
        "spec": {"mtls": {"mode": mode}},
    }


def sent(host: str, mode: str) -> JSONObject:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "sent", "namespace": "web"},
        "spec": {"host": host, "trafficPolicy": {"tls": {"mode": mode}}},
    }


def routed(prefix: str) -> JSONObject:
    """A VirtualService that knows one path, and no probe's."""
    match, route = {"uri": {"prefix": prefix}}, {"destination": {"host": WEB_HOST}}
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "routed", "namespace": "web"},
        "spec": {"hosts": [WEB_HOST], "http": [{"match": [match], "route": [route]}]},
    }


DENIED: JSONObject = {
    "apiVersion": "security.istio.io/v1",
    "kind": "AuthorizationPolicy",
    "metadata": {"name": "nobody", "namespace": "boards"},
    "spec": {},
}
WEB, DATA = SERVED
RESET = "refused: the connection was made and reset"
OF_SIDECAR = "refused: HTTP 503 of the sidecar: the connection was reset"
CASES = (
    Case("strict resets plaintext", ROGUE, WEB, OPEN, REFUSED, PASSES, RESET, (strict(),)),
    Case("and is no answer", ROGUE, WEB, OPEN, "ok-plaintext", FAILS, RESET, (strict(),)),
    Case("mutual TLS is answered", APP_UI, WEB, OPEN, ANSWERED, PASSES, "answered", (strict(),)),
    Case("and is no refusal", APP_UI, WEB, OPEN, REFUSED, FAILS, "answered", (strict(),)),
    Case(
        *("a sidecar that sends plaintext is reset", APP_UI, WEB, OPEN, REFUSED, PASSES),
        OF_SIDECAR,
        (strict(), sent(WEB.host, "DISABLE")),
    ),
    # Envoy says the same of a port that is closed.
    Case(
        *("a sidecar that sends TLS to none", APP_UI, DATA, OPEN, REFUSED, UNTRIED),
        "no port of a pod answers, or not to TLS",
        (sent(DATA.host, "ISTIO_MUTUAL"),),
    ),
    Case(
        *("authorization denies", APP_UI, WEB, OPEN, REFUSED, PASSES),
        "refused: HTTP 403: RBAC: access denied",
        (strict(), DENIED),
    ),
    Case("no such host, sidecar", APP_UI, NAMELESS, OPEN, REFUSED, UNTRIED, "no such host"),
    Case("no such host", ROGUE, NAMELESS, OPEN, REFUSED, UNTRIED, "no such host"),
    Case("closed port", ROGUE, DATA, CLOSED, REFUSED, UNTRIED, "nothing listens there"),
    Case(
        *("closed port before a sidecar", ROGUE, WEB, CLOSED, REFUSED, UNTRIED),
        "no port of a pod answers",
        (strict("PERMISSIVE"),),
    ),
    Case(
        *("closed port, by sidecars", APP_UI, WEB, CLOSED, REFUSED, UNTRIED),
        "no port of a pod answers",
        (strict(),),
    ),
    Case(
        *("closed port, by the client's sidecar", APP_UI, DATA, CLOSED, REFUSED, UNTRIED),
        "no port of a pod answers",
    ),
    Case(
        *("an application's own 503", APP_UI, WEB, BUSY, REFUSED, UNTRIED),
        "HTTP 503 of the application itself",
        (strict(),),
    ),
    Case(
        *("no route leads there", APP_UI, WEB, OPEN, ANSWERED, UNTRIED),
        "HTTP 404 of the sidecar",
        (strict(), routed("/elsewhere")),
    ),
    Case(
        *("an application's own 404", APP_UI, WEB, LOST, ANSWERED, PASSES),
        "answered: HTTP 404",
        (strict(),),
    ),
    Case("its 503 is an answer", APP_UI, WEB, BUSY, ANSWERED, PASSES, "answered", (strict(),)),
    Case(
        *("its 503 in plaintext", ROGUE, DATA, BUSY, REFUSED, UNTRIED),
        "HTTP 503 of the application itself",
    ),
)

ANSWERED_BY_MTLS = next(case for case in CASES if case.name == "mutual TLS is answered")


class Busy(App):
    """An application that has no time."""

    def _response(self, request: bytes) -> bytes:
        del request
        return b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 5\r\n\r\nlater"


class Lost(App):
    """An application that knows no page, and says so without a word."""

    def _response(self, request: bytes) -> bytes:
        del request
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class Ended(NamedTuple):
    """How a Job's pod ended: its code, and the last line of its log."""

    code: int
    says: str


def job(running: Lab, case: Case) -> JSONObject:
    """The Job of a case, as `verify --probes` writes it. Raises ToolError where there is none."""
    expectation = Expectation(
        client=str(case.client), to=f"{case.service.host}:{case.port}", outcome=case.outcome
    )
    written = probes(model(objects(running), MeshFacts()), [expectation])
    if not written.jobs:
        raise ToolError(f"{case.name}: there is no Job: {written.untried}")
    return written.jobs[0]


def ended(pod: Pod, probe: JSONObject, extra: Mapping[str, str] | None = None) -> Ended:
    """Run the container of a Job in a pod of the lab, as its own user."""
    (container,) = probe["spec"]["template"]["spec"]["containers"]
    user = str(container["securityContext"]["runAsUser"])
    given = {each["name"]: each["value"] for each in container["env"]}
    done = run(
        [
            *entering(pod),
            *("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"),
            *container["command"],
        ],
        environment={"PATH": os.environ["PATH"], "PAUSE": "1", **given, **(extra or {})},
        timeout=PATIENCE,
    )
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    return Ended(done.code, lines[-1] if lines else done.stderr)


def play(running: Lab, case: Case) -> str:
    """What is wrong with how a case ended; empty: nothing."""
    running.rest.apply(*case.objects)
    try:
        running.settle()
        time.sleep(SETTLED)
        found = ended(case.client, job(running, case))
    finally:
        running.rest.delete(*case.objects)
    if (found.code, case.says in found.says) == (case.code, True):
        return ""
    return f"ended with {found.code}, not {case.code}, and said: {found.says}"


def keeps_sidecars(pod: Pod, verb: str) -> None:
    """Let a probe's request to end its sidecar come to nothing, or (`-D`) pass again."""
    # Of the Job's user alone: Envoy asks its agent there whether it is ready.
    asked = ("-m", "owner", "--uid-owner", str(USER), "-p", "tcp", "--dport", "15020")
    run_or_raise([*entering(pod), "iptables", verb, "OUTPUT", *asked, "-j", "REJECT"])


def ends_its_sidecar(running: Lab) -> str:
    """A Job in a pod whose sidecar is an ordinary container: the pod must end, and succeed."""
    keeps_sidecars(APP_UI, "-D")
    running.rest.apply(strict())
    running.settle()
    found = ended(APP_UI, job(running, ANSWERED_BY_MTLS))
    if found.code:
        return f"ended with {found.code}: {found.says}"
    code = sidecar_of(running, APP_UI).process.ended(ENDS_WITHIN)
    if code is None:
        return "its sidecar goes on, and so does the pod"
    # A container that fails makes the pod fail, whatever the call's container said.
    return f"its sidecar ended with {code}, and the pod failed" if code else ""


def ends_beside_a_native_sidecar(running: Lab) -> str:
    """A sidecar that is an init container with `restartPolicy: Always`, as the kubelet has it.

    It is started anew when it ends, and ended when the call's container has. The call must succeed
    before, its request to end may do no harm, and the one that is started anew must end.
    """
    before = running.restart(APP_UI)
    before.process.wait_for(before.is_ready, "its Envoy was ready")
    found = ended(APP_UI, job(running, ANSWERED_BY_MTLS))
    if found.code:
        return f"ended with {found.code}: {found.says}"
    # The kubelet starts it anew, and the pod is about to end.
    ended_itself = before.process.ended(ENDS_WITHIN) is not None
    after = running.restart(APP_UI) if ended_itself else before
    after.process.terminate()
    if after.process.ended(ENDS_WITHIN) is None:
        return "its sidecar does not end when the kubelet ends it"
    # A pod of the next attempt finds everything as the first one did.
    again = running.restart(APP_UI)
    again.process.wait_for(again.is_ready, "its Envoy was ready")
    found = ended(APP_UI, job(running, ANSWERED_BY_MTLS))
    return f"then ended with {found.code}: {found.says}" if found.code else ""


def not_ready(running: Lab) -> str:
    """An ordinary sidecar that never gets a configuration: it must end with the Job, too."""
    old = sidecar_of(running, APP_UI)
    old.process.terminate()
    old.process.ended(ENDS_WITHIN)
    keeps_from_istiod(APP_UI, "-I")
    try:
        waiting = running.restart(APP_UI)
        found = ended(APP_UI, job(running, ANSWERED_BY_MTLS), {"WAIT": NEVER})
        if found.code != NO_SIDECAR:
            return f"ended with {found.code}: {found.says}"
        goes_on = waiting.process.ended(ENDS_WITHIN) is None
        return "its sidecar goes on until the Job's deadline" if goes_on else ""
    finally:
        keeps_from_istiod(APP_UI, "-D")


def sidecar_of(running: Lab, pod: Pod) -> Sidecar:
    (found,) = (each for each in running.sidecars if each.pod == pod)
    return found


def keeps_from_istiod(pod: Pod, verb: str) -> None:
    """Let nothing of a pod's agent reach istiod, or (`-D`) again."""
    asked = ("-m", "owner", "--uid-owner", str(sidecars.USER), "-d", GATEWAY, "-p", "tcp")
    run_or_raise([*entering(pod), "iptables", verb, "OUTPUT", *asked, "-j", "REJECT"])


def never_there(running: Lab) -> str:
    """A Job that expects a sidecar, in a pod that has none."""
    found = ended(ROGUE, job(running, ANSWERED_BY_MTLS), {"WAIT": NEVER})
    if found.code == NO_SIDECAR and "this pod has no sidecar that is ready" in found.says:
        return ""
    return f"ended with {found.code}: {found.says}"


def inside(folder: Path, words: Sequence[str]) -> int:
    """In the sandbox: bring the lab up, and run every Job."""
    began = time.monotonic()
    tally = Tally()
    with lab(folder, PODS, (*SERVED, NAMELESS)) as running:
        sandbox.name_hosts(folder, hosts(SERVED))
        running.apps += [Busy(BOARDS, (BUSY,)), Busy(DATABASE, (BUSY,)), Lost(BOARDS, (LOST,))]
        keeps_sidecars(APP_UI, "-I")
        for case in CASES:
            if not words or any(word in case.name for word in words):
                tally.add(case.name, play(running, case))
        if not words:
            tally.add("a sidecar that is never there", never_there(running))
            tally.add("the sidecar ends with the Job", ends_its_sidecar(running))
            tally.add("a native sidecar", ends_beside_a_native_sidecar(running))
            tally.add("a sidecar that is never ready ends with the Job", not_ready(running))
    sys.stdout.write(
        f"{tally.played} Jobs, {tally.wrong} wrong, {time.monotonic() - began:.0f} s\n"
    )
    return tally.code


if __name__ == "__main__":
    raise SystemExit(sandbox.lead(sys.argv[1:], PARTS, inside))
