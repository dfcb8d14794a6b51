"""Read files with care: regular ones only, never more than a limit, none that a link leads out to.

Whatever is judged may hold a FIFO, a link to a device or to a secret elsewhere, or a file larger
than memory. Every file that decides something is read here.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from meshgate.errors import BuildError

MEBIBYTE = 1 << 20
# 50,000 objects as `kubectl get -o yaml` writes them take about 60 MiB.
LARGEST_FILE = 128 * MEBIBYTE
# No manifest or patch that people write comes near it.
LARGEST_SOURCE = 20 * MEBIBYTE

# Opening a FIFO waits for a writer, and a terminal could become that of this process; both flags,
# and the other, are not on every system.
OPEN_FLAGS = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY")
)


def read_file(path: Path, name: str, limit: int = LARGEST_FILE) -> bytes:
    """The bytes of a regular file, `limit` at most; messages call it `name`.

    A link is followed: whoever names a file may name a link. Raises BuildError; never waits for a
    FIFO or a device, and never reads more than the limit.
    """
    try:
        descriptor = os.open(path, OPEN_FLAGS)
        with os.fdopen(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise irregular(name)
            content = stream.read(limit + 1)
    except IsADirectoryError as error:
        raise irregular(name) from error
    except OSError as error:
        raise BuildError(f"cannot read {name}: {error.strerror}") from error
    if len(content) > limit:
        raise BuildError(
            f"{name} is larger than {_size(limit)}, and was not read",
            hint="split it; one file for each object is easier to review, too",
        )
    return content


def read_inside(root: Path, name: str, limit: int = LARGEST_SOURCE) -> bytes:
    """The bytes of a regular file below `root`, as `read_file`.

    `name` is relative to `root`, with `/`. Raises BuildError, also where a link leads out of it.
    """
    return Root(root).read(name, limit)


def irregular(name: str) -> BuildError:
    """The refusal of a folder, a FIFO, a socket or a device where a file is wanted."""
    return BuildError(
        f"{name} is no regular file",
        why="A folder holds no text, and a pipe or a device may never end.",
        hint="put a file there; standard input is read with `-` where a command takes it",
    )


def leads_out(name: str, folder: str = "this repository") -> BuildError:
    """The refusal of a link to a place outside of what is judged."""
    return BuildError(
        f"{name} is a link that leads out of {folder}",
        why="Only what is reviewed here may decide.",
        hint="replace it by a file",
    )


def _size(limit: int) -> str:
    return f"{limit // MEBIBYTE} MiB" if limit >= MEBIBYTE else f"{limit // 1024} KiB"


class Root:
    """A folder; every name is relative to it, with `/`."""

    def __init__(self, path: Path) -> None:
        # A plain string: names are looked at by the thousand where there are many overlays.
        self.top = os.path.realpath(path)
        self._no_links: set[str] = set()

    def inside(self, name: str) -> str | None:
        """The name with symbolic links resolved; None where it leads out of the folder."""
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

    def read(self, name: str, limit: int = LARGEST_SOURCE) -> bytes:
        """The bytes of a regular file in it. Raises BuildError as `read_inside`."""
        inside = self.inside(name)
        if inside is None:
            raise leads_out(name)
        return read_file(Path(self.top, inside), name, limit)

    def is_folder(self, name: str) -> bool:
        return os.path.isdir(f"{self.top}/{name}")  # noqa: PTH112 - asked of each file

    def is_file(self, name: str) -> bool:
        return os.path.isfile(f"{self.top}/{name}")  # noqa: PTH113 - as above

    def exists(self, name: str) -> bool:
        return os.path.exists(f"{self.top}/{name}")  # noqa: PTH110 - as above

    def listed(self, folder: str) -> list[tuple[str, bool, bool]]:
        """What lies in a folder, sorted: name, whether it is a link, whether it is a folder.

        Raises BuildError.
        """
        try:
            with os.scandir(Path(self.top, folder)) as entries:
                return sorted((each.name, each.is_symlink(), each.is_dir()) for each in entries)
        except OSError as error:
            raise BuildError(
                f"cannot read {folder}: {error.strerror}", hint="let it be read by who runs this"
            ) from error
