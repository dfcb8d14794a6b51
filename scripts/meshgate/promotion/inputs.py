"""What a release is the content of: all that the environments of a commit are built from.

Most repositories have bases in policies/ and overlays in overlays/; there it is these two folders
as they are. Elsewhere it is the folders of the kustomizations that the environments name, whatever
they are called, and what these reach.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from meshgate.errors import BuildError, RepositoryError
from meshgate.promotion.committed import CommittedRoot
from meshgate.promotion.files import is_owned
from meshgate.promotion.policy import FILE
from meshgate.repository import Repository, TreeEntry
from meshgate.repository.opened import LINK
from meshgate.source import KUSTOMIZATION_NAMES, SOURCE_FOLDERS
from meshgate.source.cache import Cache, digest
from meshgate.source.program import TOOLCHAIN
from meshgate.source.tree import Tree
from meshgate.source.vendored import FILE as VENDORED
from meshgate.yamldoc import document

POLICIES, OVERLAYS = SOURCE_FOLDERS
INPUTS: tuple[str, ...] = (POLICIES, OVERLAYS, TOOLCHAIN)
# Part of every key of what is kept: raise it when what is kept, or how it is made, changes.
FORMAT = "1"
# Paths with more to them than going up and then down.
ODD = rb"[^.]/\.\.|\.\.//|/\./|\\"


class Inputs:
    """The paths that the releases of a repository are the content of, commit by commit.

    `cache` is the folder of kept results.
    """

    def __init__(self, repository: Repository, *, cache: Path | None = None) -> None:
        self._repository = repository
        self._stored = Cache(cache, "inputs")
        self._by_commit: dict[str, tuple[str, ...]] = {}
        # By the blob of a kustomization and its folder: whether all it names lies in the two.
        self._staying: dict[tuple[str, str], bool] = {}

    def at(self, commit: str) -> tuple[str, ...]:
        """The folders and files of a commit, the toolchain last."""
        if commit not in self._by_commit:
            usual = self._is_usual(commit)
            self._by_commit[commit] = INPUTS if usual else (*self._kept(commit), TOOLCHAIN)
        return self._by_commit[commit]

    def _is_usual(self, commit: str) -> bool:
        """Whether all overlays lie in the two folders, and nothing there leads out of them.

        It then follows from these folders and environments.yaml alone. Links are not followed here.
        """
        overlays = overlays_at(self._repository, commit)
        if not all(is_at(overlay, SOURCE_FOLDERS) for overlay in overlays):
            return False
        if any(self._repository.object_id(commit, name) is None for name in SOURCE_FOLDERS):
            return not overlays
        return all(
            entry.mode != LINK and self._stays(entry)
            for entry in self._repository.entries(commit, *SOURCE_FOLDERS)
        )

    def _stays(self, entry: TreeEntry) -> bool:
        folder, name = posixpath.split(entry.path)
        if name not in {*KUSTOMIZATION_NAMES, VENDORED}:
            return True
        key = (entry.blob, folder)
        if key not in self._staying:
            content = self._repository.blob(entry.blob)
            self._staying[key] = not leads_elsewhere(content, folder.count("/") + 1)
        return self._staying[key]

    def _kept(self, commit: str) -> tuple[str, ...]:
        key = digest(FORMAT, self._repository.resolve(commit))
        kept = self._stored.get(key)
        if isinstance(kept, list) and all(isinstance(each, str) for each in kept):
            return tuple(map(str, kept))
        sources = self._sources(commit)
        self._stored.put(key, list(sources))
        return sources

    def _sources(self, commit: str) -> tuple[str, ...]:
        overlays = overlays_at(self._repository, commit)
        usual = [name for name in SOURCE_FOLDERS if self._repository.object_id(commit, name)]
        if not overlays:
            return SOURCE_FOLDERS
        below = CommittedRoot(self._repository, commit)
        reached: dict[str, None] = {}
        for overlay in overlays:
            tree = Tree(Path(below.top), overlay, below)
            reached |= dict.fromkeys(name for name in tree.kustomizations if name != ".")
            reached |= dict.fromkeys(tree.files)
        elsewhere = sorted(name for name in reached if not is_at(name, SOURCE_FOLDERS))
        if not elsewhere and (len(usual) == len(SOURCE_FOLDERS) or not reached):
            return SOURCE_FOLDERS
        for name in elsewhere:
            if is_owned(name):
                raise RepositoryError(
                    f"an environment of {commit[:10]} is built from {name}",
                    why="Promotion writes there: a release cannot be made of its own output.",
                    hint="build it from files elsewhere",
                )
        outermost: list[str] = []
        for name in elsewhere:
            if not is_at(name, outermost):
                outermost.append(name)
        return (*(each for each in usual if any(is_at(n, (each,)) for n in reached)), *outermost)


def leads_elsewhere(content: bytes, depth: int) -> bool:
    """Whether a text may hold a path out of the two folders, written `depth` folders below the top.

    Such a path climbs to the top, or is spelled in a way that is not looked at closer here: with
    `..` after a name, with an escape, with `/./` or `//`.
    """
    to_top = rb"(?:\.\./){%d,}(?!(?:%s)(?:[/\s\"',\]}]|$))" % (
        depth,
        "|".join(SOURCE_FOLDERS).encode(),
    )
    ends_at_top = rb"(?:\.\./){%d}\.\.(?!/)" % (depth - 1)
    return re.search(b"|".join((to_top, ends_at_top, ODD)), content) is not None


def overlays_at(repository: Repository, commit: str) -> tuple[str, ...]:
    """The overlays that a commit's environments name; none where that cannot be read."""
    content = repository.read(commit, FILE)
    try:
        value = document.parse(content or b"", FILE).value
    except BuildError:
        return ()
    entries = value.get("environments") if isinstance(value, dict) else None
    named = (
        each.get("overlay")
        for each in (entries if isinstance(entries, list) else ())
        if isinstance(each, dict)
    )
    return tuple(posixpath.normpath(each) for each in named if isinstance(each, str))


def is_at(name: str, folders: tuple[str, ...] | list[str]) -> bool:
    """Whether a path is one of these, or below one."""
    return any(name == folder or name.startswith(f"{folder}/") for folder in folders)
