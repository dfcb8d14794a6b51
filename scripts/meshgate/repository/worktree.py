"""What differs between the working tree and a reference."""

from __future__ import annotations

import os
from pathlib import Path

from meshgate.errors import RepositoryError
from meshgate.repository.opened import Repository, open_above, refuse_shallow


def top(root: Path) -> Path:
    """The top of the repository that a folder is in. Raises RepositoryError where it is in none."""
    with open_above(root) as repository:
        return Path(os.path.realpath(repository.working_dir))


def changed_files(root: Path, reference: str) -> frozenset[str]:
    """Files that differ from the merge base with `reference`, relative to `root`.

    Committed, staged, unstaged and untracked changes alike; both names of a renamed file.
    Raises RepositoryError where git has no such reference, or `root` is in no repository.
    """
    try:
        above = top(root)
    except RepositoryError as error:
        error.hint = "leave --changed-since out to judge everything"
        raise
    with Repository(above) as repository:
        what = f"git cannot compare with {reference!r}"
        hint = "fetch that reference first; a shallow clone needs `git fetch --unshallow`"
        try:
            refuse_shallow(repository)
            base = repository.run(
                "merge-base", "HEAD", repository.resolve(reference), what="they share no commit"
            )
        except RepositoryError as error:
            raise RepositoryError(
                what, why=" ".join(filter(None, (error.what, error.why))), hint=hint
            ) from error
        listed = (
            repository.run("diff", "--name-only", "--no-renames", "-z", base, "--"),
            repository.run("ls-files", "--others", "--exclude-standard", "--full-name", "-z"),
        )
    prefix = os.path.relpath(os.path.realpath(root), above)
    names = [name for text in listed for name in text.split("\0") if name]
    return frozenset(os.path.relpath(name, prefix) for name in names)
