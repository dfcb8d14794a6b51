"""What must notice a change of the mesh model: the named cases, and random meshes of each kind."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent / "scripts")]

from conformance.compare import cases, compare  # noqa: E402 - a script's own place

NAMED, GENERAL = "hand.jsonl.gz", "dev.jsonl.gz"
# So many random meshes of the general kind, and of each feature that those lack.
GENERAL_MESHES, FEATURE_MESHES = 50, 20


def main() -> int:
    """1 at the first case that the model answers differently."""
    return int(any(True for case in chosen(TESTS / "conformance") for _ in compare(case)))


def chosen(folder: Path) -> Iterator[dict[str, object]]:
    """The cases; first those that notice most."""
    yield from cases(folder / NAMED)
    yield from itertools.islice(cases(folder / GENERAL), GENERAL_MESHES)
    for file in sorted(folder.glob("*.jsonl.gz")):
        if file.name not in {NAMED, GENERAL}:
            yield from itertools.islice(cases(file), FEATURE_MESHES)


if __name__ == "__main__":
    sys.exit(main())
