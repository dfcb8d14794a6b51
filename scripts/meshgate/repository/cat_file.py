"""The processes of git that answer for objects: each started once, and asked again and again."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from meshgate.errors import ToolError

if TYPE_CHECKING:
    import git

NEWLINE = b"\n"
# An answer that names an object: its id, its type and how many bytes it has.
ID_LENGTH, PARTS = 40, 3
# Of what is read and not wanted.
PIECE = 2**20


class NoObjectError(Exception):
    """Git says that there is no such object."""


class LargeObjectError(Exception):
    """An object has more bytes than whoever asks would take."""


class ObjectHeader(NamedTuple):
    """What git says of an object before its content."""

    id: str
    size: int


class ObjectReader:
    """What one repository has of objects: an id by name, and the content by id.

    Raises NoObjectError where git says that there is none, and ToolError where it ends without a
    word: that is no answer, least of all "not there". In a clone without all objects git fetches
    what it is asked for, and ends where it cannot.
    """

    def __init__(self, commands: git.Git, root: Path) -> None:
        self._commands = commands
        self._root = root
        self._processes: dict[str, git.Git.AutoInterrupt] = {}

    def id(self, name: str) -> str:
        """The id of the object that a name means, such as `main^{commit}` or `ID:path`."""
        if "\n" in name:
            raise NoObjectError(name)
        with self._asked("--batch-check", name) as (header, _):
            return header.id

    def content(self, object_id: str, *, largest: int = sys.maxsize) -> bytes:
        """The bytes of an object. Raises LargeObjectError for more than `largest`."""
        with self._asked("--batch", object_id) as (header, answer):
            whole = header.size + len(NEWLINE)
            if header.size > largest:
                # What is not read to its end would be taken for the next answer.
                while whole and (read := len(answer.read(min(whole, PIECE)))):
                    whole -= read
                raise LargeObjectError(object_id)
            content = answer.read(whole)
        if len(content) < whole:
            raise self._ended()
        return content[: header.size]

    def close(self) -> None:
        """End the processes."""
        for process in self._processes.values():
            # GitPython's own way to end what it started, and to wait for it.
            process.__del__()
        self._processes.clear()

    @contextlib.contextmanager
    def _asked(self, how: str, name: str) -> Iterator[tuple[ObjectHeader, IO[bytes]]]:
        """What a process says of an object, and where it goes on."""
        if how not in self._processes:
            self._processes[how] = self._commands.execute(
                ["git", "cat-file", how], istream=subprocess.PIPE, as_process=True
            )
        process = self._processes[how]
        try:
            process.stdin.write(name.encode("utf-8", "surrogateescape") + NEWLINE)
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError as error:
            raise self._ended() from error
        if not line:
            raise self._ended()
        parts = line.decode("utf-8", "surrogateescape").split()
        if len(parts) != PARTS or len(parts[0]) != ID_LENGTH or not parts[2].isdecimal():
            raise NoObjectError(name)
        yield ObjectHeader(parts[0], int(parts[2])), process.stdout

    def _ended(self) -> ToolError:
        return ToolError(
            f"git ended while it read objects of {self._root}",
            why="A partial clone asks its remote for what it lacks, and the remote did not answer.",
            hint="clone it without --filter, or run `git fsck` to see what is missing",
        )
