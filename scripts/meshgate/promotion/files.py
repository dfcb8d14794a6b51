"""What promotion writes: where it lies, what is there, and digests that `sha256sum` gives, too."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

from meshgate.errors import IntegrityError
from meshgate.repository import EXECUTABLE, LINK, REGULAR, Repository, TreeEntry
from meshgate.repository.repository import LARGEST_FILE, SUBMODULE

RENDERED = "rendered"
STATE = "promotion/state"
LEDGER = "promotion/ledger"
# All that promotion owns: nothing else may write there.
OWNED = (RENDERED, STATE, LEDGER)

SUFFIX = ".yaml"
ADDED, MODIFIED, DELETED = "added", "modified", "deleted"


class File(NamedTuple):
    """A file as git keeps it: mode (`100644`, `100755`, `120000`) and bytes."""

    mode: str
    content: bytes


class FileChange(Struct, frozen=True):
    """A file that differs between two commits.

    kind  added | modified | deleted
    mode  git's, at the newer commit; empty where deleted
    """

    path: str
    kind: str
    mode: str = REGULAR


def state_path(environment: str) -> str:
    """Where the state of an environment lies in the repository."""
    return f"{STATE}/{environment}{SUFFIX}"


def ledger_folder(environment: str) -> str:
    """Where the records of an environment lie, with `/` at the end."""
    return f"{LEDGER}/{environment}/"


def rendered_folder(environment: str) -> str:
    """Where the rendered files of an environment lie, with `/` at the end."""
    return f"{RENDERED}/{environment}/"


def is_owned(path: str) -> bool:
    """Whether only promotion may write this path, or what some file systems take for it."""
    return f"{path}/".lower().startswith(tuple(f"{folder}/" for folder in OWNED))


def belongs_to(environment: str, path: str) -> bool:
    """Whether a path is one of an environment's, whatever lies there."""
    folders = (rendered_folder(environment), ledger_folder(environment))
    return path == state_path(environment) or path.startswith(folders)


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


def below(files: Mapping[str, bytes], folder: str) -> dict[str, bytes]:
    """The files below a folder (with `/` at its end), by their whole paths."""
    return {path: content for path, content in files.items() if path.startswith(folder)}


def differences(old: Iterable[TreeEntry], new: Iterable[TreeEntry]) -> tuple[FileChange, ...]:
    """What differs between the files of two commits, sorted by path."""
    before = {entry.path: entry for entry in old}
    after = {entry.path: entry for entry in new}
    changes = [FileChange(path, DELETED, "") for path in before.keys() - after]
    for path, entry in after.items():
        if path not in before:
            changes.append(FileChange(path, ADDED, entry.mode))
        elif before[path] != entry:
            changes.append(FileChange(path, MODIFIED, entry.mode))
    return tuple(sorted(changes, key=lambda change: change.path))


def sha256(content: bytes) -> str:
    """64 hex digits."""
    return hashlib.sha256(content).hexdigest()


def sum_of(digests: Iterable[tuple[str, str]]) -> str:
    """SHA-256 over lines as `sha256sum` writes them, of (path, digest), sorted by path's bytes."""
    ordered = sorted((path.encode("utf-8", "surrogateescape"), digest) for path, digest in digests)
    return sha256(b"".join(digest.encode() + b"  " + path + b"\n" for path, digest in ordered))


def rendered_sum(environment: str, files: Mapping[str, bytes]) -> str:
    """The digest of `rendered/<environment>`, over paths within that folder."""
    folder = rendered_folder(environment)
    return sum_of((path.removeprefix(folder), sha256(content)) for path, content in files.items())


def git_tree(environment: str, files: Mapping[str, bytes]) -> str:
    """The id git gives to `rendered/<environment>` with these regular files: 40 hex digits."""
    folder = rendered_folder(environment)
    within = {path.removeprefix(folder): content for path, content in files.items()}
    return _tree(within).hex()


def _tree(files: Mapping[str, bytes]) -> bytes:
    folders: dict[str, dict[str, bytes]] = {}
    entries: list[tuple[bytes, bytes]] = []
    for path, content in files.items():
        name, slash, rest = path.partition("/")
        if slash:
            folders.setdefault(name, {})[rest] = content
        else:
            entries.append((name.encode(), b"100644 %s\0" % name.encode() + _id(b"blob", content)))
    for name, inside in folders.items():
        # git sorts a folder as if its name ended with a slash.
        entries.append((name.encode() + b"/", b"40000 %s\0" % name.encode() + _tree(inside)))
    return _id(b"tree", b"".join(entry for _, entry in sorted(entries)))


def _id(kind: bytes, content: bytes) -> bytes:
    head = b"%s %d\0" % (kind, len(content))
    return hashlib.sha1(head + content, usedforsecurity=False).digest()


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
