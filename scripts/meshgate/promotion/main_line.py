"""What promotion reads of a main line, walked once for all who ask: releases, ledgers, rules."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from meshgate.config import BASELINE
from meshgate.promotion.evidence import FOLDER as EVIDENCE
from meshgate.promotion.names import PROMOTION
from meshgate.promotion.policy import FILE
from meshgate.promotion.release_inputs import SOURCE_FOLDERS
from meshgate.repository import Commit, Repository, ids_between
from meshgate.repository.commit import LineStep
from meshgate.repository.line_changes import bringing, steps_along

# Not inventories and renders: a commit may change thousands of their files.
READ = (FILE, BASELINE, "waivers", "expectations", EVIDENCE, *SOURCE_FOLDERS, PROMOTION)


def steps(repository: Repository, head: str) -> Sequence[LineStep]:
    """The steps to `head` that change something of READ, newest first."""
    return steps_along(repository, repository.resolve(head), *READ)


def changing(repository: Repository, head: str, *paths: str) -> list[Commit]:
    """The first-parent commits up to `head` that change a path in READ, newest first."""
    return [step.commit for step in steps(repository, head) if step.touches(paths)]


def steps_since(repository: Repository, head: str, start: str) -> list[str]:
    """The ids of the steps to `head` that a commit has not, newest first."""
    line = [step.commit.sha for step in steps(repository, head)]
    if start in line:
        return line[: line.index(start)]
    between = frozenset(ids_between(repository, start, head))
    return [sha for sha in line if sha in between]


def newest_additions(repository: Repository, head: str, folder: str) -> dict[str, str]:
    """The first-parent commit that gave each file below a folder in READ what it holds at `head`.

    As `bringing`, by id.
    """
    brought = bringing(steps(repository, head), folder)
    return {path: commit.sha for path, commit in brought.items()}


def brought_at(repository: Repository, head: str, folder: str) -> dict[str, datetime.datetime]:
    """When each file below a folder in READ came to the first-parent line as it is at `head`."""
    brought = bringing(steps(repository, head), folder)
    return {path: commit.committed_at for path, commit in brought.items()}
