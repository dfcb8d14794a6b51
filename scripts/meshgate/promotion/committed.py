"""The files of a commit as a folder, read without writing them anywhere."""

from __future__ import annotations

import os
import posixpath

from meshgate.errors import BuildError, RepositoryError
from meshgate.repository import Repository
from meshgate.repository.repository import LINK
from meshgate.yamldoc.files import LARGEST_SOURCE, Root, irregular, leads_out

# As Linux: longer chains of links are loops.
MOST_LINKS = 40


class CommittedRoot(Root):
    """A folder whose files are those of a commit; links are followed within it."""

    def __init__(self, repository: Repository, commit: str) -> None:
        # Nothing is read from this path: it is what names are relative to.
        self.top = os.sep
        self._repository = repository
        self._files = {entry.path: entry for entry in repository.entries(commit)}
        self._folders = {"."}
        for name in self._files:
            folder = posixpath.dirname(name)
            while folder and folder not in self._folders:
                self._folders.add(folder)
                folder = posixpath.dirname(folder)

    def inside(self, name: str) -> str | None:
        """The name with symbolic links resolved; None where it leads out of the folder."""
        waiting = posixpath.normpath(name).split("/")[::-1]
        reached = ""
        links = 0
        while waiting:
            part = waiting.pop()
            if part == ".." and not reached:
                return None
            reached = posixpath.normpath(posixpath.join(reached, part))
            entry = self._files.get(reached)
            if entry is not None and entry.mode == LINK:
                links += 1
                target = os.fsdecode(self._repository.blob(entry.blob))
                if links > MOST_LINKS or target.startswith("/"):
                    return None
                reached = posixpath.dirname(reached)
                waiting += target.split("/")[::-1]
            elif reached == ".":
                reached = ""
        return reached or "."

    def read(self, name: str, limit: int = LARGEST_SOURCE) -> bytes:
        """The bytes of a file. Raises BuildError as the folder does."""
        real = self.inside(name)
        if real is None:
            raise leads_out(name)
        entry = self._files.get(real)
        if entry is None:
            raise irregular(name) if real in self._folders else BuildError(f"cannot read {name}")
        try:
            content = self._repository.blob(entry.blob)
        except RepositoryError as error:
            raise BuildError(error.what, why=error.why, hint=error.hint) from error
        if len(content) > limit:
            raise BuildError(f"{name} is too large, and was not read")
        return content

    def is_folder(self, name: str) -> bool:
        return self.inside(name) in self._folders

    def is_file(self, name: str) -> bool:
        return self.inside(name) in self._files

    def exists(self, name: str) -> bool:
        return self.is_folder(name) or self.is_file(name)

    def listed(self, folder: str) -> list[tuple[str, bool, bool]]:
        """What lies in a folder, sorted: name, whether it is a link, whether it is a folder."""
        start = "" if folder == "." else f"{folder}/"
        names = {
            each[len(start) :]
            for each in (*self._files, *self._folders)
            if each.startswith(start) and each != "." and "/" not in each[len(start) :]
        }
        return [
            (
                name,
                start + name in self._files and self._files[start + name].mode == LINK,
                start + name in self._folders,
            )
            for name in sorted(names)
        ]
