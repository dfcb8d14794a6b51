"""How many cases were played against real parts, and how many of them went wrong."""

from __future__ import annotations

import sys


class Tally:
    """A line for each case as it ends, and the code to end with."""

    def __init__(self) -> None:
        self.played = 0
        self.wrong = 0

    def add(self, name: str, problem: str) -> None:
        """A case that was played; `problem` empty: nothing is wrong with it."""
        self.played += 1
        self.wrong += bool(problem)
        sys.stdout.write(f"{'no' if problem else 'ok'}  {name}{': ' if problem else ''}{problem}\n")
        sys.stdout.flush()

    @property
    def code(self) -> int:
        """0: something was played, and nothing went wrong."""
        return 1 if self.wrong or not self.played else 0
