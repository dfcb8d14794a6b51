"""What a release is the content of: all that the environments of a commit are built from.

Most repositories have bases in policies/ and overlays in overlays/; there it is these two folders
as they are. Elsewhere it is what the environments name, whatever it is called, and what that
reaches: kustomizations and their bases, charts and files of values, folders of manifests.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from pathlib import Path

from meshgate.config.stated_sources import named_paths, stated_sources
from meshgate.errors import RepositoryError
from meshgate.model.sources import ManifestSources
from meshgate.promotion.committed import CommittedRoot
from meshgate.promotion.files import is_owned
from meshgate.promotion.policy import FILE
from meshgate.repository import Repository, TreeEntry
from meshgate.repository.commit import LineStep
from meshgate.repository.line_changes import files_ever, objects_along
from meshgate.repository.repository import LINK
from meshgate.source import KUSTOMIZATION_NAMES
from meshgate.source.cache import Cache, digest
from meshgate.source.kinds import opened
from meshgate.source.program import TOOLCHAIN
from meshgate.source.vendored import FILE as VENDORED

# The two folders that the format of records has names for, `policiesTree` and `overlaysTree`. Where
# a commit is built from these alone, its release is all that lies in them, also what no environment
# reaches: the ids of releases in ledgers follow from that, so it is part of the format.
SOURCE_FOLDERS = ("policies", "overlays")
INPUTS: tuple[str, ...] = (*SOURCE_FOLDERS, TOOLCHAIN)
# Part of every key of what is kept: raise it when what is kept, or how it is made, changes.
FORMAT = "3"
# Paths with more to them than going up and then down.
ODD = rb"[^.]/\.\.|\.\.//|/\./|\\"


class ReleaseInputs:
    """The paths that the releases of a repository are the content of, commit by commit.

    `cache` is the folder of kept results.
    """

    def __init__(self, repository: Repository, *, cache: Path | None = None) -> None:
        self._repository = repository
        self._stored = Cache(cache, "inputs")
        self._by_commit: dict[str, tuple[str, ...]] = {}
        self._how: dict[str, str] = {}
        # By the blob of a kustomization and its folder: whether all it names lies in the two.
        self._staying: dict[tuple[str, str], bool] = {}
        # Commits of which no file in the two folders leads out of them, nor ever did.
        self._plain: set[str] = set()
        # By the ids of environments.yaml and the two folders, on which alone it depends.
        self._usual: dict[tuple[str | None, ...], bool] = {}
        self._overlays: dict[str | None, tuple[bool, bool]] = {}
        self._stated: dict[str | None, tuple[ManifestSources, ...]] = {}

    def learn(self, steps: Sequence[LineStep]) -> None:
        """Take over what decides on the inputs of a line; the steps change FILE or INPUTS."""
        self._repository.learn(objects_along(steps, FILE, *INPUTS))
        ever = files_ever(steps, *SOURCE_FOLDERS)
        if all(entry.mode != LINK and self._stays(entry) for entry in ever):
            self._plain.update(step.commit.sha for step in steps)

    def at(self, commit: str) -> tuple[str, ...]:
        """The folders and files of a commit, the toolchain last."""
        if commit not in self._by_commit:
            key = tuple(
                self._repository.object_id(commit, name) for name in (FILE, *SOURCE_FOLDERS)
            )
            usual = self._usual.get(key)
            if usual is None:
                usual = self._usual[key] = self._is_usual(commit)
            self._by_commit[commit] = INPUTS if usual else (*self._inputs_at(commit), TOOLCHAIN)
        return self._by_commit[commit]

    def how(self, commit: str) -> str:
        """What environments.yaml says of renders beside paths of overlays; empty: no more."""
        if commit not in self._how:
            stated = self._sources_of(commit)
            more = sorted({each.sources for each in stated if each.sources != each.overlay})
            self._how[commit] = "\n".join(more)
        return self._how[commit]

    def _is_usual(self, commit: str) -> bool:
        """Whether all overlays lie in the two folders, and nothing there leads out of them.

        It then follows from these folders and environments.yaml alone. Links are not followed here.
        """
        within, some = self._overlays_of(commit)
        if not within:
            return False
        if any(self._repository.object_id(commit, name) is None for name in SOURCE_FOLDERS):
            return not some
        if commit in self._plain:
            return True
        return all(
            entry.mode != LINK and self._stays(entry)
            for entry in self._repository.entries(commit, *SOURCE_FOLDERS)
        )

    def _overlays_of(self, commit: str) -> tuple[bool, bool]:
        """Whether environments.yaml names nothing but overlays in the two folders; and whether any.

        The same for all commits that have the same file.
        """
        blob = self._repository.object_id(commit, FILE)
        if blob not in self._overlays:
            stated = self._sources_of(commit)
            within = all(
                each.sources == each.overlay
                and is_at(posixpath.normpath(each.overlay), SOURCE_FOLDERS)
                for each in stated
            )
            self._overlays[blob] = within, bool(stated)
        return self._overlays[blob]

    def _sources_of(self, commit: str) -> tuple[ManifestSources, ...]:
        blob = self._repository.object_id(commit, FILE)
        if blob not in self._stated:
            self._stated[blob] = sources_at(self._repository, commit)
        return self._stated[blob]

    def _stays(self, entry: TreeEntry) -> bool:
        folder, name = posixpath.split(entry.path)
        if name not in {*KUSTOMIZATION_NAMES, VENDORED}:
            return True
        key = (entry.blob, folder)
        if key not in self._staying:
            content = self._repository.blob(entry.blob)
            self._staying[key] = not leads_elsewhere(content, folder.count("/") + 1)
        return self._staying[key]

    def _inputs_at(self, commit: str) -> tuple[str, ...]:
        key = digest(FORMAT, self._repository.resolve(commit))
        cached = self._stored.get(key)
        if isinstance(cached, list) and all(isinstance(each, str) for each in cached):
            return tuple(map(str, cached))
        sources = self._sources(commit)
        self._stored.put(key, list(sources))
        return sources

    def _sources(self, commit: str) -> tuple[str, ...]:
        stated = sources_at(self._repository, commit)
        usual = [name for name in SOURCE_FOLDERS if self._repository.object_id(commit, name)]
        if not stated:
            return SOURCE_FOLDERS
        below = CommittedRoot(self._repository, commit)
        reached: dict[str, None] = {}
        for each in stated:
            for source in opened(Path(below.top), each.sources, below):
                at = source.reached()
                reached |= dict.fromkeys((*at.folders, *sorted(at.files)))
            if isinstance(each.substitute, str):
                reached[posixpath.normpath(each.substitute)] = None
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


def sources_at(repository: Repository, commit: str) -> tuple[ManifestSources, ...]:
    """The sources of a commit's environments; none where that cannot be read."""
    return stated_sources(repository.read(commit, FILE) or b"", FILE)


def named_at(repository: Repository, commit: str) -> tuple[str, ...]:
    """The paths that environments.yaml of a commit names; none where that cannot be read."""
    return named_paths(repository.read(commit, FILE) or b"", FILE)


def is_at(name: str, folders: tuple[str, ...] | list[str]) -> bool:
    """Whether a path is one of these, or below one."""
    return any(name == folder or name.startswith(f"{folder}/") for folder in folders)
