"""The tests that every forge must pass, against a real Gitea, beside what else is done on it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from e2e.gitea import Gitea
from forge_worlds import GITEA_VARIABLE

TESTS = Path(__file__).parents[1] / "promotion" / "test_forge_contract.py"


class Contract:
    """pytest at work, its output in a file."""

    def __init__(self, running: subprocess.Popen[bytes], log: Path) -> None:
        self._running = running
        self._log = log

    def wait(self) -> int:
        """Print what it says, and give its exit code."""
        code = self._running.wait()
        sys.stdout.write(f"\nThe tests of every forge, on this Gitea\n{self._log.read_text()}")
        return code


@contextlib.contextmanager
def contract(server: Gitea, log: Path) -> Iterator[Contract]:
    """Start the tests; they end with the block at the latest."""
    access = {GITEA_VARIABLE: json.dumps([server.url, server.tokens])}
    argv = [sys.executable, "-m", "pytest", str(TESTS), "-q", "-k", "gitea"]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            argv, env={**os.environ, **access}, stdout=output, stderr=subprocess.STDOUT
        ) as running,
    ):
        try:
            yield Contract(running, log)
        finally:
            running.terminate()
