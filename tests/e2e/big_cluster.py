"""A cluster of 3,000 workloads in 300 namespaces with odd content: `nox -s cluster -- big`.

A real API server and etcd without controllers, so that ReplicaSets and Pods are created here, too.
Prints what capture and verify take, and ends with 1 where one of them does not end as it should.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import urllib3

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from e2e.apiserver import Cluster, api_server
from live_objects import containers, proxy
from meshgate import source
from meshgate.cli import init as init_command
from meshgate.mesh import Mesh
from meshgate.model import JSON, JSONObject, MeshFacts
from meshgate.process import run

WRITERS = 16
APPS = 10  # workloads of a namespace
# Lines that a person reads of `verify`.
SCREEN = 40
KINDS = ("Deployment", "StatefulSet", "Rollout", "Operator")
PLURALS = {
    "Namespace": "/api/v1/namespaces",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "Service": "/api/v1/namespaces/{}/services",
    "Pod": "/api/v1/namespaces/{}/pods",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "StatefulSet": "/apis/apps/v1/namespaces/{}/statefulsets",
    "ReplicaSet": "/apis/apps/v1/namespaces/{}/replicasets",
}


def objects(namespaces: int) -> Iterator[JSONObject]:
    """Everything of the namespaces, in an order in which it can be created."""
    for number in range(namespaces):
        space = f"team-{number:03}"
        labels = {"istio-injection": "enabled"} if number % 3 else {"istio.io/rev": "default"}
        yield thing("v1", "Namespace", "", space, labels=labels)
        # No controller makes it.
        yield thing("v1", "ServiceAccount", space, "default")
        for app in range(APPS):
            yield from workload(space, f"app-{app}", KINDS[app % len(KINDS)])


def workload(space: str, name: str, kind: str) -> Iterator[JSONObject]:
    """A Service, what makes its pods, and one pod: injected by hand, or not at all."""
    own = {"app": name, "odd": "x" * 63}
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    yield thing("v1", "Service", space, name, spec={"selector": {"app": name}, "ports": ports})
    template = {"metadata": {"labels": own}, "spec": {"containers": plain(name)}}
    spec = {"selector": {"matchLabels": {"app": name}}, "template": template, "replicas": 0}
    maker = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{name}-6d5f"}
    if kind == "StatefulSet":
        yield thing("apps/v1", kind, space, name, spec={**spec, "serviceName": name})
        maker = {"apiVersion": "apps/v1", "kind": kind, "name": name}
    else:
        owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
        if kind == "Rollout":
            owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": name}
        else:
            custom = {"apiVersion": "acme.example/v1", "kind": "App", "name": "all"}
            owners = [custom] if kind == "Operator" else []
            yield thing("apps/v1", "Deployment", space, name, owners=owners, spec=spec)
        hashed = {**own, "pod-template-hash": "6d5f"}
        inner = {**template, "metadata": {"labels": hashed}}
        yield thing(
            *("apps/v1", "ReplicaSet", space, f"{name}-6d5f"),
            labels=hashed,
            owners=[owner],
            spec={**spec, "selector": {"matchLabels": hashed}, "template": inner},
        )
        own = hashed
    sidecar = [] if name.endswith("7") else [{**proxy("sidecar"), "image": "proxyv2"}]
    yield thing(
        *("v1", "Pod", space, f"{maker['name']}-0"),
        labels=own,
        owners=[maker],
        annotations={"note": "line\nbreak ::error::x", "big": "y" * 2000},
        spec={"containers": [*plain(name), *sidecar], "automountServiceAccountToken": False},
    )


def plain(name: str) -> list[JSON]:
    return [{key: each[key] for key in ("name", "image", "ports")} for each in containers(name)]


def thing(
    api: str, kind: str, space: str, name: str, *, owners: JSON = (), **content: JSON
) -> JSONObject:
    meta: JSONObject = {"name": name, "labels": content.pop("labels", {})}
    meta["annotations"] = content.pop("annotations", {})
    if space:
        meta["namespace"] = space
    if owners:
        meta["ownerReferences"] = [
            {**each, "uid": "00000000-0000-0000-0000-000000000000", "controller": True}
            for each in owners
        ]
    return {"apiVersion": api, "kind": kind, "metadata": meta, **content}


def create(cluster: Cluster, listed: Iterator[JSONObject]) -> int:
    """Create objects, several at once; how many. Raises AssertionError for one that is refused."""
    config = json.loads(cluster.kubeconfig.read_text())
    token = config["users"][0]["user"]["token"]
    authority = config["clusters"][0]["cluster"]["certificate-authority"]
    pool = urllib3.PoolManager(WRITERS, maxsize=WRITERS, ca_certs=authority)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def one(value: JSONObject) -> None:
        path = PLURALS[value["kind"]].format(value["metadata"].get("namespace"))
        answer = pool.request("POST", cluster.url + path, body=json.dumps(value), headers=headers)
        assert answer.status in {201, 409}, answer.data[:500]

    values = list(listed)
    order = ("Namespace", "ServiceAccount")
    with ThreadPoolExecutor(WRITERS) as writers:
        for kind in order:
            list(writers.map(one, [each for each in values if each["kind"] == kind]))
        list(writers.map(one, [each for each in values if each["kind"] not in order]))
    return len(values)


def measured(root: Path, cluster: Cluster, *command: str) -> tuple[int, str]:
    """How a command ends, and what it takes, in words."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    options = ("--context", cluster.context, "--kubeconfig", str(cluster.kubeconfig))
    own = str(Path(sys.executable).with_name("meshgate"))
    done = run([own, "-C", str(root), *command, *options], timeout=1800)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    took = f"{time.monotonic() - began:.1f} s, {cpu:.1f} s of processor"
    print(f"{' '.join(command)}: exit {done.code}, {took}, at most {after.ru_maxrss // 1024} MiB")
    if done.code not in {0, 1}:
        print(done.stderr[-3000:])
    return done.code, done.stdout.decode()


def main() -> int:
    """Make the cluster, look at it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--namespaces", type=int, default=300)
    namespaces: int = parser.parse_args().namespaces
    with tempfile.TemporaryDirectory(prefix="meshgate-big-") as folder:
        root = Path(folder) / "repository"
        init_command.init(root)
        with api_server(Path(folder) / "cluster") as cluster:
            began = time.monotonic()
            space = thing("v1", "Namespace", "", "istio-system")
            create(cluster, iter([space]))
            mesh = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"mesh": "{}"}}
            mesh["metadata"] = {"name": "istio", "namespace": "istio-system"}
            cluster.apply(mesh)
            made = create(cluster, objects(namespaces))
            print(f"{made:,} objects created in {time.monotonic() - began:.0f} s")
            code, _ = measured(root, cluster, "inventory", "capture", "prod", "--force")
            again, said = measured(root, cluster, "inventory", "capture", "prod")
            verified, seen = measured(root, cluster, "verify", "prod")
            print(seen)
        captured = Mesh(source.read_folder(root, "inventory/prod"), MeshFacts())
        count = sum(each.namespace.startswith("team-") for each in captured.workloads)
        print(f"{count:,} workloads of {namespaces * APPS:,} in the inventory")
    whole = count == namespaces * APPS
    # Nothing of the repository is in the cluster, and a person has to read what that does.
    read = verified == 1 and "loosen: STRICT -> PERMISSIVE" in seen
    read = read and len(seen.splitlines()) <= SCREEN
    return int(not (code == again == 0 and "nothing has changed" in said and whole and read))


if __name__ == "__main__":
    sys.exit(main())
