"""Where promotion writes, and digests of what is there: by hand, `sha256sum` gives the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

RENDERED = "rendered"
STATE = "promotion/state"
LEDGER = "promotion/ledger"
# All that promotion owns: nothing else may write there.
OWNED = (RENDERED, STATE, LEDGER)

SUFFIX = ".yaml"


class File(NamedTuple):
    """A file as git keeps it: mode (`100644`, `100755`, `120000`) and bytes."""

    mode: str
    content: bytes


def state_path(environment: str) -> str:
    """Where the state of an environment lies in the repository."""
    return f"{STATE}/{environment}{SUFFIX}"


def ledger_folder(environment: str) -> str:
    """Where the records of an environment lie, with `/` at the end."""
    return f"{LEDGER}/{environment}/"


def rendered_folder(environment: str) -> str:
    """Where the rendered files of an environment lie, with `/` at the end."""
    return f"{RENDERED}/{environment}/"


def below(files: Mapping[str, bytes], folder: str) -> dict[str, bytes]:
    """The files below a folder (with `/` at its end), by their whole paths."""
    return {path: content for path, content in files.items() if path.startswith(folder)}


def sha256(content: bytes) -> str:
    """64 hex digits."""
    return hashlib.sha256(content).hexdigest()


def sum_of(lines: Iterable[tuple[str, str]]) -> str:
    """SHA-256 over lines as `sha256sum` writes them, of (path, digest), sorted by path's bytes."""
    ordered = sorted((path.encode("utf-8", "surrogateescape"), told) for path, told in lines)
    return sha256(b"".join(told.encode() + b"  " + path + b"\n" for path, told in ordered))


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
