"""The commit that is checked out, as a name of what was judged."""

from __future__ import annotations

from pathlib import Path

from meshgate.errors import RepositoryError


def commit_of(root: Path) -> str:
    """Its id; empty outside of git, and before the first commit."""
    from meshgate import repository  # noqa: PLC0415 - GitPython is slow to import

    try:
        with repository.Repository(repository.top(root)) as opened:
            return opened.resolve("HEAD")
    except RepositoryError:
        return ""
