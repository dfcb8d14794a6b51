"""Run the tests that reach the line that was changed: what must notice a change of a part.

Called in the copy of the tree that `run.py` made, where the modules of the part lie once more,
unchanged.
"""

from __future__ import annotations

import sys
from itertools import zip_longest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1])]

from mutation.reach import ordered, read, run_tests  # noqa: E402 - a script's own place

PRISTINE = Path("pristine")


def main() -> int:
    """0 where no test fails, and where none reaches the line.

    Without a change the first file is run: that all pass was seen.
    """
    files = sys.argv[1:]
    tests = next(
        (
            lines[line]
            for module, lines in read().items()
            if (line := changed_line(PRISTINE / module, Path(module)))
        ),
        files[:1],
    )
    return run_tests(ordered(tests, files)) if tests else 0


def changed_line(before: Path, after: Path) -> int | None:
    """The first line that differs."""
    if before.read_bytes() == after.read_bytes():
        return None
    texts = [file.read_text("utf-8").splitlines() for file in (before, after)]
    return next(number for number, (was, now) in enumerate(zip_longest(*texts), 1) if was != now)


if __name__ == "__main__":
    sys.exit(main())
