"""A probe's Job under the real kustomize-controller: made once, and anew only when it changes.

`nox -s probes` runs this file after the calls. The artifact that source-controller would make of a
commit is served here, and what a Job controller would write of a Job that ends is written here. 0
where each Job is as it has to be, 1 where one is not.
"""

from __future__ import annotations

import datetime
import functools
import gzip
import hashlib
import io
import json
import sys
import tarfile
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from e2e.apiserver import LOOPBACK, Cluster, api_server, free_port
from e2e.build import ensure
from e2e.parts import program
from e2e.processes import Processes, answers, every
from e2e.tally import Tally
from meshgate import source
from meshgate.cluster.verify.probes import IMAGE, probes
from meshgate.errors import MeshgateError, ToolError
from meshgate.mesh import Mesh
from meshgate.model import Expectation, JSONObject, MeshFacts, Resource
from meshgate.schema.update.sources import FLUX_FILES, FLUX_VERSION, download

CONTROLLER = "kustomize-controller"
NAMESPACE, NAME, SPACE = "flux-system", "probes", "shop"
CRDS = "config/crd/bases"
REQUESTED = "reconcile.fluxcd.io/requestedAt"
# How often what is done is looked at again: an hour and a half at ten minutes each.
TIMES = 9
# Seconds.
RECONCILED = 60.0
INTERVAL = "2s"
FREE_RUNNING = 15.0


def jobs(image: str) -> list[JSONObject]:
    """The Jobs of two expectations, as `verify --probes` writes them."""
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "app", "ports": [{"containerPort": 8080}]}]},
    }
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    described = [
        thing("v1", "Namespace", SPACE, labels={"istio-injection": "enabled"}),
        thing("apps/v1", "Deployment", "web", spec={"template": template}),
        thing("v1", "Service", "web", spec={"selector": {"app": "web"}, "ports": ports}),
    ]
    calls = [
        Expectation(client=f"{SPACE}/web", to=f"web.{SPACE}.svc.cluster.local:80", outcome=outcome)
        for outcome in ("ok-mtls", "refused")
    ]
    return probes(Mesh(map(Resource.of, described), MeshFacts()), calls, image).jobs


def thing(api: str, kind: str, name: str, **content: object) -> JSONObject:
    meta: JSONObject = {"name": name, "labels": content.pop("labels", {})}
    if kind != "Namespace":
        meta["namespace"] = SPACE
    return {"apiVersion": api, "kind": kind, "metadata": meta, **content}


class Artifact(NamedTuple):
    """What source-controller keeps of a commit."""

    path: str
    digest: str
    size: int


def artifact(folder: Path, image: str) -> Artifact:
    """The Jobs with an image, packed as source-controller packs a folder."""
    text = source.dump(map(Resource.of, jobs(image))).encode()
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as tar,
    ):
        entry = tarfile.TarInfo("probes.yaml")
        entry.size, entry.mode = len(text), 0o644
        tar.addfile(entry, io.BytesIO(text))
    content = packed.getvalue()
    digest = hashlib.sha256(content).hexdigest()
    (folder / f"{digest}.tar.gz").write_bytes(content)
    return Artifact(f"{digest}.tar.gz", f"sha256:{digest}", len(content))


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address that artifacts are got from."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    server = ThreadingHTTPServer((LOOPBACK, 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Reconciler:
    """The controller, and the repository that it follows."""

    def __init__(self, cluster: Cluster, processes: Processes, folder: Path, url: str) -> None:
        self._cluster, self._folder, self._url = cluster, folder, url
        # It follows every kind of source, and starts with none where one is not defined.
        cluster.install(
            [download(module, FLUX_VERSION).folder / CRDS for module, _ in FLUX_FILES.values()]
        )
        spaces = [thing("v1", "Namespace", name) for name in (NAMESPACE, SPACE)]
        cluster.apply(*spaces)
        health = f"{LOOPBACK}:{free_port()}"
        self.process = processes.start(
            CONTROLLER,
            [
                program(CONTROLLER),
                f"--metrics-addr={LOOPBACK}:{free_port()}",
                f"--health-addr={health}",
                "--enable-leader-election=false",
            ],
            environment={
                "KUBECONFIG": str(cluster.kubeconfig),
                "RUNTIME_NAMESPACE": NAMESPACE,
                "HOME": str(folder),
            },
            cwd=folder,
        )
        self.process.wait_for(lambda: answers(f"http://{health}/healthz"), "it answered")

    def commit(self, image: str) -> None:
        """Have the repository at a commit with Jobs of this image."""
        made = artifact(self._folder, image)
        repository = {
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "GitRepository",
            "metadata": {"name": NAME, "namespace": NAMESPACE},
            "spec": {"interval": "1h", "url": "https://forge.example/mesh.git"},
        }
        kustomization = {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": {"name": NAME, "namespace": NAMESPACE},
            "spec": {
                "interval": INTERVAL,
                "path": "./",
                "prune": True,
                "wait": True,
                "timeout": "30s",
                "sourceRef": {"kind": "GitRepository", "name": NAME},
            },
        }
        self._cluster.apply(repository)
        now = stamp()
        revision = f"main@sha1:{hashlib.sha1(image.encode()).hexdigest()}"
        status = {
            "observedGeneration": 1,
            "artifact": {
                "path": made.path,
                "url": f"{self._url}/{made.path}",
                "revision": revision,
                "digest": made.digest,
                "size": made.size,
                "lastUpdateTime": now,
            },
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True",
                    "reason": "Succeeded",
                    "message": "stored",
                    "lastTransitionTime": now,
                    "observedGeneration": 1,
                }
            ],
        }
        self._patch_status("gitrepository", NAMESPACE, NAME, status)
        self._cluster.apply(kustomization)

    def reconcile(self) -> None:
        """Have it look at the cluster now, and wait until it has. Raises ToolError."""
        now = datetime.datetime.now(tz=datetime.UTC).isoformat()
        patch = json.dumps({"metadata": {"annotations": {REQUESTED: now}}})
        query = ("-n", NAMESPACE, "patch", "kustomization", NAME, "--type=merge", "-p", patch)
        self._cluster.kubectl(*query)
        for _ in every(0.2, RECONCILED):
            if self.status().get("lastHandledReconcileAt") == now:
                return
        raise ToolError("kustomize-controller did not reconcile", why=self.process.tail())

    def status(self) -> JSONObject:
        value = json.loads(
            self._cluster.kubectl("-n", NAMESPACE, "get", "kustomization", NAME, "-o", "json")
        )
        status: JSONObject = value.get("status") or {}
        return status

    def ready(self) -> str:
        """Whether the last reconciliation was well, and what it says."""
        conditions = self.status().get("conditions") or []
        return next(
            (
                f"{each['status']}: {each['message']}"
                for each in conditions
                if each["type"] == "Ready"
            ),
            "",
        )

    def jobs(self) -> dict[str, str]:
        """The uids of the Jobs, by name."""
        listed = json.loads(self._cluster.kubectl("-n", SPACE, "get", "jobs", "-o", "json"))
        return {each["metadata"]["name"]: each["metadata"]["uid"] for each in listed["items"]}

    def made(self, unlike: Sequence[str] = ()) -> dict[str, str]:
        """The Jobs when there are two, none of these. Raises ToolError."""
        found: dict[str, str] = {}
        for _ in every(0.3, RECONCILED):
            found = self.jobs()
            if len(found) == len(jobs(IMAGE)) and not set(unlike) & set(found.values()):
                return found
        raise ToolError(f"the Jobs are {found}; {self.ready()}", why=self.process.tail())

    def complete(self) -> None:
        """Write what the Job controller writes of a Job whose pod succeeded."""
        now = stamp()
        condition = {"status": "True", "lastProbeTime": now, "lastTransitionTime": now}
        for name in self.jobs():
            status = {
                "startTime": now,
                "completionTime": now,
                "succeeded": 1,
                "ready": 0,
                "terminating": 0,
                "uncountedTerminatedPods": {},
                "conditions": [
                    {"type": kind, "reason": "CompletionsReached", **condition}
                    for kind in ("SuccessCriteriaMet", "Complete")
                ],
            }
            self._patch_status("job", SPACE, name, status)

    def remove(self) -> None:
        """Delete the Jobs, as somebody does, or as a time to live would."""
        self._cluster.kubectl(
            "-n", SPACE, "delete", "jobs", "--all", "--wait=false", "--cascade=orphan"
        )
        # No garbage collector takes the finalizer away.
        for name in self.jobs():
            patch = '{"metadata": {"finalizers": null}}'
            self._cluster.try_kubectl(
                "-n", SPACE, "patch", "job", name, "--type=merge", "-p", patch
            )

    def _patch_status(self, kind: str, space: str, name: str, status: JSONObject) -> None:
        patch = (
            "patch",
            kind,
            name,
            "--subresource=status",
            "--type=merge",
            "-p",
            json.dumps({"status": status}),
        )
        self._cluster.kubectl("-n", space, *patch)


def stamp() -> str:
    return datetime.datetime.now(tz=datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def play(running: Reconciler) -> Iterator[tuple[str, str]]:
    """What is looked at, with what is wrong with it; empty: nothing."""
    running.commit(IMAGE)
    first = running.made()
    yield "Jobs are made once they are in git", ""
    running.complete()
    for _ in range(TIMES):
        running.reconcile()
    yield (
        f"done, and reconciled {TIMES} times",
        "" if running.jobs() == first else f"{first} -> {running.jobs()}",
    )
    began = datetime.datetime.now(tz=datetime.UTC)
    for _ in every(0.5, FREE_RUNNING):
        if running.jobs() != first:
            break
    waited = (datetime.datetime.now(tz=datetime.UTC) - began).seconds
    yield (
        f"done, and {waited} s with an interval of {INTERVAL}",
        "" if running.jobs() == first else str(running.jobs()),
    )
    yield (
        "the Kustomization is ready",
        "" if running.ready().startswith("True") else running.ready(),
    )
    running.commit(f"{IMAGE}-other")
    second = running.made(unlike=[*first.values()])
    yield "a Job that changes is made anew", "" if set(second) == set(first) else str(second)
    running.complete()
    running.reconcile()
    yield "and stays", "" if running.jobs() == second else str(running.jobs())
    running.remove()
    running.reconcile()
    third = running.made(unlike=[*second.values()])
    yield (
        "one that was deleted is made anew, as one with a time to live would be",
        "" if set(third) == set(first) else str(third),
    )


def main() -> int:
    """Run the controller, and look at what it does."""
    tally = Tally()
    try:
        ensure((CONTROLLER,))
        with (
            tempfile.TemporaryDirectory(prefix="meshgate-probes-") as name,
            api_server(Path(name) / "cluster", istio=False) as cluster,
            serving(Path(name)) as url,
            Processes(Path(name) / "logs") as processes,
        ):
            for what, problem in play(Reconciler(cluster, processes, Path(name), url)):
                tally.add(what, problem)
    except MeshgateError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    sys.stdout.write(f"Flux: {tally.played} looks, {tally.wrong} wrong\n")
    return tally.code


if __name__ == "__main__":
    raise SystemExit(main())
