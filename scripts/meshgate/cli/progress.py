"""A progress bar on a terminal, for work that takes more than a second."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self, TextIO

PATIENCE = 1.0  # seconds before anything is shown
WIDTH = 28


class Progress:
    """Counts steps on standard error; silent where that is no terminal."""

    def __init__(self, doing: str, total: int, stream: TextIO | None = None) -> None:
        self._doing = doing
        self._total = total
        self._stream = sys.stderr if stream is None else stream
        self._done = 0
        self._started = time.monotonic()
        self._shown = False
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def step(self) -> None:
        """One part of the work is done. May be called from any thread."""
        with self._lock:
            self._done += 1
            if self._stream.isatty() and time.monotonic() - self._started > PATIENCE:
                self._show()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def _show(self) -> None:
        self._shown = True
        filled = WIDTH * self._done // max(self._total, 1)
        bar = "#" * filled + "-" * (WIDTH - filled)
        self._stream.write(f"\r{self._doing} [{bar}] {self._done}/{self._total}")
        self._stream.flush()


@contextlib.contextmanager
def track(doing: str, total: int) -> Iterator[Callable[[], object]]:
    """Progress as functions below this layer take it: what to call after each part."""
    with Progress(doing, total) as progress:
        yield progress.step
