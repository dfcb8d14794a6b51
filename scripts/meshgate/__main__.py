"""The `meshgate` command."""

from __future__ import annotations

import gc
import sys

from meshgate import cli

# A run reads much and throws little away: looking for cycles at Python's own pace took a tenth of
# its time. They are still looked for, since the words of a refused object leave some.
OBJECTS_BETWEEN_COLLECTIONS = 100_000


def main() -> int:
    """Run the command that was typed, in a process that ends with it."""
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    code = cli.main()
    # The process is over: without this, Python walks through every manifest once more.
    gc.freeze()
    return code


if __name__ == "__main__":
    sys.exit(main())
