"""The commit that brings meshgate in, and what `--fail-on undecided` counts."""

from __future__ import annotations

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


def test_calls_say_once_why_a_namespace_is_undecided(capsys: Capture) -> None:
    main(["calls", str(REPEAT)])
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("unknown: ")]

    assert told == [
        "unknown: the inventory has no Namespace shop, whose labels decide on sidecars."
    ]
