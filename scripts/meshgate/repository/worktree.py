"""What differs between the working tree and a reference."""

from __future__ import annotations

import os
from pathlib import Path

import git

from meshgate.errors import RepositoryError


def top(root: Path) -> Path:
    """The top of the repository that a folder is in. Raises RepositoryError where it is in none."""
    try:
        with git.Repo(root, search_parent_directories=True) as repository:
            return Path(os.path.realpath(repository.working_dir))
    except git.InvalidGitRepositoryError as error:
        raise RepositoryError(
            f"{root} is not in a git repository",
            why="Two revisions of it are compared.",
            hint="name a clone with -C DIR",
        ) from error


def changed_files(root: Path, reference: str) -> frozenset[str]:
    """Files that differ from the merge base with `reference`, relative to `root`.

    Committed, staged, unstaged and untracked changes alike; both names of a renamed file.
    Raises RepositoryError where git has no such reference, or `root` is in no repository.
    """
    try:
        with git.Repo(root, search_parent_directories=True) as repository:
            above = os.path.realpath(repository.working_dir)
            # `--` keeps a reference that starts with a dash from being read as an option.
            base = repository.git.merge_base("HEAD", "--end-of-options", reference)
            listed = (
                repository.git.diff("--name-only", "--no-renames", "-z", base, "--"),
                repository.git.ls_files(
                    "--others", "--exclude-standard", "--full-name", "-z", above
                ),
            )
    except git.InvalidGitRepositoryError as error:
        raise RepositoryError(
            f"{root} is not in a git repository",
            hint="leave --changed-since out to judge everything",
        ) from error
    except git.GitCommandError as error:
        raise RepositoryError(
            f"git cannot compare with {reference!r}",
            why=str(error.stderr).strip(),
            hint="fetch that reference first; a shallow clone needs `git fetch --unshallow`",
        ) from error
    prefix = os.path.relpath(os.path.realpath(root), above)
    names = [name for text in listed for name in text.split("\0") if name]
    return frozenset(os.path.relpath(name, prefix) for name in names)
