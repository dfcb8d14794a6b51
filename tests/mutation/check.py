"""What must notice a change of the mesh model: the named cases, and fifty random meshes."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent / "scripts")]

from conformance.compare import cases, compare  # noqa: E402 - a script's own place

RANDOM_MESHES = 50


def main() -> int:
    """1 at the first case that the model answers differently."""
    folder = TESTS / "conformance"
    random = itertools.islice(cases(folder / "dev.jsonl.gz"), RANDOM_MESHES)
    told = itertools.chain(cases(folder / "hand.jsonl.gz"), random)
    return int(any(True for case in told for _ in compare(case)))


if __name__ == "__main__":
    sys.exit(main())
