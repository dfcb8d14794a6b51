"""Debian's Prometheus: the one that is installed, or its package unpacked into the user's cache."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import debian

MISSING = 4
PACKAGE = "prometheus"
PROGRAM = "usr/bin/prometheus"


def program() -> Path:
    """The program. Raises LookupError, with the way out, where there is none to be had."""
    installed = shutil.which(PACKAGE)
    if installed is not None:
        return Path(installed)
    return debian.unpacked(PACKAGE) / PROGRAM


if __name__ == "__main__":
    try:
        print(program())
    except LookupError as error:
        print(error, file=sys.stderr)
        sys.exit(MISSING)
