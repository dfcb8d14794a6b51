"""`validate --changed-since`: only what a change may have changed is judged."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from linted_manifest import (
    Capture,
)
from meshgate import config
from meshgate.cli import init as init_command
from meshgate.cli import main, validate


@pytest.fixture
def policy_repository(tmp_path: Path) -> Path:
    """A new policy repository, which is clean."""
    init_command.init(tmp_path / "repository")
    return tmp_path / "repository"


def test_changed_since_judges_only_what_changed(policy_repository: Path, capsys: Capture) -> None:
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "start"]):
        subprocess.run(["git", *arguments], cwd=policy_repository, check=True)
    asked = ["validate", "-C", str(policy_repository), "--changed-since", "HEAD"]

    assert main(asked) == 0
    assert "no environment's inputs changed" in capsys.readouterr().out

    (policy_repository / "waivers" / "prod.yaml").write_text("waivers: []\n", encoding="utf-8")
    assert main([*asked, "--format", "json"]) == 0
    judged = json.loads(capsys.readouterr().out)["summary"]
    assert "prod" in json.dumps(judged)
    assert "dev" not in json.dumps(judged)

    assert main(["validate", "-C", str(policy_repository), "--changed-since", "nowhere"]) == 7


def test_changed_since_tells_a_new_file_that_nothing_names(
    policy_repository: Path, capsys: Capture
) -> None:
    """It lies beside what environments are built from, and is among the inputs of none."""
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "start"]):
        subprocess.run(["git", *arguments], cwd=policy_repository, check=True)
    base = next((policy_repository / "policies").rglob("kustomization.yaml")).parent
    (base / "more").mkdir()
    (base / "more" / "forgotten.yaml").write_text(
        "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n"
        "metadata: {name: forgotten, namespace: boards}\n",
        encoding="utf-8",
    )
    told = []
    for narrowed in (["--changed-since", "HEAD"], []):
        main(["validate", "-C", str(policy_repository), "--format", "json", *narrowed])
        findings = json.loads(capsys.readouterr().out)["findings"]
        told.append({each["environment"] for each in findings if each["rule"] == "RE003"})
    assert told[0] == told[1]
    assert told[0]


@pytest.mark.parametrize(
    ("changed", "text", "judged"),
    [
        ("values/prod.yaml", "B: c\n", ["prod"]),
        ("values/dev.yaml", "B: c\n", []),
        ("flux/apps.yaml", "kind: Kustomization # kustomize.toolkit.fluxcd.io\n", ["dev", "prod"]),
        ("flux/values.yaml", "kind: ConfigMap\n", ["dev", "prod"]),
        ("flux/old.yaml", None, ["dev", "prod"]),
        ("rendered/old/x.yaml", "kind: ConfigMap\n", []),
    ],
)
def test_values_of_variables_are_inputs_of_changed_since(
    tmp_path: Path, changed: str, text: str | None, judged: list[str]
) -> None:
    environments = [
        {"name": "dev", "overlay": "overlays/dev"},
        {"name": "prod", "overlay": "overlays/prod", "substitute": "./values/prod.yaml"},
    ]
    files = {
        "environments.yaml": json.dumps({"environments": environments}),
        "values/prod.yaml": "A: b\n",
        "flux/old.yaml": "kind: ConfigMap\n",
        "overlays/dev/kustomization.yaml": "resources: []\n",
        "overlays/prod/kustomization.yaml": "resources: []\n",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "start"]):
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True)
    if text is None:
        (tmp_path / changed).unlink()
    else:
        (tmp_path / changed).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / changed).write_text(text, encoding="utf-8")

    every = config.load(tmp_path).environments
    assert [each.name for each in validate.changed(tmp_path, every, "HEAD")] == judged
