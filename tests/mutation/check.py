"""What must notice a change of the mesh model: the named cases, and random meshes of each kind."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent / "scripts")]

from conformance.authorization import (  # noqa: E402 - a script's own place
    compare_authorization,
    is_authorization,
)
from conformance.compare import cases, compare  # noqa: E402

NAMED, GENERAL = ("hand.jsonl.gz", "authz-hand.jsonl.gz"), ("dev.jsonl.gz", "authz-dev.jsonl.gz")
# So many random meshes of the general kind, and of each feature that those lack.
GENERAL_MESHES, FEATURE_MESHES = 50, 20


def main() -> int:
    """1 at the first case that the model answers differently."""
    differences = (
        compare_authorization(case) if is_authorization(case) else compare(case)
        for case in chosen(TESTS / "conformance")
    )
    return int(any(True for case in differences for _ in case))


def chosen(folder: Path) -> Iterator[dict[str, object]]:
    """The cases; first those that notice most."""
    for name in NAMED:
        yield from cases(folder / name)
    for name in GENERAL:
        yield from itertools.islice(cases(folder / name), GENERAL_MESHES)
    for file in sorted(folder.glob("*.jsonl.gz")):
        if file.name not in {*NAMED, *GENERAL}:
            yield from itertools.islice(cases(file), FEATURE_MESHES)


if __name__ == "__main__":
    sys.exit(main())
