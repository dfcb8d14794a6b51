"""The `meshgate` command."""

from __future__ import annotations

import sys

from meshgate.cli import main

if __name__ == "__main__":
    sys.exit(main())
