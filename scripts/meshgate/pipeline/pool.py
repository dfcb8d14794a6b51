"""Processes of this machine that judge tasks; they end with the run, however it ends.

Each starts afresh and shares nothing with this one: it is given a task and gives back verdicts. One
that is killed, as where memory ends, fails the run: what it had was not judged.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import logging
import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool

from meshgate import garbage, interrupts
from meshgate.errors import ToolError
from meshgate.pipeline.verdict import EnvironmentVerdict
from meshgate.pipeline.verdicts import Judge, Task, judged_task

# After so many tasks a process, all make room for others: what they remember does not grow.
MOST_TASKS = 16


@contextlib.contextmanager
def processes(jobs: int) -> Iterator[Judge]:
    """So many processes, as a function from tasks to their verdicts, in their order."""
    with contextlib.ExitStack() as running:
        yield lambda tasks: _in_rounds(running, jobs, tasks)


def _in_rounds(
    running: contextlib.ExitStack, jobs: int, tasks: Sequence[Task]
) -> Iterator[list[EnvironmentVerdict]]:
    """The verdicts of tasks, by new processes for each so many of them.

    The executor's own `max_tasks_per_child` waits for ever once all processes have ended at their
    limit with tasks left, in most releases of Python (gh-115634).
    """
    most = MOST_TASKS * jobs
    for start in range(0, len(tasks), most):
        running.close()
        pool = running.enter_context(_started(jobs))
        yield from judged_by(pool, tasks[start : start + most])


@contextlib.contextmanager
def _started(jobs: int) -> Iterator[concurrent.futures.Executor]:
    level = logging.getLogger("meshgate").getEffectiveLevel()
    with _deaf_to_the_terminal():
        pool = concurrent.futures.ProcessPoolExecutor(
            jobs, multiprocessing.get_context("spawn"), _begin, (level,)
        )
    try:
        yield pool
    finally:
        pool.shutdown(wait=not interrupts.is_interrupted(), cancel_futures=True)


def judged_by(
    executor: concurrent.futures.Executor, tasks: Sequence[Task]
) -> Iterator[list[EnvironmentVerdict]]:
    """The verdicts of tasks, in their order, by any executor. Raises ToolError, RuleError."""
    with _deaf_to_the_terminal():
        futures = [executor.submit(_judged, task) for task in tasks]
    for future, task in zip(futures, tasks, strict=True):
        try:
            yield future.result()
        except BrokenProcessPool as error:
            interrupts.check()
            names = sorted(task.wanted)
            raise ToolError(
                f"a process that judged environments was ended: {names[0]} and others have no "
                "verdict",
                why="Something from outside ended it, as a machine does whose memory is full.",
                hint="give it more memory, or judge with fewer processes: --jobs 1",
            ) from error


def _judged(task: Task) -> list[EnvironmentVerdict]:
    """In the process: one environment is rendered at a time, since there is a process a core."""
    return judged_task(task, threads=1)


def _begin(level: int) -> None:
    garbage.collect_rarely()
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    logging.getLogger("meshgate").setLevel(level)


@contextlib.contextmanager
def _deaf_to_the_terminal() -> Iterator[None]:
    """What starts here never gets Ctrl-C: whoever started it is told, and ends it."""
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
