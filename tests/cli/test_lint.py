"""`meshgate lint`: what it reads, how it ends, and what it writes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from linted_manifest import (
    PERMISSIVE,
    STRICT,
    Capture,
    lint,
)
from meshgate.cli import lint as lint_command
from meshgate.cli import main
from meshgate.pipeline import judged
from meshgate.rules import RULES
from meshgate.rules.rule import Needs, Rule


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """A file with one finding."""
    file = tmp_path / "permissive.yaml"
    file.write_text(PERMISSIVE, encoding="utf-8")
    return file


def test_findings_end_with_one_and_the_level_can_be_set(manifest: Path) -> None:
    assert lint(manifest) == 1
    assert lint(manifest, "--fail-on", "never") == 0
    assert lint(manifest, "--fail-on", "warning") == 1


def test_nothing_to_check_is_never_a_pass(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "empty.yaml").write_text("---\n# nothing\n---\n", encoding="utf-8")

    assert lint(tmp_path) == 5
    assert "not a pass" in capsys.readouterr().err


def test_lint_reads_standard_input(manifest: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "meshgate", "lint", "-", "--format", "json"],
        input=manifest.read_bytes(),
        capture_output=True,
        check=False,
    )

    assert done.returncode == 1
    assert json.loads(done.stdout)["findings"][0]["source"]["file"] == "-"


def test_lint_puts_objects_without_namespace_where_it_is_told(
    tmp_path: Path, capsys: Capture
) -> None:
    file = tmp_path / "pa.yaml"
    file.write_text(STRICT.replace(", namespace: shop", ""), encoding="utf-8")

    assert lint(file) == 1
    assert "SH009" in capsys.readouterr().out
    assert lint(file, "-n", "shop") == 0


def test_a_mesh_file_sets_the_floor(tmp_path: Path, manifest: Path) -> None:
    mesh = tmp_path / "mesh" / "mesh.yaml"
    mesh.parent.mkdir()
    mesh.write_text("require: {mtls: PERMISSIVE}\n", encoding="utf-8")
    manifest.write_text(PERMISSIVE.replace("shop", "istio-system"), encoding="utf-8")

    assert lint(manifest) == 1
    assert lint(manifest, "--mesh", mesh) == 0


def test_several_formats_in_one_run(manifest: Path, tmp_path: Path, capsys: Capture) -> None:
    outputs = [
        argument
        for name in ("json", "sarif", "junit", "gitlab", "markdown")
        for argument in ("--format", f"{name}={tmp_path / name}")
    ]

    assert lint(manifest, "--format", "text", *outputs) == 1
    assert "PA001" in capsys.readouterr().out
    for name in ("json", "sarif", "junit", "gitlab", "markdown"):
        assert "PA001" in (tmp_path / name).read_text(encoding="utf-8")


def test_an_output_that_cannot_be_written_is_an_error(manifest: Path, capsys: Capture) -> None:
    assert lint(manifest, "--format", f"json={manifest}/x.json") == 2
    assert "cannot write" in capsys.readouterr().err


def test_inside_actions_annotations_and_a_summary_are_added(
    manifest: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))

    assert lint(manifest) == 1
    assert "::error " in capsys.readouterr().out
    assert "PA001" in summary.read_text(encoding="utf-8")

    assert lint(manifest, "--format", "json") == 1
    json.loads(capsys.readouterr().out)


def test_a_rule_that_raises_ends_the_run(
    manifest: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(_: object) -> None:
        raise ZeroDivisionError

    broken = Rule(
        id="XX001",
        name="broken",
        severity=RULES[0].severity,
        summary="",
        fix="",
        needs=Needs.POLICIES,
        kinds=frozenset(),
        check=check,  # type: ignore[arg-type] # a wrong one
    )
    monkeypatch.setattr(judged, "RULES", (*RULES, broken))

    assert lint(manifest) == 70
    assert "XX001" in capsys.readouterr().err


def test_an_unknown_error_is_never_a_pass(
    manifest: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("unheard of")

    monkeypatch.setattr(lint_command, "report_of", fail)

    assert lint(manifest) == 70
    assert "please report it" in capsys.readouterr().err


def test_kubeconform_that_is_missing_is_an_error(
    manifest: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("XDG_CACHE_HOME", "/nowhere")

    assert lint(manifest, "--engine", "kubeconform") == 4
    assert "nox -s tools" in capsys.readouterr().err
    assert lint(manifest, "--engine", "auto") == 1


def test_control_characters_of_a_manifest_never_reach_the_terminal(
    tmp_path: Path, capsys: Capture
) -> None:
    file = tmp_path / "hostile.yaml"
    file.write_text(PERMISSIVE.replace("default", '"\\e[31mred"'), encoding="utf-8")

    assert lint(file, "--color", "never") == 1
    told = capsys.readouterr()
    assert "\x1b" not in told.out + told.err


def test_a_severity_of_no_rule_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mesh.yaml").write_text("severities: {PA999: error}\n", encoding="utf-8")
    (tmp_path / "pod.yaml").write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: b}\nspec: {containers: []}\n",
        encoding="utf-8",
    )
    arguments = [str(tmp_path / "pod.yaml"), "--mesh", str(tmp_path / "mesh.yaml")]
    for command in ("lint", "posture"):
        assert main([command, *arguments]) == 2
        assert "mesh.yaml: there is no rule 'PA999'" in capsys.readouterr().err
