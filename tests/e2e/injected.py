"""What Istio's injector makes of the Jobs of `verify --probes` (`nox -s probes`, after the calls).

A real API server asks two real istiods by the webhooks of their chart: one of the default revision
with ordinary sidecars, one of the revision `canary` with native ones. The pod that the API server
would make of a Job's template is what the Job's script has to work in. 0 where it is, 1 where not.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from e2e import apiserver, istiod, sandbox
from e2e.apiserver import LOOPBACK, Cluster
from e2e.istiod import HOST, ROOT, Istiod
from e2e.parts import parts
from e2e.processes import Processes, every
from e2e.sidecars import HEALTH, USER
from e2e.tally import Tally
from meshgate.cluster.verify.probes import CONTAINER, probes
from meshgate.errors import ToolError
from meshgate.mesh import Mesh
from meshgate.model import JSON, Expectation, JSONObject, MeshFacts, Resource
from meshgate.process import run
from meshgate.schema.update.sources import download
from meshgate.tools import installed

PARTS = (*apiserver.PARTS, "istio")
CHART = "manifests/charts/istio-control/istio-discovery"
TEMPLATES = ("templates/mutatingwebhook.yaml", "templates/istiod-injector-configmap.yaml")
DEFAULT, CANARY = istiod.DEFAULT_REVISION, "canary"
PROXY, INIT = "istio-proxy", "istio-init"
ASKED_FOR = "sidecar.istio.io/inject"
RENDERED_WITHIN = 60.0
# Seconds within which the API server asks a webhook that it was told of.
ASKED_WITHIN = 20.0


class Client(NamedTuple):
    """A workload whose probes are injected, and what has to come of it.

    by  the revision that injects its probe; empty: none does
    """

    namespace: str
    marks: JSONObject
    own: JSONObject
    by: str
    facts: MeshFacts = MeshFacts()


CLIENTS = (
    Client("enabled", {"istio-injection": "enabled"}, {}, DEFAULT),
    Client("revised", {"istio.io/rev": CANARY}, {}, CANARY),
    Client("stated", {"istio.io/rev": CANARY}, {}, CANARY, MeshFacts(revision=CANARY)),
    # No namespace says it: the client's own labels do, and those of its revision.
    Client("plain", {}, {ASKED_FOR: "true"}, DEFAULT),
    Client("plain-stated", {}, {ASKED_FOR: "true"}, CANARY, MeshFacts(revision=CANARY)),
    Client("plain-revised", {}, {ASKED_FOR: "true", "istio.io/rev": CANARY}, CANARY),
    # `istio-injection` comes before a revision.
    Client("both", {"istio-injection": "enabled", "istio.io/rev": CANARY}, {}, DEFAULT),
    Client("without", {"istio-injection": "enabled"}, {ASKED_FOR: "false"}, ""),
)


def probe_of(client: Client) -> JSONObject:
    """The pod that is made of the probe of a client's call to itself."""
    template = {
        "metadata": {"labels": {"app": "web", **client.own}},
        "spec": {"containers": [{"name": "app", "ports": [{"containerPort": 8080}]}]},
    }
    selector = {"app": "web"}
    port = {"name": "http", "port": 80, "targetPort": 8080}
    described: list[JSONObject] = [
        namespace(client),
        thing(
            "apps/v1", "Deployment", client, selector={"matchLabels": selector}, template=template
        ),
        thing("v1", "Service", client, selector=selector, ports=[port]),
    ]
    outcome = "ok-mtls" if client.by else "ok-plaintext"
    expectation = Expectation(
        client=f"{client.namespace}/web",
        to=f"web.{client.namespace}.svc.cluster.local:80",
        outcome=outcome,
    )
    written = probes(Mesh(map(Resource.of, described), client.facts), [expectation])
    if not written.jobs:
        raise ToolError(f"{client.namespace}: there is no Job: {written.untried}")
    made = written.jobs[0]["spec"]["template"]
    meta = {**made["metadata"], "name": "probe", "namespace": client.namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": made["spec"]}


def namespace(client: Client) -> JSONObject:
    meta = {"name": client.namespace, "labels": client.marks}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": meta}


def thing(api: str, kind: str, client: Client, **spec: JSON) -> JSONObject:
    meta = {"name": "web", "namespace": client.namespace}
    return {"apiVersion": api, "kind": kind, "metadata": meta, "spec": spec}


def chart(revision: str) -> list[JSONObject]:
    """The webhook of a revision and what it injects, as Istio's chart has them."""
    part = parts()["istio"]
    folder = download(part.module, f"v{part.version}").folder / CHART
    own = "" if revision == DEFAULT else revision
    shown = [argument for each in TEMPLATES for argument in ("--show-only", each)]
    argv = [str(installed("helm")), "template", "istiod", str(folder), "--namespace", ROOT]
    done = run([*argv, "--set", f"revision={own}", *shown], timeout=RENDERED_WITHIN)
    if done.code:
        raise ToolError(f"the chart of istiod {revision} cannot be rendered", why=done.stderr)
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def injecting(revision: str, running: Istiod, bundle: str) -> JSONObject:
    """The webhooks of a revision, which ask this istiod."""
    (value,) = (each for each in chart(revision) if each["kind"] == "MutatingWebhookConfiguration")
    url = f"https://{HOST}:{running.webhook}/inject"
    for webhook in value["webhooks"]:
        webhook["clientConfig"] = {"url": url, "caBundle": bundle}
    return value


def made_of(cluster: Cluster, pod: JSONObject) -> JSONObject:
    """What the API server would make of a pod."""
    command = ("create", "--dry-run=server", "--output=json", "-f", "-")
    value: JSONObject = json.loads(cluster.kubectl(*command, stdin=json.dumps(pod).encode()))
    return value


def injected_by(pod: JSONObject) -> str:
    """The revision that a pod was injected by, as the injector writes it; empty: none."""
    status = (pod["metadata"].get("annotations") or {}).get("sidecar.istio.io/status")
    return str(json.loads(status)["revision"]) if status else ""


def faults(pod: JSONObject, *, native: bool) -> list[str]:
    """What in an injected pod is not as the Job's script has it."""
    spec = pod["spec"]
    containers = {each["name"]: each for each in spec["containers"]}
    init = {each["name"]: each for each in spec.get("initContainers") or ()}
    found = []
    if (PROXY in init, PROXY in containers) != (native, not native):
        return [f"its sidecar stands in {'initContainers' if PROXY in init else 'containers'}"]
    proxy = init.get(PROXY) or containers[PROXY]
    if native and proxy.get("restartPolicy") != "Always":
        found.append("its sidecar keeps the pod from going on")
    if proxy["readinessProbe"]["httpGet"]["port"] != HEALTH:
        found.append(f"its sidecar says elsewhere that it is ready: {proxy['readinessProbe']}")
    if proxy["securityContext"].get("runAsUser") != USER:
        found.append(f"its sidecar runs as {proxy['securityContext'].get('runAsUser')}")
    call = containers.get(CONTAINER) or {}
    if (call.get("securityContext") or {}).get("runAsUser") == USER:
        found.append("its calls would pass by the sidecar")
    if "-c" not in (call.get("command") or ()):
        found.append("its command is another")
    if INIT in init and init[INIT]["securityContext"].get("runAsNonRoot") is not False:
        found.append("the pod is not let redirect its traffic: no container of it may be root")
    if (
        native
        and [each["name"] for each in spec["initContainers"]].index(PROXY) == 0
        and INIT in init
    ):
        found.append("its sidecar starts before its traffic is redirected")
    if spec["restartPolicy"] != "Never":
        found.append(f"its pod is restarted: {spec['restartPolicy']}")
    return found


def judged(cluster: Cluster, client: Client, expected: str) -> str:
    """What is wrong with what becomes of a probe; empty: nothing."""
    pod = made_of(cluster, probe_of(client))
    by = injected_by(pod)
    if by != expected:
        return f"it was injected by {by or 'nobody'}, not by {expected or 'nobody'}"
    if not by:
        names = {
            each["name"]
            for each in (*pod["spec"]["containers"], *pod["spec"].get("initContainers", ()))
        }
        return f"it has {', '.join(sorted(names))}" if names != {CONTAINER} else ""
    return "; ".join(faults(pod, native=by == CANARY))


def settled(cluster: Cluster, client: Client, expected: str) -> str:
    """As `judged`, when the API server has taken up its webhooks."""
    problem = ""
    for _ in every(0.5, ASKED_WITHIN):
        problem = judged(cluster, client, expected)
        if not problem:
            return ""
    return problem


def inside(folder: Path, words: Sequence[str]) -> int:
    """In the sandbox: two control planes, and what becomes of each probe before them."""
    del words
    tally = Tally()
    sandbox.furnish(folder)
    sandbox.name_hosts(folder, {HOST: LOOPBACK})
    with Processes(folder / "logs") as processes:
        cluster = apiserver.start(processes, folder, LOOPBACK)
        cluster.install(apiserver.istio_definitions())
        cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ROOT}})
        cluster.apply(*map(namespace, CLIENTS))
        accounts = [
            {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {"name": "default", "namespace": each.namespace},
            }
            for each in CLIENTS
        ]
        # Of each revision what it injects, before its istiod looks for it.
        maps = [
            each
            for revision in (DEFAULT, CANARY)
            for each in chart(revision)
            if each["kind"] == "ConfigMap"
        ]
        cluster.apply(*accounts, *maps)
        webhooks = {}
        for revision, native in ((DEFAULT, "false"), (CANARY, "true")):
            running = istiod.start(
                *(processes, folder, cluster, LOOPBACK),
                revision=revision,
                environment={"ENABLE_NATIVE_SIDECARS": native},
            )
            bundle = base64.b64encode(istiod.root_certificate(cluster, ROOT).encode()).decode()
            webhooks[revision] = injecting(revision, running, bundle)
        cluster.apply(*webhooks.values())
        for client in CLIENTS:
            tally.add(
                f"{client.namespace}: injected by {client.by or 'nobody'}",
                settled(cluster, client, client.by),
            )
        # A mesh of one revision: the other has no webhook.
        for there, gone in ((DEFAULT, CANARY), (CANARY, DEFAULT)):
            cluster.delete(webhooks[gone])
            for client in CLIENTS:
                expected = client.by if client.by == there else ""
                tally.add(
                    f"{client.namespace}, {there} alone: {expected or 'nobody'}",
                    settled(cluster, client, expected),
                )
            cluster.apply(webhooks[gone])
    sys.stdout.write(f"{tally.played} pods, {tally.wrong} wrong\n")
    return tally.code


if __name__ == "__main__":
    raise SystemExit(sandbox.lead(sys.argv[1:], PARTS, inside))
