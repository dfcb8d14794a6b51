"""The files of a commit, read folder by folder from the process that also gives their bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

FOLDER = "040000"
# Folders within folders: a path of 4,096 bytes, the longest of Linux, seldom has a tenth of them.
DEEPEST = 400


class TreeEntry(NamedTuple):
    """A file of a commit: path from the top, git's mode (`100644`…) and the id of its blob."""

    path: str
    mode: str
    blob: str


Entries = Sequence[TreeEntry]


def entries_of(content: bytes) -> tuple[TreeEntry, ...]:
    """What a tree object holds, names as git has them; none of them is checked (gitformat-pack(5)).

    Raises ValueError for what is no tree.
    """
    entries = []
    start = 0
    while start < len(content):
        space = content.index(b" ", start)
        end = content.index(b"\0", space)
        name = content[space + 1 : end].decode("utf-8", "surrogateescape")
        mode = content[start:space].decode("ascii").zfill(6)
        start = end + 21
        entries.append(TreeEntry(name, mode, content[end + 1 : start].hex()))
    return tuple(entries)


def below(tree: str, paths: Sequence[str], read: Callable[[str], Entries]) -> Iterator[TreeEntry]:
    """The files at or below some paths of a tree; `read` gives what a tree of an id holds.

    As `git ls-tree -r TREE -- PATHS`: a path that ends with a slash is a folder's. Raises
    ValueError for folders that are too deep.
    """
    wanted = dict.fromkeys(paths)
    for path in wanted:
        if not any(path.startswith(f"{other.rstrip('/')}/") for other in wanted if other != path):
            yield from _at(tree, "", path.split("/"), read)


def _at(
    tree: str, folder: str, steps: Sequence[str], read: Callable[[str], Entries]
) -> Iterator[TreeEntry]:
    first, *rest = steps
    for entry in read(tree):
        if entry.path != first:
            continue
        path = f"{folder}{first}"
        if entry.mode != FOLDER:
            if not rest:
                yield entry._replace(path=path)
        elif rest in ([], [""]):
            yield from _all(entry.blob, f"{path}/", read)
        else:
            yield from _at(entry.blob, f"{path}/", rest, read)


def _all(tree: str, folder: str, read: Callable[[str], Entries]) -> Iterator[TreeEntry]:
    if folder.count("/") > DEEPEST:
        raise ValueError(folder)
    for entry in read(tree):
        path = f"{folder}{entry.path}"
        if entry.mode == FOLDER:
            yield from _all(entry.blob, f"{path}/", read)
        else:
            yield entry._replace(path=path)
