"""`meshgate doctor` says what is used, and ends with 4 where something needed is missing."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import jsonschema_rs
import pytest

from meshgate.cli import doctor, main
from meshgate.config.shape import schema
from meshgate.errors import install_beside
from places import REPOSITORY


def parts_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, dict[str, str]]:
    """The parts by name, and the exit code under an empty one."""
    code = main(["-C", str(REPOSITORY), "doctor", "--format", "json", *arguments])
    printed = json.loads(capsys.readouterr().out)
    jsonschema_rs.validator_for(schema("parts")).validate(printed)
    return {"": {"code": str(code)}, **{part["name"]: part for part in printed["parts"]}}


@pytest.mark.usefixtures("render_worker_program")
def test_all_that_is_needed_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    parts = parts_of(capsys)

    assert parts[""]["code"] == "0"
    assert "by workers that stay" in parts["renderer"]["what"]
    assert {parts[name]["state"] for name in ("git", "renderer", "schemas", "cache")} == {"ok"}


def test_without_git_nothing_can_be_promoted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    parts = parts_of(capsys)

    assert parts[""]["code"] == "4"
    assert parts["git"]["state"] == "missing"
    assert "install" in parts["git"]["advice"]


def test_without_workers_it_says_what_would_be_faster(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    git = tmp_path / "git"
    git.symlink_to(str(shutil.which("git")))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    parts = parts_of(capsys)

    assert parts[""]["code"] == "0"
    assert parts["renderer"]["state"] == "slower"
    assert "nox -s tools" in parts["renderer"]["advice"]
    assert parts["go"]["state"] == "not installed"
    assert parts["cache"]["what"] == str(tmp_path / "cache" / "meshgate")


def test_a_cache_that_is_not_used_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    parts = parts_of(capsys, "--no-cache")

    assert parts["cache"] == {
        "name": "cache", "state": "slower", "what": "not used", "advice": "leave out --no-cache",
    }  # fmt: skip


def test_an_extra_is_there_when_all_of_its_libraries_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(doctor, "find_spec", lambda name: None if name == "duckdb" else real(name))
    tables = parts_of(capsys)["tables"]

    assert tables["state"] == "not installed"
    assert tables["advice"] == install_beside("pyarrow", "duckdb")
