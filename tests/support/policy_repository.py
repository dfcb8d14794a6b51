"""This repository's policies in a folder of their own, for tests that change them."""

from __future__ import annotations

import shutil
from pathlib import Path

import git
import pytest

from places import REPOSITORY
from promoted import packed
from without_authorization import without_authorization

# What is judged; of what promotion owns, all but `rendered`: by its states, environments that are
# pinned are adopted.
SOURCES = (
    *("environments.yaml", "expectations", "inventory", "overlays", "policies", "promotion"),
    "waivers",
)


def copy_policies(root: Path, *more: str) -> Path:
    """A copy of what is judged of this repository, and of more of its files and folders."""
    root.mkdir(exist_ok=True)
    for name in (*SOURCES, *more):
        copy = shutil.copytree if (REPOSITORY / name).is_dir() else shutil.copy
        copy(REPOSITORY / name, root / name)
    return root


def commit_all(root: Path, message: str) -> None:
    """Commit the working tree on branch main, in a repository that is made where there is none."""
    with git.Repo.init(root, initial_branch="main") as made:
        made.git.add("--all")
        made.git.commit("-m", message)


@pytest.fixture(scope="session")
def transport_policies_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shared one: never change it."""
    root = copy_policies(tmp_path_factory.mktemp("policies") / "repository")
    without_authorization(root)
    commit_all(root, "base")
    return packed(root)


@pytest.fixture
def transport_policies(transport_policies_once: Path, tmp_path: Path) -> Path:
    """This repository's policies of transport, committed on branch main."""
    root = tmp_path / "repository"
    shutil.copytree(transport_policies_once, root, symlinks=True)
    return root
