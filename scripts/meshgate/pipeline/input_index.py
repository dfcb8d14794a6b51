"""Which environment reads which files: kept between runs for the tree of one commit.

To find out what an environment reads, its kustomizations are followed from one to the next. Of
10,000 environments that takes longer than to judge those that a change reaches. An entry says what
sources read in a tree of git, whose id is made from all that is in it. Where nothing that the
sources read there has changed since, they read the same now: the walk has met nothing new. Where
anything has, nothing is believed, and the sources are followed anew.
"""

from __future__ import annotations

import bisect
import os
import posixpath
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from meshgate import source
from meshgate.pipeline.tool import fingerprint
from meshgate.source.cache import Cache, digest

# For types alone: GitPython is slow to import.
if TYPE_CHECKING:
    from meshgate.repository import Changed

SECTION = "tree-inputs"
# A new commit asks for its own entry, of a size that grows with the repository.
DAYS_UNREAD = 7
# Part of every key: raise it when what is kept changes.
FORMAT = "1"


class CachedIndex(Struct, frozen=True):
    """What is kept of a tree: the names of files, and by the text of sources which of them."""

    tree: str
    names: list[str]
    reads: dict[str, list[int]]


class InputIndex:
    """What the sources of environments read in the tree that a change starts from.

    cache   the folder of what is kept, None for none
    change  what lies between that tree and the files below `root`
    """

    def __init__(self, root: Path, cache: Path | None, change: Changed) -> None:
        self._cache = Cache(cache if change.tree else None, SECTION, days_unread=DAYS_UNREAD)
        self._root = root
        self._change = change
        self._unsure = Names((*change.files, *change.ignored))
        cached = self._read(change.tree)
        newest = None if cached else self._newest()
        # Those that are known: of this tree, or of another one and not changed since.
        self._known: dict[str, frozenset[str]] = cached or newest or {}
        self._is_new = not cached

    def inputs(self, sources: str) -> frozenset[str]:
        """Every file that an environment depends on now, as `source.inputs` has it."""
        known = self._known.get(sources)
        if known is not None and not self._unsure.reach(known, folders(sources)):
            return known
        now = source.inputs(self._root, sources)
        if not self._unsure.reach(now, folders(sources)):
            # What is read now has not changed, so the walk was the same in the tree.
            self._known[sources] = now
            self._is_new = True
        return now

    def keep(self) -> None:
        """Write down what was learned."""
        if not self._is_new:
            return
        self._is_new = False
        numbers: dict[str, int] = {}
        reads = {
            sources: sorted(numbers.setdefault(name, len(numbers)) for name in names)
            for sources, names in self._known.items()
        }
        cached = CachedIndex(self._change.tree, [*numbers], reads)
        self._cache.put(self._key(self._change.tree), msgspec.to_builtins(cached))
        self._cache.put(self._place(), self._change.tree)

    def _newest(self) -> dict[str, frozenset[str]] | None:
        """What is known of the tree that was asked for last, as far as it holds for this one."""
        tree = self._cache.get(self._place())
        known = self._read(tree) if isinstance(tree, str) else None
        from meshgate.repository import changed_between  # noqa: PLC0415 - see above

        between = changed_between(self._root, str(tree), self._change.tree) if known else None
        if known is None or between is None:
            return None
        names = Names(between)
        return {
            sources: reads
            for sources, reads in known.items()
            if not names.reach(reads, folders(sources))
        }

    def _read(self, tree: str) -> dict[str, frozenset[str]] | None:
        try:
            cached = msgspec.convert(self._cache.get(self._key(tree)), CachedIndex)
            if cached.tree != tree:
                return None
            return {
                sources: frozenset(cached.names[number] for number in numbers)
                for sources, numbers in cached.reads.items()
            }
        except (msgspec.ValidationError, IndexError):
            return None

    def _key(self, tree: str) -> str:
        return digest(FORMAT, fingerprint(), tree)

    def _place(self) -> str:
        return digest(FORMAT, fingerprint(), "newest", os.path.realpath(self._root))


class Names:
    """Names of files and folders, to be asked which inputs they change."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(name.rstrip("/") for name in names)
        self._sorted = sorted(self._names)
        self._known: dict[str, bool] = {}

    def reach(self, inputs: Collection[str], below: Iterable[str]) -> bool:
        """Whether one of the names is among the inputs, holds one, or lies in a folder `below`."""
        if not self._names:
            return False
        return (
            not self._names.isdisjoint(inputs)
            or any(self._lies_in(posixpath.dirname(name)) for name in inputs)
            or any(map(self._holds, below))
        )

    def _lies_in(self, folder: str) -> bool:
        """Whether a folder, or one above it, is named as a whole: a link, a module of git."""
        if not folder:
            return False
        if folder not in self._known:
            self._known[folder] = folder in self._names or self._lies_in(posixpath.dirname(folder))
        return self._known[folder]

    def _holds(self, folder: str) -> bool:
        """Whether a folder has one of the names in it."""
        if folder == ".":
            return True
        start = f"{folder}/"
        at = bisect.bisect_left(self._sorted, start)
        return at < len(self._sorted) and self._sorted[at].startswith(start)


def folders(sources: str) -> list[str]:
    """The folders that belong to sources as a whole: whatever appears in them may be read."""
    return source.named_folders(sources)
