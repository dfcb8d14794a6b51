"""What differs between the working tree and a reference."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from meshgate.errors import RepositoryError
from meshgate.repository.opening import open_above
from meshgate.repository.repository import Repository, refuse_shallow


def top(root: Path) -> Path:
    """The top of the repository that a folder is in. Raises RepositoryError where it is in none."""
    with open_above(root) as repository:
        return Path(os.path.realpath(repository.working_dir))


class Changed(Struct, frozen=True):
    """What differs between the working tree and a commit; names are relative to the judged folder.

    files    committed, staged, unstaged and untracked changes alike; both names of a renamed file
    ignored  what git was told not to look at; a folder that is ignored as a whole is one name
    tree     the id of the judged folder in that commit; empty where the commit has no such folder
    """

    files: frozenset[str]
    ignored: frozenset[str]
    tree: str


def changed_files(root: Path, reference: str) -> frozenset[str]:
    """Files that differ from the merge base with `reference`, as `changed`."""
    with _compared(root, reference) as (repository, base, inside):
        return _changed(repository, base, inside)


def changed(root: Path, reference: str) -> Changed:
    """What differs from the merge base with `reference`.

    Raises RepositoryError where git has no such reference, or `root` is in no repository.
    """
    with _compared(root, reference) as (repository, base, inside):
        listed = repository.run(
            *("ls-files", "--others", "--ignored", "--exclude-standard"),
            *("--directory", "--full-name", "-z"),
        )
        return Changed(
            _changed(repository, base, inside),
            _names(listed, inside),
            _tree(repository, base, inside),
        )


def changed_between(root: Path, before: str, after: str) -> frozenset[str] | None:
    """The names of files that differ between two trees; None where one of them is not there."""
    with Repository(top(root)) as repository:
        try:
            listed = repository.run(
                "diff-tree", "-r", "--name-only", "--no-renames", "-z", before, after, "--"
            )
        except RepositoryError:
            return None
    return _names(listed, ".")


@contextlib.contextmanager
def _compared(root: Path, reference: str) -> Iterator[tuple[Repository, str, str]]:
    """The repository, the merge base, and the judged folder relative to the top."""
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
        yield repository, base, os.path.relpath(os.path.realpath(root), above)


def _changed(repository: Repository, base: str, inside: str) -> frozenset[str]:
    return _names(
        "\0".join(
            (
                repository.run("diff", "--name-only", "--no-renames", "-z", base, "--"),
                repository.run("ls-files", "--others", "--exclude-standard", "--full-name", "-z"),
            )
        ),
        inside,
    )


def _tree(repository: Repository, commit: str, inside: str) -> str:
    place = "" if inside == "." else inside.replace(os.sep, "/")
    try:
        return repository.run("rev-parse", "--verify", "--quiet", f"{commit}:{place}")
    except RepositoryError:
        return ""


def _names(listed: str, inside: str) -> frozenset[str]:
    """The names of a list as git writes it, relative to a folder."""
    return frozenset(os.path.relpath(name, inside) for name in listed.split("\0") if name)
