"""From a repository that was taken in to a pinned, adopted environment."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from meshgate.cli import main
from meshgate.model import JSONObject
from promoted import git
from recorded_api import RecordedApi, recorded_api
from tree_manifests import clone, run

pytestmark = pytest.mark.sampled(every=2)

# What a person edits as the plan says: after `- name`, in the order of the shapes.
PIN = "mode: pinned\n    gates: []\n    gatesWaived: the first environment that is pinned"
SUBSTITUTE = "\n    substitute: {CLUSTER_DOMAIN: staging.example.com}"
FIRST = {
    "argocd-kustomize": ("staging", ""),
    "flux-substitution": ("staging", SUBSTITUTE),
    "helm-umbrella": ("staging", ""),
    "kubebuilder": ("default", ""),
    "name-suffix": ("staging", ""),
    "rendered-manifests": ("staging", ""),
}
Made = Callable[[str], Path]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A copy of a repository as `init --here` leaves it."""
    first: dict[str, Path] = {}

    def copy(shape: str) -> Path:
        if shape not in first:
            first[shape] = clone(shape, tmp_path_factory.mktemp("first"))
            assert run(first[shape], "init", "--here", "--yes") == 0
        target = tmp_path_factory.mktemp("copy") / shape
        shutil.copytree(first[shape], target, symlinks=True)
        return target

    return copy


def pin(folder: Path, more: str = "") -> None:
    """Write what the plan says, of the first environment."""
    file = folder / "environments.yaml"
    file.write_text(file.read_text().replace("mode: floating", PIN + more, 1))


def committed(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "meshgate")


@pytest.mark.parametrize("shape", FIRST)
@pytest.mark.sampled(every=2)
def test_an_environment_is_pinned_and_adopted_by_few_commands(
    made: Made, shape: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, (name, more) = made(shape), FIRST[shape]

    assert run(folder, "adopt", name, "--plan") == 8
    assert "mode: pinned" in capsys.readouterr().out
    pin(folder, more)
    committed(folder)
    assert run(folder, "adopt", name, "--plan") == 0
    assert run(folder, "adopt", name, "--direct") == 0
    shown = capsys.readouterr().out
    assert run(folder, "audit", name) == 0

    assert "of the baseline" in shown
    assert run(folder, "validate", name) == 0
    assert not git(folder, "log", "--diff-filter=DR", "--format=%H")
    assert list((folder / "rendered" / name).rglob("*.yaml"))


def test_the_plan_lists_all_that_is_missing_at_once(
    made: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = made("flux-substitution")
    (folder / "promotion" / "toolchain.yaml").unlink()

    assert run(folder, "adopt", "staging", "--plan") == 8

    shown = capsys.readouterr().out
    for words in (
        "mode: pinned",
        "gatesWaived:",
        "there is no promotion/toolchain.yaml",
        'kustomize: "',
        "CLUSTER_DOMAIN: 'staging.example.com'",
        "are not committed",
        "repository: https://HOST/PATH.git",
        "clusters: {selector: {mesh-env: staging}}",
        "approvals:",
        "accepted: staging: 2 findings of the baseline",
    ):
        assert words in shown


UNDECIDED = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: elsewhere, namespace: shop}
spec: {host: ledger.bank.svc.cluster.local}
"""


# As it stands in another file: `validate` only remarks on it, and both would be one file.
TWICE = """\
apiVersion: v1
kind: Namespace
metadata:
  name: shop
  labels: {istio-injection: enabled}
"""


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        ("promotion/toolchain.yaml", "", "there is no promotion/toolchain.yaml"),
        ("promotion/toolchain.yaml", 'renderer: {kustomize: "5.0.0"}\n', "5.0.0 is wanted"),
        ("manifests/staging/new.yaml", UNDECIDED, "cannot be decided"),
        ("manifests/staging/new.yaml", TWICE, "two objects are"),
    ],
    ids=["toolchain", "version", "undecided", "twice"],
)
def test_validate_refuses_what_adopt_would(
    made: Made, capsys: pytest.CaptureFixture[str], path: str, text: str, words: str
) -> None:
    folder = made("rendered-manifests")
    if text:
        (folder / path).write_text(text)
    else:
        (folder / path).unlink()
    run(folder, "validate", "staging")
    assert "would refuse" not in capsys.readouterr().err
    pin(folder)

    assert run(folder, "validate", "staging") in {3, 8}

    told = capsys.readouterr().err
    assert words in told
    assert "meshgate adopt staging --plan" in told
    committed(folder)
    assert run(folder, "adopt", "staging", "--plan") == 8
    assert words in capsys.readouterr().out


def export(folder: Path, name: str, capsys: pytest.CaptureFixture[str]) -> list[JSONObject]:
    """What a cluster that has the render of an environment would export."""
    capsys.readouterr()
    assert run(folder, "render", name) == 0
    objects = [each for each in yaml.safe_load_all(capsys.readouterr().out) if each]
    for number, each in enumerate(objects):
        each["metadata"] |= {"uid": str(number), "resourceVersion": "7", "generation": 3}
        each["metadata"].setdefault("annotations", {})["argocd.argoproj.io/tracking-id"] = "x"
        if each["kind"] == "Deployment":
            each["spec"] |= {"progressDeadlineSeconds": 600, "replicas": 1}
            each["status"] = {"replicas": 1}
    return objects


def test_adoption_of_what_runs_changes_nothing_and_says_so(
    made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = made("rendered-manifests")
    pin(folder)
    committed(folder)
    objects = export(folder, "staging", capsys)
    live = tmp_path / "live.yaml"
    live.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": objects}))

    assert run(folder, "adopt", "staging", "--plan", "--live", str(live)) == 0
    assert f"adoption changes nothing: {len(objects)} objects" in capsys.readouterr().out
    # Somebody edited the cluster.
    (policy,) = [each for each in objects if each["kind"] == "PeerAuthentication"]
    policy["spec"] = {"mtls": {"mode": "STRICT"}}
    left = [each for each in objects if each["metadata"]["name"] != "cart"]
    live.write_text(yaml.safe_dump_all(left))
    assert run(folder, "adopt", "staging", "--plan", "--live", str(live)) == 8
    shown = capsys.readouterr().out
    assert "spec.mtls.mode: runs 'STRICT', would become 'PERMISSIVE'" in shown
    assert "Deployment/shop/cart: would be made, it does not run" in shown
    assert run(folder, "adopt", "staging", "--direct", "--live", str(live)) == 8
    assert "adoption would change 3 objects" in capsys.readouterr().err
    assert not (folder / "rendered").exists()


@pytest.fixture
def pinned(made: Made) -> Path:
    folder = made("rendered-manifests")
    pin(folder)
    committed(folder)
    return folder


@pytest.fixture
def api(pinned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[RecordedApi]:
    """A cluster that has what staging renders to."""
    with recorded_api(tmp_path, export(pinned, "staging", capsys)) as running:
        yield running


def test_a_cluster_is_compared_by_its_context(
    pinned: Path, api: RecordedApi, capsys: pytest.CaptureFixture[str]
) -> None:
    number = len(api.objects)

    assert run(pinned, "adopt", "staging", "--plan", *api.options) == 0
    shown = capsys.readouterr().out
    assert f"adoption changes nothing: {number} objects are as they run" in shown
    assert "not compared" not in shown
    assert not (pinned / "rendered").exists()
    # What was listed is known whole: a kind of which the cluster has no object is missing there.
    (policy,) = [each for each in api.objects if each["kind"] == "PeerAuthentication"]
    api.objects.remove(policy)
    assert run(pinned, "adopt", "staging", "--plan", *api.options) == 8
    named = f"PeerAuthentication/{policy['metadata']['namespace']}/{policy['metadata']['name']}"
    assert f"{named}: would be made, it does not run" in capsys.readouterr().out
    assert run(pinned, "adopt", "staging", "--direct", *api.options) == 8
    assert "adoption would change 1 object" in capsys.readouterr().err
    assert not (pinned / "rendered").exists()
    api.objects.append(policy)
    assert run(pinned, "adopt", "staging", "--direct", *api.options) == 0
    assert "adoption changes nothing" in capsys.readouterr().out
    assert (pinned / "rendered" / "staging").is_dir()


def test_a_kind_that_a_cluster_does_not_serve_is_not_compared(
    pinned: Path, api: RecordedApi, capsys: pytest.CaptureFixture[str]
) -> None:
    kinds = [each["kind"] for each in api.objects]
    assert "Deployment" in kinds
    api.unserved.add("Deployment")

    assert run(pinned, "adopt", "staging", "--plan", *api.options) == 0

    shown = capsys.readouterr()
    assert f"{len(kinds) - kinds.count('Deployment')} objects are as they run" in shown.out
    assert "does not serve it: Deployment" in shown.out
    assert "so that none is known: deployments.apps" in shown.err


def test_a_cluster_that_refuses_is_no_comparison(
    pinned: Path, api: RecordedApi, capsys: pytest.CaptureFixture[str]
) -> None:
    api.forbidden.add("PeerAuthentication")

    assert run(pinned, "adopt", "staging", "--direct", *api.options) == 7

    assert "sync/rbac/reader.yaml grants what is needed" in capsys.readouterr().err
    assert not (pinned / "rendered").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--live", "x.yaml", "--context", "recorded"], "two answers to one question"),
        (["--kubeconfig", "x"], "does not say which cluster is meant"),
        (["--context", "nowhere", "--kubeconfig", "x"], "x"),
    ],
    ids=["both", "kubeconfig alone", "no kubeconfig"],
)
def test_a_cluster_that_is_not_said_right(
    pinned: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert run(pinned, "adopt", "staging", "--plan", *arguments) == 2

    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "code"), [("", 2), ("a: [\n", 3), ("replicas: 2\n", 2)], ids=["empty", "yaml", "other"]
)
def test_an_export_of_nothing_is_no_comparison(
    made: Made, tmp_path: Path, text: str, code: int
) -> None:
    folder = made("rendered-manifests")
    live = tmp_path / "live.yaml"
    live.write_text(text)

    assert main(["-C", str(folder), "adopt", "staging", "--plan", "--live", str(live)]) == code
