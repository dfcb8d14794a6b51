"""What fuzzing once found stays mended, and a few new inputs end as they may. `nox -s fuzz`."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from fuzz.targets import CORPUS, TARGETS, mutated, run

KEPT = sorted(path for path in CORPUS.rglob("*") if path.is_file() and path.name != "README.md")


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_was_found_is_mended(path: Path) -> None:
    run(path.parent.name, path.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_any_input_ends_in_an_answer_or_an_error_for_people(target: str) -> None:
    dice = random.Random(target)
    for _ in range(12):
        run(target, mutated(target, dice))
