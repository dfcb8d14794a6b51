"""A progress bar on a terminal, for work that takes more than a second."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self, TextIO

from meshgate.wording import plural

SHOWN_AFTER = 1.0  # seconds before anything is shown
WIDTH = 28  # of the bar, in columns


class Progress:
    """Counts steps on standard error; silent where that is no terminal.

    What draws the bar is loaded when it is first shown: that takes longer than most commands.
    """

    def __init__(self, doing: str, total: int, stream: TextIO | None = None) -> None:
        self._doing = doing
        self._total = total
        self._stream = sys.stderr if stream is None else stream
        self._done = 0
        self._started = time.monotonic()
        self._bar: Bar | None = None
        # Who does the work, where it is not this process alone.
        self.by = ""
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def step(self) -> None:
        """One part of the work is done. May be called from any thread."""
        with self._lock:
            self._done += 1
            taken = time.monotonic() - self._started
            if self._stream.isatty() and taken > SHOWN_AFTER:
                if self._bar is None:
                    self._bar = _bar(self._stream)
                speed = f"{self._done / taken:.1f}/s{self.by}"
                self._bar(self._doing, self._done, self._total, speed)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


Bar = Callable[[str, int, int, str], None]


def _bar(stream: TextIO) -> Bar:
    """Draws on one line over what it drew before.

    Nothing is drawn by itself and the cursor stays as it is, so that a run that is interrupted
    leaves the terminal in order.
    """
    from rich import console, progress  # noqa: PLC0415 - 0.1 s, see above

    # Without colour, as `--color never` may ask for.
    screen = console.Console(file=stream, force_terminal=True, no_color=True)
    columns = progress.Progress(
        "{task.description}",
        progress.BarColumn(WIDTH),
        progress.MofNCompleteColumn(),
        "{task.fields[speed]}",
        progress.TimeRemainingColumn(),
        console=screen,
        auto_refresh=False,
    )
    task = columns.add_task("", speed="")

    def draw(doing: str, done: int, total: int, speed: str) -> None:
        columns.update(task, description=doing, completed=done, total=total, speed=speed)
        with screen.capture() as drawn:
            screen.print(columns.get_renderable(), end="", no_wrap=True)
        stream.write("\r\x1b[K" + drawn.get().rstrip("\n"))
        stream.flush()

    return draw


@contextlib.contextmanager
def track(doing: str, total: int) -> Iterator[Callable[[], object]]:
    """Progress as functions below this layer take it: what to call after each part."""
    with Progress(doing, total) as progress:
        yield progress.step


class OfCluster:
    """Progress of what the workers of a cluster do, with how many there are."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._by = ""

    @contextlib.contextmanager
    def track(self, doing: str, total: int) -> Iterator[Callable[[], object]]:
        """As `track`."""
        with Progress(doing, total) as progress:
            self._progress = progress
            progress.by = self._by
            yield progress.step
        self._progress = None

    def counted(self, workers: int) -> None:
        """So many workers there are just now."""
        self._by = f" by {plural(workers, 'worker')}"
        if self._progress is not None:
            self._progress.by = self._by
