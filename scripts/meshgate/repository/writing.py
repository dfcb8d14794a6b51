"""Commits made of values: the user's index and working tree are never touched."""

from __future__ import annotations

import datetime
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from meshgate.errors import RepositoryError
from meshgate.repository.repository import REGULAR, Repository

NO_OBJECT = "0" * 40


def commit_files(
    repository: Repository,
    base: str,
    files: Mapping[str, bytes | None],
    message: str,
    *,
    when: datetime.datetime | None = None,
) -> str:
    """Make a commit on top of `base` that writes these files, or removes those that are None.

    Its id is returned; no branch is moved. With `when`, the same files, message and person give
    the same id. It is signed where `commit.gpgSign` says so. Raises RepositoryError.
    """
    with tempfile.TemporaryDirectory(prefix="meshgate-") as folder:
        index = {"GIT_INDEX_FILE": os.path.realpath(Path(folder) / "index")}
        # An empty index is given all that the base has: it is known already, or asked once.
        there = (f"{each.mode} {each.blob}\t{each.path}\0" for each in repository.entries(base))
        lines = [*there, *_changes(repository, files)]
        repository.run(
            "update-index",
            "-z",
            "--index-info",
            stdin="".join(lines).encode("utf-8", "surrogateescape"),
            environment=index,
        )
        tree = repository.run("write-tree", environment=index)
    date = (
        {} if when is None else {"GIT_AUTHOR_DATE": _date(when), "GIT_COMMITTER_DATE": _date(when)}
    )
    signed = ["-S"] if repository.config("commit.gpgsign").lower() == "true" else []
    try:
        return repository.run(
            *("commit-tree", tree, "-p", base, *signed, "-F", "-"),
            what="git cannot make the commit",
            stdin=message.encode(),
            environment=date,
        )
    except RepositoryError as error:
        if "identity" in error.why or "user.email" in error.why:
            error.hint = "set user.name and user.email with `git config`"
        raise


def _changes(repository: Repository, files: Mapping[str, bytes | None]) -> list[str]:
    """Lines for `git update-index`; what goes comes first: a folder may take its place."""
    gone = [path for path, content in files.items() if content is None]
    written = sorted((path, content) for path, content in files.items() if content is not None)
    blobs = repository.store([content for _, content in written])
    return [
        *(f"0 {NO_OBJECT}\t{path}\0" for path in sorted(gone)),
        *(f"{REGULAR} {blob}\t{path}\0" for (path, _), blob in zip(written, blobs, strict=True)),
    ]


def _date(when: datetime.datetime) -> str:
    return f"{int(when.timestamp())} +0000"
