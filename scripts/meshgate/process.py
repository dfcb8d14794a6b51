"""The only place that starts another program: list argv, timeout, captured output, no shell.

`run` runs one to its end; a `Peer` stays, and is asked one thing after the other.
"""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, NoReturn

from msgspec import Struct

from meshgate import interrupts
from meshgate.errors import ToolError
from meshgate.masking import masked

ERROR_TAIL = 2000
LOG = logging.getLogger(__name__)


class Limits(Struct, frozen=True):
    """What a program may take, in bytes; it is ended by its own error where it asks for more.

    memory  address space
    output  standard output, which is written to a file
    """

    memory: int
    output: int


class Completed(Struct, frozen=True):
    """What a program left behind. `code` is negative when a signal ended it."""

    code: int
    stdout: bytes
    stderr: str


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    cwd: Path | None = None,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
    limits: Limits | None = None,
) -> Completed:
    """Run a program to its end.

    `timeout` in seconds; `environment` is added to the inherited one, from which git's own
    variables are removed (a hook's GIT_DIR would redirect every git that is started).
    Raises ToolError when the program is missing, is ended by a signal or does not end in time,
    KeyboardInterrupt when this process is interrupted, or only the program was by Ctrl-C.
    """
    interrupts.check()
    began = time.monotonic()
    try:
        with tempfile.TemporaryFile() as output:
            done = _completed(
                argv,
                stdin,
                subprocess.PIPE if limits is None else output,
                timeout=timeout,
                cwd=cwd,
                environment=_environment(environment),
                limits=limits,
            )
    except FileNotFoundError as error:
        raise ToolError(
            f"cannot start {argv[0]}: {error.strerror}",
            hint="install it, or run `nox -s tools` to get the pinned version",
        ) from error
    except OSError as error:
        raise ToolError(f"cannot start {argv[0]}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise ToolError(
            f"{argv[0]} did not end within {timeout:g} seconds and was stopped",
            hint="run it by hand to see where it hangs: " + " ".join(argv),
        ) from error
    if done.returncode == -signal.SIGINT:
        # The terminal sends Ctrl-C to both, and the program may be gone before it is seen here.
        raise KeyboardInterrupt
    took = time.monotonic() - began
    LOG.debug("%s: %d after %.2f s", masked(" ".join(argv)), done.returncode, took)
    stderr = done.stderr.decode("utf-8", "replace")
    if done.returncode < 0:
        raise ToolError(
            f"{argv[0]} was ended by signal {-done.returncode}",
            why=stderr[-ERROR_TAIL:].strip(),
            hint="memory may have run out; run it by hand: " + " ".join(argv),
        )
    return Completed(done.returncode, done.stdout, stderr)


class PeerEndedError(Exception):
    """A program that was to stay has ended, or was ended; it says nothing more."""


class ResidentProgram:
    """A program that stays: it is written to and read from until it is ended.

    One thread at a time uses it.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Start it. Raises OSError where it cannot be, KeyboardInterrupt as `run` does."""
        interrupts.check()
        self._received = bytearray()
        self._process = subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env=_environment(environment),
        )
        if limits is not None:
            _limit(self._process.pid, limits)

    def send(self, content: bytes) -> None:
        """Write to it. Raises PeerEndedError."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(content)
        except OSError:
            self._gone()

    def line(self, until: float) -> bytes:
        """Its next line, without the end of it; `until`: by this time of `time.monotonic`.

        Raises TimeoutError, PeerEndedError, and KeyboardInterrupt as `run` does.
        """
        while (end := self._received.find(b"\n")) < 0:
            self._receive(until)
        return self._take(end + 1)[:-1]

    def exactly(self, size: int, until: float) -> bytes:
        """Its next bytes, so many of them. Raises as `line` does."""
        while len(self._received) < size:
            self._receive(until)
        return self._take(size)

    def end(self) -> None:
        """End it, at once; nothing where it has ended."""
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with contextlib.suppress(OSError):
                stream.close()
        self._process.kill()
        self._process.wait()

    def _take(self, size: int) -> bytes:
        taken = bytes(self._received[:size])
        del self._received[:size]
        return taken

    def _receive(self, until: float) -> None:
        assert self._process.stdout is not None
        ready, _, _ = select.select(
            [self._process.stdout], [], [], max(0.0, until - time.monotonic())
        )
        if not ready:
            raise TimeoutError
        content = os.read(self._process.stdout.fileno(), 1 << 20)
        if not content:
            self._gone()
        self._received += content

    def _gone(self) -> NoReturn:
        # Whoever interrupts this process ends its programs first.
        interrupts.check()
        raise PeerEndedError


def _environment(added: Mapping[str, str] | None) -> dict[str, str]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return {**inherited, **(added or {})}


def _completed(
    argv: Sequence[str],
    stdin: bytes,
    stdout: int | IO[bytes],
    *,
    timeout: float,
    cwd: Path | None,
    environment: Mapping[str, str],
    limits: Limits | None,
) -> subprocess.CompletedProcess[bytes]:
    """As subprocess.run, with limits from its first moments on: what it asks for later fails."""
    with subprocess.Popen(
        list(argv),
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=subprocess.PIPE,
        cwd=cwd,
        env=environment,
    ) as process:
        try:
            if limits is not None:
                _limit(process.pid, limits)
            written, stderr = process.communicate(stdin, timeout=timeout)
        except BaseException:
            process.kill()
            raise
    if not isinstance(stdout, int):
        stdout.seek(0)
        written = stdout.read()
    return subprocess.CompletedProcess(list(argv), process.returncode, written, stderr)


def _limit(process: int, limits: Limits) -> None:
    """Only Linux limits another process; elsewhere the timeout alone does."""
    if not hasattr(resource, "prlimit"):
        return
    for what, size in (
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_FSIZE, limits.output),
    ):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            resource.prlimit(process, what, (size, size))
