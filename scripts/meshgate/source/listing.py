"""Which files below a folder are looked at: what git ignores and hidden folders are left out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct, structs

from meshgate.errors import BuildError
from meshgate.source.kustomization import FILE_NAMES
from meshgate.source.load import SUFFIXES
from meshgate.yamldoc.files import LARGEST_SOURCE, read_file

# For types alone: see `_spec`.
if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

IGNORE_FILE = ".gitignore"
GIT_FOLDER = ".git"


class Listing(NamedTuple):
    """What lies below a folder; names are relative to it, with `/`, sorted.

    files           YAML and JSON by their suffix
    kustomizations  folders that hold a kustomization, `.` for the folder itself
    left_out        such files, and folders (with `/` at the end), that a pattern leaves out
    """

    files: list[str]
    kustomizations: list[str]
    left_out: list[str]


class Patterns(Struct, frozen=True):
    """Patterns of gitignore(5), each set with the folder it is relative to, outermost first."""

    ignored: tuple[tuple[str, GitIgnoreSpec], ...] = ()
    # What a command line excludes: no ignore file takes it back.
    excluded: tuple[str, GitIgnoreSpec] | None = None

    def within(self, folder: str) -> Patterns:
        """These and those of the ignore file in a folder, if there is one."""
        try:
            content = read_file(Path(folder, IGNORE_FILE), IGNORE_FILE, LARGEST_SOURCE)
        except BuildError:
            return self
        lines = content.decode("utf-8", "replace").splitlines()
        own = (folder, _spec(lines))
        return structs.replace(self, ignored=(*self.ignored, own))

    def leave_out(self, path: str, *, is_folder: bool = False) -> bool:
        """Whether a file or folder is left out: the innermost set that names it decides."""
        sets = (*self.ignored, self.excluded) if self.excluded else self.ignored
        for base, patterns in reversed(sets):
            name = os.path.relpath(path, base).replace(os.sep, "/")
            decided = patterns.check_file(f"{name}/" if is_folder else name).include
            if decided is not None:
                return decided
        return False


def _spec(lines: Sequence[str]) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec  # noqa: PLC0415 - 10 ms, and many folders have no pattern

    return GitIgnoreSpec.from_lines(lines)


def patterns_around(folder: Path, exclude: Sequence[str], base: Path) -> Patterns:
    """The patterns that hold in a folder: of ignore files above it, to the top of its repository.

    `exclude`: further patterns, relative to `base`.
    """
    patterns = Patterns()
    top = top_of(folder)
    if top is not None:
        for parent in reversed(folder.parents):
            if parent == top or top in parent.parents:
                patterns = patterns.within(str(parent))
    if exclude:
        patterns = structs.replace(patterns, excluded=(str(base), _spec(exclude)))
    return patterns


def top_of(folder: Path) -> Path | None:
    """The nearest folder, this one or above, that is the top of a git repository."""
    return next((each for each in (folder, *folder.parents) if (each / GIT_FOLDER).exists()), None)


def listing(folder: Path, exclude: Sequence[str] = (), base: Path | None = None) -> Listing:
    """What lies below a folder, hidden files and folders and those of ignore files left out.

    Links to folders are not followed. `exclude`: further patterns, relative to `base`.
    """
    top = Path(os.path.realpath(folder))
    listed = Listing([], [], [])
    around = patterns_around(top, exclude, Path(os.path.realpath(base or folder)))
    for name, kind in _walk(str(top), "", around):
        getattr(listed, kind).append(name)
    return Listing(*(sorted(names) for names in listed))


def _walk(folder: str, name: str, patterns: Patterns) -> Iterator[tuple[str, str]]:
    """Each name below a folder, with the part of a Listing that it belongs to."""
    patterns = patterns.within(folder)
    try:
        with os.scandir(folder) as entries:
            there = list(entries)
    except OSError:
        # Reported as a file that cannot be read: silence would pass for a clean folder.
        yield name or ".", "files"
        return
    for entry in there:
        inside = f"{name}/{entry.name}" if name else entry.name
        is_folder = entry.is_dir(follow_symlinks=False)
        wanted = is_folder or entry.name.lower().endswith(tuple(SUFFIXES))
        built = entry.name in FILE_NAMES
        if not (wanted or built) or entry.name.startswith("."):
            continue
        if patterns.leave_out(entry.path, is_folder=is_folder):
            yield f"{inside}/" if is_folder else inside, "left_out"
        elif is_folder:
            yield from _walk(entry.path, inside, patterns)
        else:
            if built:
                yield name or ".", "kustomizations"
            if wanted and not entry.is_dir():
                yield inside, "files"
