"""Folders as they are in the field: beside manifests lie charts, playbooks, settings of editors."""

from __future__ import annotations

from pathlib import Path

import pytest
from field_trees import DISABLED, POD, REPOSITORIES, STRICT, Capture, lint

from meshgate.cli import main
from written_files import write_files

CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "chart/values.yaml": "image: {tag: 1}\nimage: {tag: 2}\n",
    "chart/templates/pa.yaml": DISABLED.replace("default", '"{{ .Values.name }}"'),
}


def test_one_bad_file_does_not_end_the_run(capsys: Capture) -> None:
    linted = lint(capsys, "-C", REPOSITORIES / "01-one-bad-file", ".")

    assert linted.code == 1
    assert linted.rules == ["PA001"]
    assert list(linted.unread) == ["chart/templates/svc.yaml"]
    assert "Helm template" in linted.unread["chart/templates/svc.yaml"]


def test_a_folder_whose_only_fault_is_an_unread_file_is_no_pass(
    tmp_path: Path, capsys: Capture
) -> None:
    write_files(
        tmp_path, {"pa.yaml": STRICT, "broken.yaml": "a: [\n", "notes.json": '{ // x\n"a": 1,\n}\n'}
    )

    linted = lint(capsys, "-C", tmp_path, ".")

    assert (linted.code, linted.rules) == (1, [])
    assert sorted(linted.unread) == ["broken.yaml", "notes.json"]
    assert "comments" in linted.unread["notes.json"]
    assert lint(capsys, "-C", tmp_path, ".", "--fail-on", "never").code == 1


def test_a_file_named_by_hand_is_a_mistake_of_the_command(tmp_path: Path, capsys: Capture) -> None:
    write_files(tmp_path, {"pa.yaml": DISABLED, "broken.yaml": "a: [\n"})

    linted = lint(capsys, "-C", tmp_path, "pa.yaml", "broken.yaml")

    assert (linted.code, linted.rules) == (2, ["PA001"])
    assert list(linted.unread) == ["broken.yaml"]


@pytest.mark.parametrize("command", ["posture", "calls"])
def test_commands_on_meshes_tell_what_was_not_read(
    command: str, tmp_path: Path, capsys: Capture
) -> None:
    write_files(tmp_path, {"pod.yaml": POD, "broken.yaml": "a: [\n"})

    assert main([command, "-C", str(tmp_path), "."]) == 1
    assert "broken.yaml was not judged" in capsys.readouterr().err


def test_what_is_no_manifest_is_called_by_its_name(tmp_path: Path, capsys: Capture) -> None:
    write_files(
        tmp_path,
        {
            **CHART,
            "pa.yaml": STRICT,
            "site.yml": "- hosts: all\n  tasks: []\n",
            "roles/web/tasks/main.yml": "- name: x\n  shell: 'true'\n",
            "docker-compose.yml": "services: {web: {image: x}}\n",
            "package.json": "{}\n",
            ".vscode/settings.json": "{ // settings\n}\n",
            ".github/workflows/ci.yml": "jobs: {\n",
        },
    )

    linted = lint(capsys, "-C", tmp_path, ".")

    assert (linted.code, linted.rules) == (1, [])
    assert list(linted.unread) == ["chart/templates/pa.yaml"]
    main(["lint", "-C", str(tmp_path), ".", "--exclude", "chart/templates/"])
    told = " ".join(capsys.readouterr().out.split())
    for kind in (
        "Helm chart descriptions: chart/Chart.yaml",
        "Helm values: chart/values.yaml",
        "Ansible playbooks: site.yml",
        "Ansible tasks: roles/web/tasks/main.yml",
        "Compose files: docker-compose.yml",
        "JSON of other tools: package.json",
        "left out by ignore files or --exclude: chart/templates/",
    ):
        assert kind in told
    assert "settings.json" not in told
    assert "ci.yml" not in told


def test_a_doubled_key_counts_only_where_the_file_is_loaded(capsys: Capture) -> None:
    linted = lint(capsys, "-C", REPOSITORIES / "10-helm-values-dup", ".")

    assert (linted.code, linted.rules) == (0, [])


def test_ignored_files_are_left_out_and_excluded_ones_too(tmp_path: Path, capsys: Capture) -> None:
    write_files(
        tmp_path,
        {
            ".gitignore": "build/\n*.gen.yaml\n!kept.gen.yaml\n",
            "build/pa.yaml": DISABLED,
            "x.gen.yaml": DISABLED,
            "sub/.gitignore": "own.yaml\n",
            "sub/own.yaml": DISABLED,
            "kept.gen.yaml": STRICT,
        },
    )

    assert lint(capsys, "-C", tmp_path, ".").code == 0
    # Named by hand, an ignored file is wanted.
    assert lint(capsys, "-C", tmp_path, "x.gen.yaml").code == 1
    assert main(["lint", "-C", str(tmp_path), ".", "--exclude", "*.gen.yaml"]) == 5


def test_ignore_files_above_count_as_far_as_the_repository(tmp_path: Path, capsys: Capture) -> None:
    write_files(
        tmp_path,
        {
            ".gitignore": "*.yaml\n",
            "repository/.git/HEAD": "",
            "repository/.gitignore": "sub/x.yaml\n",
            "repository/sub/x.yaml": DISABLED,
            "repository/sub/y.yaml": STRICT,
        },
    )

    assert lint(capsys, tmp_path / "repository" / "sub").code == 0
