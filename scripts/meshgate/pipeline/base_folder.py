"""The base of a change as a folder, written out of git as far as it is needed.

A change reaches a few of many environments: to write the others takes longer than to judge these.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from pathlib import Path

from meshgate import source
from meshgate.model import Environment
from meshgate.repository import LINK, SUBMODULE, Repository, refuse, write_entries
from meshgate.source.vendored import FILE as VENDORED

# What the configuration of a repository is read from lies in none of these.
OF_ENVIRONMENTS = frozenset({"inventory", "overlays", "policies", "rendered"})
CONFIGURATION = frozenset({"expectations", "promotion", "waivers"})


class BaseFolder:
    """The files of a commit below an empty folder; `root` is the judged one in it.

    below  the judged folder, relative to the top of the repository
    Raises RepositoryError for a commit that must not be written out.
    """

    def __init__(self, repository: Repository, commit: str, folder: Path, below: str) -> None:
        folder.mkdir()
        self.root = folder / below
        self._top = repository.root
        self._commit = commit
        self._folder = folder
        entries = repository.entries(commit, *([] if below == "." else [below]))
        refuse(commit, entries)
        start = "" if below == "." else f"{below}/"
        # Those that are not written yet, by their names relative to `root`.
        self._left = {entry.path.removeprefix(start): entry for entry in entries}
        # Where a name leads elsewhere, or a digest is of a whole folder, nothing is left out.
        self._at_once = any(
            entry.mode in {LINK, SUBMODULE} or posixpath.basename(name) == VENDORED
            for name, entry in self._left.items()
        )

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left to be written."""
        return not self._left

    def folders(self) -> frozenset[str]:
        """The folders that hold what is not written, relative to `root`."""
        found: set[str] = set()
        for name in self._left:
            folder = posixpath.dirname(name)
            while folder and folder not in found:
                found.add(folder)
                folder = posixpath.dirname(folder)
        return frozenset(found)

    def write_configuration(self, environments: Iterable[Environment]) -> None:
        """Write what no environment is built from, as far as those of the other side tell."""
        named = {
            folder.partition("/")[0]
            for each in environments
            for folder in source.named_folders(each.sources)
        }
        others = (OF_ENVIRONMENTS | named) - CONFIGURATION
        self._write(name for name in self._left if name.partition("/")[0] not in others)

    def write_environments(self, environments: Iterable[Environment], names: Iterable[str]) -> None:
        """Write what some environments are judged by; `names` are likely to be among it.

        Their sources are followed until nothing is missing that the commit has.
        """
        environments = list(environments)
        wanted = set(names)
        folders = [f"inventory/{each.name}" for each in environments]
        while self._left:
            for each in environments:
                reached, own = source.reach(self.root, each.sources)
                wanted |= reached
                folders += map(posixpath.normpath, own)
            named = frozenset(folders)
            missing = [
                name
                for name in self._left
                if name in wanted or "." in named or not named.isdisjoint(_above(name))
            ]
            if not missing:
                return
            self._write(missing)

    def write_all(self) -> None:
        """Write what is left."""
        self._write(self._left)

    def _write(self, names: Iterable[str]) -> None:
        """Write some of what is left."""
        entries = [self._left.pop(name) for name in [*(self._left if self._at_once else names)]]
        if entries:
            with Repository(self._top) as repository:
                write_entries(repository, self._commit, entries, self._folder)


def _above(name: str) -> Iterator[str]:
    """The folders that a file lies in."""
    while name := posixpath.dirname(name):
        yield name
