"""What git says has changed, in real repositories."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from meshgate.errors import RepositoryError
from meshgate.repository import changed_files


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A branch `topic` one commit ahead of `main`, which has moved on meanwhile."""
    git(tmp_path, "init", "-q", "-b", "main")
    for name in ("kept", "changed", "moved", "theirs"):
        (tmp_path / name).write_text(f"{name}\n" * 9, encoding="utf-8")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "start")
    git(tmp_path, "switch", "-qc", "topic")
    (tmp_path / "changed").write_text("else\n", encoding="utf-8")
    git(tmp_path, "mv", "moved", "renamed")
    git(tmp_path, "commit", "-qam", "topic")
    git(tmp_path, "switch", "-q", "main")
    (tmp_path / "theirs").write_text("else\n", encoding="utf-8")
    git(tmp_path, "commit", "-qam", "main moves on")
    git(tmp_path, "switch", "-q", "topic")
    return tmp_path


def test_what_the_branch_changed_and_nothing_of_main(clone: Path) -> None:
    assert changed_files(clone, "main") == {"changed", "moved", "renamed"}


def test_staged_unstaged_and_untracked_changes_count(clone: Path) -> None:
    (clone / "kept").write_text("unstaged\n", encoding="utf-8")
    (clone / "staged").write_text("new\n", encoding="utf-8")
    git(clone, "add", "staged")
    (clone / "folder").mkdir()
    (clone / "folder" / "ünträcked name").write_text("new\n", encoding="utf-8")

    assert changed_files(clone, "HEAD") == {"kept", "staged", "folder/ünträcked name"}


def test_names_are_relative_to_the_judged_folder(clone: Path) -> None:
    (clone / "folder").mkdir()
    (clone / "folder" / "inside").write_text("new\n", encoding="utf-8")

    assert changed_files(clone / "folder", "HEAD") == {"inside"}


@pytest.mark.parametrize("reference", ["no-such-branch", "--output=/tmp/x", "-x"])
def test_a_reference_git_does_not_know_is_an_error(clone: Path, reference: str) -> None:
    with pytest.raises(RepositoryError, match="cannot compare"):
        changed_files(clone, reference)


def test_a_folder_outside_any_repository_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="not in a git repository"):
        changed_files(tmp_path, "HEAD")
