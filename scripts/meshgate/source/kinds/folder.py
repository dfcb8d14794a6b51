"""The files below a folder that belongs to a source as a whole."""

from __future__ import annotations

from meshgate.errors import BuildError
from meshgate.yamldoc.files import Root

MOST_FILES = 20_000
MOST_LEVELS = 50


def files_below(below: Root, path: str, *, hidden: bool = False) -> list[str]:
    """Every file of a folder and of those in it, sorted; the file itself where it is one.

    Hidden files and folders are left out unless `hidden`. Raises BuildError for a link, which could
    lead anywhere, and for more files than anybody reviews.
    """
    if below.inside(path) != path:
        raise link(path)
    if not below.is_folder(path):
        return [path]
    files: list[str] = []
    waiting = [(path, 0)]
    while waiting:
        folder, level = waiting.pop()
        for own, is_link, is_folder in below.listed(folder):
            name = f"{folder}/{own}"
            if own.startswith(".") and not hidden:
                continue
            if is_link:
                raise link(name)
            if is_folder:
                waiting.append((name, level + 1))
            else:
                files.append(name)
        if len(files) > MOST_FILES or level > MOST_LEVELS:
            raise BuildError(
                f"{path} has more than {MOST_FILES} files or {MOST_LEVELS} levels of folders",
                hint="name the folder that holds the manifests of this environment, and no more",
            )
    return sorted(files)


def link(name: str) -> BuildError:
    """The refusal of a link."""
    return BuildError(
        f"{name} is a link",
        why="What it leads to could change without this folder showing it, or lie elsewhere.",
        hint="put the file or folder itself there",
    )
