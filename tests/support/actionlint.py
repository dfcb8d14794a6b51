"""Run the pinned actionlint over the workflows; build it first where it is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from meshgate.tools import installed

ROOT = Path(__file__).parents[2]


def main() -> int:
    """The exit code of actionlint."""
    workflows = map(str, ROOT.glob(".github/workflows/*.yml"))
    argv = [str(installed("actionlint")), "-no-color", *workflows]
    return subprocess.run(argv, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
