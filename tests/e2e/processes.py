"""Long-running programs: started with a log, waited for, ended by their own pid."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from meshgate.errors import ToolError

# Seconds.
READY = 60.0
ENDED = 10.0
PAUSE = 0.05
REQUEST_TIMEOUT = 5.0

LOG_TAIL = 2000


class Process:
    """One running program and its log. `disposable`: it needs no orderly end."""

    def __init__(
        self, name: str, running: subprocess.Popen[bytes], log: Path, *, disposable: bool
    ) -> None:
        self.name = name
        self.log = log
        self._running = running
        self._disposable = disposable

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._running.pid

    def wait_for(self, ready: Callable[[], bool], what: str, timeout: float = READY) -> None:
        """Wait until `ready` says so. Raises ToolError with the log when it ends or takes long."""
        for _ in every(PAUSE, timeout):
            if ready():
                return
            if self._running.poll() is not None:
                raise ToolError(
                    f"{self.name} ended with {self._running.returncode} before {what}",
                    why=self.tail(),
                )
        raise ToolError(f"{self.name}: {what} took over {timeout:g} s", why=self.tail())

    def terminate(self) -> None:
        """Ask it to end, and wait for nothing."""
        self._running.terminate()

    def ended(self, timeout: float) -> int | None:
        """What it ended with within some seconds; None: it goes on."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._running.wait(timeout)
        return None

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_bytes()[-LOG_TAIL:].decode("utf-8", "replace").strip()

    def end(self) -> None:
        """Ask it to end, and end it when it does not."""
        if not self._disposable:
            self._running.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._running.wait(ENDED)
        self._running.kill()
        self._running.wait()


class Processes:
    """The programs of one lab: all of them end where the `with` block ends, last one first."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._started: list[Process] = []

    def start(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        disposable: bool = False,
    ) -> Process:
        """Start a program, its output in `NAME.log`. Raises ToolError when it cannot start."""
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"{name}.log"
        with log.open("wb") as output:
            try:
                running = subprocess.Popen(
                    # It ends with the harness, however that ends; Ctrl-C is for the harness alone.
                    ["setpriv", "--pdeathsig", "KILL", *map(str, argv)],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **(environment or {})},
                    cwd=cwd,
                    start_new_session=True,
                )
            except OSError as error:
                raise ToolError(f"cannot start {name}: {error}") from error
        process = Process(name, running, log, disposable=disposable)
        self._started.append(process)
        return process

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        while self._started:
            self._started.pop().end()


def every(pause: float, timeout: float) -> Iterator[float]:
    """Come back every `pause` seconds with the time that has passed, until it is `timeout`."""
    began = time.monotonic()
    while (passed := time.monotonic() - began) < timeout:
        yield passed
        time.sleep(pause)


def answers(url: str) -> bool:
    """Whether a server of the lab answers a request with 200."""
    try:
        with urllib.request.urlopen(url, timeout=REQUEST_TIMEOUT) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False
