"""Where the repository around a folder is opened, and what is said where there is none."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from meshgate.errors import RepositoryError, ToolError

if TYPE_CHECKING:
    import git

# GitPython takes 40 ms to import, and `validate` reads settings of promotion without any commit:
# it is imported where a repository is opened. Without git it refuses to be, unless it is told so.
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")

# What `git rev-parse --local-env-vars` lists: a hook's would lead to another repository.
LOCAL_VARIABLES = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)


@contextlib.contextmanager
def without_variables() -> Iterator[None]:
    """Keep inherited variables from GitPython while it opens a repository."""
    inherited = {name: os.environ.pop(name) for name in LOCAL_VARIABLES if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(inherited)


def no_git() -> ToolError:
    """There is no git here."""
    return ToolError(
        "git is not installed",
        why="Commits, branches and files of the repository are read with it.",
        hint="install it: apt-get install git, dnf install git, apk add git, brew install git",
    )


def open_above(root: Path) -> git.Repo:
    """The repository that a folder is in. Raises RepositoryError and ToolError."""
    import git  # noqa: PLC0415 - see above

    try:
        return git.Repo(root, search_parent_directories=True)
    except git.GitCommandNotFound as error:
        raise no_git() from error
    except (git.InvalidGitRepositoryError, git.NoSuchPathError) as error:
        raise RepositoryError(
            f"{root} is not in a git repository",
            why="Releases, states and the ledger are read from commits.",
            hint="name a clone with -C DIR",
        ) from error
