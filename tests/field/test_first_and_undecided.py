"""The commit that brings meshgate in, and what `--fail-on undecided` counts."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from field_trees import POD, REPOSITORIES, STRICT, Capture, lint

from meshgate.cli import main
from written_files import write_files

REPEAT = REPOSITORIES / "11-namespace-repeat"
TREE = {
    "environments.yaml": "environments:\n  - name: prod\n    overlay: overlays/prod\n",
    "overlays/prod/kustomization.yaml": "resources: [pa.yaml]\n",
    "overlays/prod/pa.yaml": STRICT,
}


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.mark.parametrize("below", ["", "mesh/policy/"])
def test_the_base_of_the_first_change_is_empty(below: str, tmp_path: Path, capsys: Capture) -> None:
    write_files(tmp_path, {"README": "x"})
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "a")
    git(tmp_path, "switch", "--quiet", "--create", "add-meshgate")
    write_files(tmp_path, {f"{below}{name}": text for name, text in TREE.items()})
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "b")

    for command in ("diff", "steps"):
        assert main([command, "-C", str(tmp_path / below)]) == 0
        told = capsys.readouterr()
        assert "taken for empty" in told.out
        assert "prod is new" in told.out
        assert "meshgate-" not in told.out + told.err


@pytest.mark.parametrize("file", sorted(REPEAT.iterdir()), ids=lambda file: file.stem)
def test_what_calls_and_posture_show_as_undecided_counts(file: Path, capsys: Capture) -> None:
    assert lint(capsys, file).code == 0
    for command in ("lint", "posture", "calls"):
        assert main([command, str(file), "--fail-on", "undecided"]) == 1
        told = capsys.readouterr()
        assert "calls are undecided" in " ".join((told.out + told.err).split())


def test_lint_and_validate_agree_on_undecided(tmp_path: Path, capsys: Capture) -> None:
    write_files(tmp_path, {**TREE, "inventory/prod/pod.yaml": POD})

    assert main(["-C", str(tmp_path), "validate", "--fail-on", "undecided"]) == 1
    assert main(["-C", str(tmp_path), "lint", ".", "--fail-on", "undecided"]) == 1
    capsys.readouterr()
    namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"
    write_files(tmp_path, {"inventory/prod/namespace.yaml": namespace})
    assert main(["-C", str(tmp_path), "validate", "--fail-on", "undecided"]) == 0
    assert main(["-C", str(tmp_path), "lint", ".", "--fail-on", "undecided"]) == 0


UNDECIDED = {**TREE, "inventory/prod/pod.yaml": POD}
NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"


@pytest.mark.parametrize(
    "command",
    [
        ("report", "--format", "html=page.html"),
        ("report", "--base", "HEAD", "--format", "html=page.html"),
        ("report", "--fleet", "--format", "html=page.html"),
        ("steps", "--base", "HEAD"),
        ("render",),
    ],
    ids=" ".join,
)
def test_what_validate_fails_for_as_undecided_fails_every_command(
    command: tuple[str, ...], tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path, UNDECIDED)
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "a")

    assert main([*command, "--fail-on", "error"]) == 0
    assert main([*command, "--fail-on", "undecided"]) == 1
    assert "undecided" in capsys.readouterr().err
    write_files(tmp_path, {"inventory/prod/namespace.yaml": NAMESPACE})
    assert main([*command, "--fail-on", "undecided"]) == 0


def test_a_change_that_cannot_be_told_fails_a_comparison_that_asks_for_it(
    tmp_path: Path, capsys: Capture
) -> None:
    injected = NAMESPACE.replace("shop", "shop, labels: {istio-injection: enabled}")
    write_files(tmp_path, {**UNDECIDED, "inventory/prod/namespace.yaml": injected})
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "a")
    younger = STRICT.replace("STRICT", "PERMISSIVE").replace("default", "younger")
    write_files(tmp_path, {"overlays/prod/pa.yaml": f"{STRICT}---\n{younger}"})
    diff = ["-C", str(tmp_path), "diff", "--base", "HEAD", "--fail-on"]

    assert main([*diff, "never"]) == 0
    assert "cannot be decided" not in capsys.readouterr().out
    assert main([*diff, "undecided"]) == 1
    assert "1 change cannot be decided" in capsys.readouterr().out


def test_a_commit_is_judged_as_its_options_and_environments_ask(
    tmp_path: Path, capsys: Capture
) -> None:
    refusing = f"{TREE['environments.yaml']}    require: {{undecided: refused}}\n"
    write_files(tmp_path, {**UNDECIDED, "environments.yaml": refusing})
    lint_commit = ["-C", str(tmp_path), "lint", "--commit"]
    file = ["--", "overlays/prod/pa.yaml"]

    assert main([*lint_commit, *file]) == 1
    assert main([*lint_commit, "--fail-on", "never", *file]) == 0
    capsys.readouterr()
    assert main([*lint_commit, "--fail-on", "never", "--format", "json", "--no-cache", *file]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == 1
    assert main([*lint_commit, "--select", "XX", *file]) == 2


def test_calls_say_once_why_a_namespace_is_undecided(capsys: Capture) -> None:
    main(["calls", str(REPEAT)])
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("unknown: ")]

    assert told == [
        "unknown: the inventory has no Namespace shop, whose labels decide on sidecars."
    ]
