"""What runs beside the environments of a repository is told, with the way to an inventory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tree_manifests import TOP_POLICY, run

WORKLOAD = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: shop}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}, sidecar.istio.io/inject: "true"}}}}
    spec: {{containers: [{{name: a, image: x, ports: [{{containerPort: 8080}}]}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: shop}}
spec: {{selector: {{app: {name}}}, ports: [{{name: http, port: 80, targetPort: 8080}}]}}
"""
WEB, CART = WORKLOAD.format(name="web"), WORKLOAD.format(name="cart")
ENVIRONMENTS = {f"manifests/{name}/mesh.yaml": TOP_POLICY for name in ("staging", "prod")}
START = "    mkdir -p "
# Files beside the environments, with the commands that are told, by environment.
BESIDE: dict[str, tuple[dict[str, str], dict[str, list[str]]]] = {
    "applications beside policies": (
        {"apps/web/all.yaml": WEB, "apps/cart/all.yaml": CART},
        {name: ["apps/cart", "apps/web"] for name in ("prod", "staging")},
    ),
    "two files of a folder": ({"apps/web.yaml": WEB, "apps/cart.yml": CART}, {"prod": ["apps"]}),
    "a file at the top": ({"web.yaml": WEB}, {"prod": [""], "staging": [""]}),
    "names for a shell": (
        {"my apps/$(touch evil)/-web.yaml": WEB},
        {"prod": ["my apps/$(touch evil)"]},
    ),
    "a kustomization of no environment": (
        {
            "apps/web/kustomization.yaml": "resources: [web.yaml]\nnamespace: shop\n",
            "apps/web/web.yaml": WEB.replace(", namespace: shop", ""),
        },
        {"prod": ["apps/web"], "staging": ["apps/web"]},
    ),
    "what is no workload": ({"apps/a.yaml": TOP_POLICY.replace("shop", "bank")}, {}),
    "another kind of that name": (
        {"apps/a.yaml": WEB.split("---\n")[1].replace("v1", "serving.knative.dev/v1")},
        {},
    ),
    "what no inventory takes": ({"apps/a.yaml": WEB + "---\nreplicas: 2\n"}, {}),
    "a hidden folder": ({".github/kind/web.yaml": WEB}, {}),
}


def made(folder: Path, files: dict[str, str]) -> Path:
    for file, text in {**ENVIRONMENTS, **files}.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
    return folder


def shell(folder: Path, line: str) -> None:
    """Run what a person is told to; kubectl comes with the wheel."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    subprocess.run(["bash", "-c", line], cwd=folder, env=environment, check=True)


def commands(shown: str) -> list[str]:
    return [line.strip() for line in shown.splitlines() if line.startswith(START)]


@pytest.mark.parametrize("name", BESIDE)
def test_what_runs_beside_is_told_with_the_way_to_the_inventory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    files, folders = BESIDE[name]
    folder = made(tmp_path, files)

    assert run(folder, "init", "--here") == 0

    shown = capsys.readouterr().out
    told = commands(shown)
    for environment, own in folders.items():
        of_environment = [line for line in told if f"inventory/{environment}/" in line]
        assert len(of_environment) == len(own)
        assert all(f"in {each or 'the folder of the repository'}," in shown for each in own)
    if not folders:
        assert not told
    assert ("Do so before files are written" in shown) == bool(told)
    # The commands do what they say, and after them there is nothing more to tell.
    for line in told:
        shell(folder, line)
    assert not (folder / "evil").exists()
    assert run(folder, "init", "--here", "--yes") == 0
    assert not commands(capsys.readouterr().out)
    assert run(folder, "validate") == 0


def test_policies_are_judged_with_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = made(tmp_path, {"apps/web.yaml": WEB, "apps/cart.yaml": CART})
    run(folder, "init", "--here")
    for line in commands(capsys.readouterr().out):
        shell(folder, line)

    assert run(folder, "init", "--here", "--yes") == 0
    capsys.readouterr()

    assert "outcome: ok-mtls" in (folder / "expectations" / "prod.yaml").read_text()
    assert run(folder, "validate", "--format", "json") == 0
    report = json.loads(capsys.readouterr().out)
    assert all(each["inventory"] == 4 for each in report["summary"]["environments"])


def test_a_folder_of_one_environment_is_told_for_that_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {
        "overlays/prod/kustomization.yaml": "resources: [mesh.yaml]\n",
        "overlays/prod/mesh.yaml": TOP_POLICY,
        "overlays/staging/kustomization.yaml": "resources: [mesh.yaml]\n",
        "overlays/staging/mesh.yaml": TOP_POLICY,
        "overlays/prod/apps/web.yaml": WEB,
    }
    for file, text in files.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)

    run(tmp_path, "init", "--here")

    shown = capsys.readouterr().out
    assert "Environment prod" in shown
    assert all("inventory/prod/" in line for line in commands(shown))


def test_a_namespace_that_a_copy_lacks_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = made(tmp_path, {"apps/web.yaml": WEB.replace(", namespace: shop", "")})

    run(folder, "init", "--here")

    shown = capsys.readouterr().out
    assert "write the namespace into 2 that name none" in shown
    for line in commands(shown):
        shell(folder, line)
    for copy in (folder / "inventory").rglob("*.yaml"):
        copy.write_text(WEB)
    run(folder, "init", "--here")
    assert not commands(capsys.readouterr().out)
