"""sync, capture and verify on a real API server: `nox -s cluster` runs this file.

It needs no root: etcd and the API server listen on loopback. The objects of `sync/` meet the real
CRDs of Argo CD and Flux, the accounts that are shipped meet real RBAC.
"""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from e2e.apiserver import Cluster, api_server
from meshgate import config, source
from meshgate.cli import main
from meshgate.cluster.kinds import ALL
from meshgate.cluster.sync.target import AllowedKind
from meshgate.model import JSONObject
from meshgate.schema.update.sources import (
    ARGOCD_FILES,
    ARGOCD_MODULE,
    ARGOCD_VERSION,
    FLUX_FILES,
    FLUX_VERSION,
    download,
)

Capture = pytest.CaptureFixture[str]
ROOT = Path(__file__).parents[2]
COPIED = ("policies", "overlays", "inventory", "waivers", "expectations", "promotion", "sync")
READER = "meshgate-reader"
SYNC = sorted(file.relative_to(ROOT) for file in (ROOT / "sync").rglob("*.yaml"))
RIGHTS = ROOT / "sync/rbac/reader.yaml"
FLUX_ACCOUNT = "system:serviceaccount:flux-system:mesh-policies-prod"
NAMESPACES = ("argocd", "flux-system")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster that has what prod renders to, with prod's inventory running."""
    with api_server(tmp_path_factory.mktemp("lab")) as running:
        running.install([file for file in definitions() if file.is_file()])
        described = [copy.deepcopy(each) for each in inventory()]
        spaces = [each["metadata"]["name"] for each in described if each["kind"] == "Namespace"]
        made = [each for each in described if each["kind"] == "Namespace"]
        made += [bare("v1", "Namespace", name) for name in NAMESPACES]
        # No controller makes the accounts that pods need.
        made += [bare("v1", "ServiceAccount", "default", namespace=name) for name in spaces]
        running.apply(*made)
        rest = [runnable(each) for each in described if each["kind"] != "Namespace"]
        running.apply(*rest, mesh_config())
        running.apply(*rendered())
        running.apply(*yaml.safe_load_all(RIGHTS.read_text()))
        yield running


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A copy of this repository's policies."""
    for name in COPIED:
        shutil.copytree(ROOT / name, tmp_path / "repository" / name)
    shutil.copy(ROOT / "environments.yaml", tmp_path / "repository")
    return tmp_path / "repository"


def definitions() -> list[Path]:
    """The CRDs of Argo CD and Flux, from their pinned modules."""
    argocd = download(ARGOCD_MODULE, ARGOCD_VERSION).folder
    found = [argocd / file for file in ARGOCD_FILES]
    for module, files in FLUX_FILES.values():
        found += [download(module, FLUX_VERSION).folder / file for file in files]
    return found


def inventory() -> list[JSONObject]:
    return [each.value for each in source.read_folder(ROOT, "inventory/prod")]


def rendered() -> list[JSONObject]:
    overlay = config.load(ROOT).environments[-1].overlay
    return [each.value for each in source.render(ROOT, overlay, cache=None).resources]


def bare(api: str, kind: str, name: str, **metadata: str) -> JSONObject:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, **metadata}}


def mesh_config() -> JSONObject:
    found = bare("v1", "ConfigMap", "istio", namespace="istio-system")
    return {**found, "data": {"mesh": "rootNamespace: istio-system\n"}}


def runnable(value: JSONObject) -> JSONObject:
    """An object of the inventory with the fields that nobody looks at and a server wants."""
    spec = value.get("spec", {})
    pod = spec if value["kind"] == "Pod" else spec.get("template", {}).get("spec", {})
    for container in pod.get("containers", ()):
        container.setdefault("image", "example")
        container["env"] = [{"name": "PASSWORD", "value": "hunter2"}]
    if value["kind"] == "Pod":
        pod["automountServiceAccountToken"] = False
    return value


def run(cluster: Cluster, root: Path, command: str, *arguments: str) -> int:
    kubeconfig = ["--context", cluster.context, "--kubeconfig", str(cluster.kubeconfig)]
    return main(["-C", str(root), *command.split(), *kubeconfig, *arguments])


@pytest.mark.parametrize("file", SYNC, ids=str)
def test_the_sync_objects_are_accepted(cluster: Cluster, file: Path) -> None:
    objects = list(yaml.safe_load_all((ROOT / file).read_text()))

    cluster.apply(*objects)
    assert cluster.refusal(*objects) == ""


def test_a_field_that_an_agent_does_not_know_is_refused(cluster: Cluster) -> None:
    """The control of the test above: this server validates."""
    file = ROOT / "sync/flux/prod/sync.yaml"
    kustomization = list(yaml.safe_load_all(file.read_text()))[-1]
    kustomization["spec"]["deletionPolicy"] = "Keep"

    assert "deletionPolicy" in cluster.refusal(kustomization)


def can(cluster: Cluster, account: str, verb: str, resource: str, *arguments: str) -> bool:
    answer = cluster.try_kubectl("auth", "can-i", verb, resource, f"--as={account}", *arguments)
    return isinstance(answer, bytes) and answer.strip() == b"yes"


def test_flux_may_write_every_policy_and_nothing_else(cluster: Cluster) -> None:
    cluster.apply(*yaml.safe_load_all((ROOT / "sync/flux/prod/sync.yaml").read_text()))
    policies = json.dumps({"apiVersion": "v1", "kind": "List", "items": rendered()}).encode()
    arguments = ("apply", "--server-side", "--force-conflicts", f"--as={FLUX_ACCOUNT}", "-f", "-")

    assert isinstance(cluster.try_kubectl(*arguments, stdin=policies), bytes)
    first = rendered()[0]
    where = (first["kind"].lower(), first["metadata"]["name"], "-n", first["metadata"]["namespace"])
    assert isinstance(cluster.try_kubectl("delete", *where, f"--as={FLUX_ACCOUNT}"), bytes)
    cluster.apply(*rendered())
    for verb, resource, *more in (
        ("create", "deployments.apps", "-n", "boards"),
        ("get", "secrets", "-n", "boards"),
        ("create", "rolebindings.rbac.authorization.k8s.io", "-n", "istio-system"),
        ("create", "peerauthentications.security.istio.io", "-n", "kube-system"),
        ("create", "envoyfilters.networking.istio.io", "-n", "boards"),
    ):
        assert not can(cluster, FLUX_ACCOUNT, verb, resource, *more), (verb, resource, more)


def test_every_kind_is_called_as_the_server_calls_it(cluster: Cluster) -> None:
    listed = cluster.kubectl("api-resources", "--output=name").decode().split()
    kinds = [kind for kind in ALL if kind.group.endswith(".istio.io") or kind.group in {"", "apps"}]

    assert {kind.resource for kind in kinds} <= {*listed}
    assert {AllowedKind(kind.group, kind.kind).plural for kind in kinds} == {
        kind.plural for kind in kinds
    }


def as_reader(cluster: Cluster, folder: Path) -> Path:
    """A kubeconfig of the shipped account, with a token that the server made."""
    token = cluster.kubectl("-n", "istio-system", "create", "token", READER).decode().strip()
    value = json.loads(cluster.kubeconfig.read_text())
    value["users"][0]["user"] = {"token": token}
    file = folder / "reader.kubeconfig"
    file.write_text(json.dumps(value))
    return file


def test_the_shipped_account_may_do_all_that_is_needed_and_no_more(
    cluster: Cluster, repository: Path, tmp_path: Path, capsys: Capture
) -> None:
    reader = as_reader(cluster, tmp_path)
    options = ["--context", cluster.context, "--kubeconfig", str(reader)]
    command = ["-C", str(repository), "inventory", "capture", "prod", *options, "--force"]
    assert main(command) == 0
    assert main(["-C", str(repository), "verify", "prod", *options]) == 0

    account = f"system:serviceaccount:istio-system:{READER}"
    for verb, resource in (
        ("get", "secrets"),
        ("list", "secrets"),
        ("list", "configmaps"),
        ("create", "pods"),
        ("delete", "peerauthentications.security.istio.io"),
        ("get", "pods"),
        ("watch", "pods"),
    ):
        assert not can(cluster, account, verb, resource, "--all-namespaces"), (verb, resource)

    documents = list(yaml.safe_load_all(RIGHTS.read_text()))
    role = next(each for each in documents if each["kind"] == "ClusterRole")
    served = set(cluster.kubectl("api-resources", "--output=name").decode().split())
    for kind in (kind for kind in ALL if kind.resource in served):
        without = copy.deepcopy(role)
        for rule in without["rules"]:
            if kind.group in rule["apiGroups"]:
                rule["resources"] = [each for each in rule["resources"] if each != kind.plural]
        without["rules"] = [rule for rule in without["rules"] if rule["resources"]]
        cluster.apply(without)
        capsys.readouterr()
        assert main(command) == 7
        assert f"not allowed to list {kind.resource} " in capsys.readouterr().err
    cluster.apply(role)


def test_a_capture_gives_the_same_bytes_and_the_same_verdicts(
    cluster: Cluster, repository: Path, capsys: Capture
) -> None:
    assert main(["-C", str(repository), "calls", "prod", "--format", "json"]) == 0
    by_hand = json.loads(capsys.readouterr().out)
    assert run(cluster, repository, "inventory capture prod") == 0
    first = {file: file.read_bytes() for file in (repository / "inventory/prod").iterdir()}
    assert b"hunter2" not in b"".join(first.values())

    assert run(cluster, repository, "inventory capture prod") == 0
    capsys.readouterr()
    assert {file: file.read_bytes() for file in (repository / "inventory/prod").iterdir()} == first
    assert main(["-C", str(repository), "calls", "prod", "--format", "json"]) == 0
    captured = json.loads(capsys.readouterr().out)
    assert ends(captured) == ends(by_hand)


def ends(calls: JSONObject) -> set[tuple[str, ...]]:
    """How each call ends."""
    return {
        (
            *each["client"].values(),
            f"{each['host']}:{each['port']}",
            each["transport"],
            each["outcome"],
        )
        for each in calls["calls"]
    }


def test_drift_by_hand_is_named_and_gone_when_it_is_undone(
    cluster: Cluster, repository: Path, tmp_path: Path, capsys: Capture
) -> None:
    assert run(cluster, repository, "verify prod") == 0
    patch = '{"spec": {"mtls": {"mode": "PERMISSIVE"}}}'
    name = ("-n", "boards", "patch", "peerauthentication", "default", "--type=merge", "-p", patch)
    cluster.kubectl(*name)
    foreign = {
        **bare("security.istio.io/v1", "PeerAuthentication", "open", namespace="boards"),
        "spec": {"selector": {"matchLabels": {"app": "app-ui"}}, "mtls": {"mode": "DISABLE"}},
    }
    cluster.apply(foreign)
    capsys.readouterr()

    probes = tmp_path / "probes.yaml"
    assert run(cluster, repository, "verify prod", "--probes", str(probes)) == 1
    told = capsys.readouterr().out
    assert 'spec.mtls.mode: rendered "STRICT", there "PERMISSIVE"' in told
    assert "PeerAuthentication/boards/open: changes" in told
    assert "boards/app-ui:8080 loosens: STRICT -> DISABLE" in told
    jobs = list(yaml.safe_load_all(probes.read_text()))
    assert jobs
    assert cluster.refusal(*jobs) == ""

    cluster.delete(foreign)
    cluster.apply(*rendered())
    assert run(cluster, repository, "verify prod") == 0
