"""Write the files of a commit into a folder, byte for byte, and nothing outside of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from meshgate.errors import RepositoryError
from meshgate.repository.repository import EXECUTABLE, LINK, MEBIBYTE, SUBMODULE, Repository
from meshgate.repository.trees import TreeEntry

LARGEST_EXTRACT = 256 * MEBIBYTE
MOST_FILES = 100_000


def extract(
    repository: Repository, commit: str, paths: Sequence[str], folder: Path
) -> list[TreeEntry]:
    """Write the files at or below `paths` of a commit into an empty folder; what was written.

    As `git archive` does it, except that no attribute of the commit changes a byte. A symbolic
    link is kept as one, and never followed. Raises RepositoryError for a submodule, for a path
    that leads out of the folder, and above 100,000 files or 256 MiB.
    """
    entries = repository.entries(commit, *paths)
    refuse(commit, entries)
    write_entries(repository, commit, entries, folder)
    return entries


def write_entries(
    repository: Repository, commit: str, entries: Sequence[TreeEntry], folder: Path
) -> None:
    """Write some files of a commit that `refuse` has nothing against, and that are not there yet.

    Raises RepositoryError above 256 MiB.
    """
    links = [entry for entry in entries if entry.mode == LINK]
    room = LARGEST_EXTRACT
    # Links come last: nothing is ever written through one.
    for entry in [*(entry for entry in entries if entry.mode != LINK), *links]:
        content = repository.blob(entry.blob)
        room -= len(content)
        if room < 0:
            raise RepositoryError(
                f"the inputs of {commit} are larger than {LARGEST_EXTRACT // MEBIBYTE} MiB"
            )
        path = folder / entry.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if entry.mode == LINK:
            path.symlink_to(os.fsdecode(content))
            continue
        with path.open("xb") as file:
            file.write(content)
        path.chmod(0o755 if entry.mode == EXECUTABLE else 0o644)


def refuse(commit: str, entries: Sequence[TreeEntry]) -> None:
    """Raise RepositoryError for what must not be written.

    git itself would not make it, a crafted tree can.
    """
    if len(entries) > MOST_FILES:
        raise RepositoryError(f"the inputs of {commit} are more than {MOST_FILES:,} files")
    names = {entry.path for entry in entries}
    for entry in entries:
        parts = entry.path.split("/")
        odd = any(part in {"", ".", ".."} or part.lower() == ".git" for part in parts)
        below = any(str(parent) in names for parent in PurePosixPath(entry.path).parents)
        if odd or below or "\\" in entry.path:
            raise RepositoryError(f"{entry.path!r} of {commit} is no path of a working tree")
        if entry.mode == SUBMODULE:
            raise RepositoryError(
                f"{entry.path} of {commit} is a submodule",
                why="Its content is not part of this repository's commits.",
                hint="put the files themselves there",
            )
    if len(names) != len(entries):
        raise RepositoryError(f"{commit} has a path twice")
