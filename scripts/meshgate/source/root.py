"""The judged folder: what is in it, and what a link leads out of."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from meshgate.errors import BuildError
from meshgate.source import text as texts

# No manifest or patch that people write comes near it.
LARGEST_SOURCE = 20 * texts.MEBIBYTE


class Root:
    """A folder; every name is relative to it, with `/`."""

    def __init__(self, path: Path) -> None:
        # A plain string: names are looked at by the thousand where there are many overlays.
        self.top = os.path.realpath(path)
        self._no_links: set[str] = set()

    def inside(self, name: str) -> str | None:
        """The name with symbolic links resolved; None where it leads out of the repository."""
        if name.startswith(("../", "/")) or name == "..":
            return None
        path = self.top
        for part in name.split("/"):
            path = f"{path}/{part}"
            if path not in self._no_links:
                if os.path.islink(path):  # noqa: PTH114 - called for every part of every path
                    return self._linked(name)
                self._no_links.add(path)
        return name

    def _linked(self, name: str) -> str | None:
        real = os.path.realpath(f"{self.top}/{name}")
        inside = os.path.relpath(real, self.top).replace(os.sep, "/")
        return None if inside.startswith("../") or inside == ".." else inside

    def is_folder(self, name: str) -> bool:
        return os.path.isdir(f"{self.top}/{name}")  # noqa: PTH112

    def is_file(self, name: str) -> bool:
        return os.path.isfile(f"{self.top}/{name}")  # noqa: PTH113

    def exists(self, name: str) -> bool:
        return os.path.exists(f"{self.top}/{name}")  # noqa: PTH110


def source_bytes(root: Path, name: str) -> bytes:
    """The bytes of a source file, 20 MiB at most. Raises BuildError."""
    path = root / name
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise BuildError(f"{name} is no regular file")
    except OSError as error:
        raise BuildError(f"cannot read {name}: {error.strerror}") from error
    return texts.bounded(path, name, LARGEST_SOURCE)
