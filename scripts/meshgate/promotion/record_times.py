"""When records came into force: by what the base branch shows and a forge says.

A commit's own time is what a clock of its author said. So a record counts from the first-parent
commit that gave it the content in force, never from before the record itself, nor the record before
it; and where a forge, or the tag of the record, tells when its pull request was merged, not earlier
than that.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from msgspec import structs

from meshgate.promotion.files import ledger_folder
from meshgate.promotion.main_line import steps
from meshgate.promotion.records import PromotionRecord
from meshgate.repository import Commit, Repository
from meshgate.repository.line_changes import bringing


def record_times(
    repository: Repository, main: str, environment: str, records: Sequence[PromotionRecord]
) -> dict[str, Commit]:
    """The commit that each record counts from, by the record's path; its time is when.

    `records` are those of an environment, oldest first; one that no commit of `main` has as it is
    now is left out.
    """
    folder = ledger_folder(environment)
    brought = bringing(steps(repository, main), folder)
    counted: dict[str, Commit] = {}
    last: datetime.datetime | None = None
    for record in records:
        commit = brought.get(record.path)
        if commit is None:
            continue
        times = (commit.committed_at, record.created_at, last)
        last = max(time for time in times if time is not None)
        counted[record.path] = structs.replace(commit, committed_at=last)
    return counted


def forward(line: Sequence[Commit], counted: Sequence[Commit]) -> list[Commit]:
    """A main line, newest first, with times that never go back, nor before those of `counted`."""
    known = {commit.sha: commit.committed_at for commit in counted}
    moved: list[Commit] = []
    last: datetime.datetime | None = None
    for commit in reversed(line):
        times = (commit.committed_at, known.get(commit.sha), last)
        last = max(time for time in times if time is not None)
        moved.append(structs.replace(commit, committed_at=last))
    return moved[::-1]
