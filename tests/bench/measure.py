"""Wall time and memory of whole commands, measured side by side."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Command:
    """Something to run: argv, the exit codes that mean it worked, folder and environment.

    before  what is done before each run and not measured, so that every run has the same to do
    """

    argv: Sequence[str]
    codes: frozenset[int] = frozenset({0})
    cwd: Path | None = None
    environment: Mapping[str, str] | None = None
    before: Callable[[], object] | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """Median wall time in seconds and peak resident memory in MiB over the rounds.

    processor  median seconds of the processor, which other work on the machine hardly changes
    """

    seconds: float
    mebibytes: float
    processor: float


def measure(commands: Mapping[str, Command], rounds: int) -> dict[str, Measured]:
    """Run each command once per round, one after the other, so that noise hits all alike."""
    runs: dict[str, list[Measured]] = {name: [] for name in commands}
    for number in range(rounds):
        for name, command in commands.items():
            print(f"  round {number + 1}/{rounds}: {name}", file=sys.stderr)
            runs[name].append(once(name, command))
    return {
        name: Measured(
            statistics.median(each.seconds for each in taken),
            max(each.mebibytes for each in taken),
            statistics.median(each.processor for each in taken),
        )
        for name, taken in runs.items()
    }


def once(name: str, command: Command) -> Measured:
    """One run. Ends the bench when the command did not do its work."""
    if command.before is not None:
        command.before()
    with tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        child = subprocess.Popen(
            command.argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            cwd=command.cwd,
            env={**os.environ, **(command.environment or {})},
        )
        # wait4 tells the memory of this one child, getrusage only the largest of all.
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode not in command.codes:
            errors.seek(0)
            told = errors.read()[-2000:].decode("utf-8", "replace")
            sys.exit(f"{name} ended with {child.returncode}; its time says nothing:\n{told}")
    return Measured(seconds, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime)
