"""All that promotion owns, as it is at a commit or in a working tree."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from meshgate.errors import IntegrityError
from meshgate.promotion.files import OWNED, File
from meshgate.repository import EXECUTABLE, LINK, REGULAR, Repository
from meshgate.repository.opened import LARGEST_FILE, SUBMODULE


def at_commit(repository: Repository, commit: str) -> dict[str, File]:
    """The files below rendered/, promotion/state/ and promotion/ledger/ of a commit, by path."""
    return {
        entry.path: File(
            entry.mode, b"" if entry.mode == SUBMODULE else repository.blob(entry.blob)
        )
        for entry in repository.entries(commit, *OWNED)
    }


def in_folder(root: Path) -> dict[str, File]:
    """The same of a working tree; links are not followed. Raises IntegrityError."""
    return dict(sorted(item for folder in OWNED for item in _walk(root, folder)))


def contents(files: Mapping[str, File]) -> dict[str, bytes]:
    """The bytes alone."""
    return {path: file.content for path, file in files.items()}


def _walk(root: Path, name: str) -> Iterator[tuple[str, File]]:
    path = root / name
    try:
        state = path.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISLNK(state.st_mode):
        yield name, File(LINK, os.fsencode(path.readlink()))
    elif stat.S_ISDIR(state.st_mode):
        for entry in sorted(os.listdir(path)):  # noqa: PTH208 - paths are text here
            yield from _walk(root, f"{name}/{entry}")
    elif not stat.S_ISREG(state.st_mode) or state.st_size > LARGEST_FILE:
        raise IntegrityError("is no file that promotion writes", file=name)
    else:
        mode = EXECUTABLE if state.st_mode & stat.S_IXUSR else REGULAR
        yield name, File(mode, path.read_bytes())
