"""Nobody but a promotion changes what promotion owns: rendered/, state and ledger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshgate.promotion.candidate import Candidate
from meshgate.promotion.files import (
    FileChange,
    is_owned,
)
from meshgate.promotion.guards.guard import Guard, Objection


def strays(changed: Iterable[FileChange]) -> Iterator[Objection]:
    """What a pull request that is no promotion changes and may not."""
    for change in changed:
        if is_owned(change.path):
            yield Objection(f"{change.path} is {change.kind}")


def check(candidate: Candidate) -> Iterator[Objection]:
    """What a promotion writes is written down in its record."""
    if not candidate.head.records or candidate.head.records[-1] != candidate.record:
        yield Objection("the newest record of the ledger is not that of this promotion")


GUARD = Guard(
    id="PR02",
    name="written-by-hand",
    summary="changes rendered/, promotion/state/ or promotion/ledger/ without a promotion",
    why="What clusters sync is written by promotion alone, so that each byte has a source.",
    hint="edit what it is built from instead, and promote; `meshgate promote` writes the rest",
    status="scope",
    check=check,
    follows_rules=False,
)
