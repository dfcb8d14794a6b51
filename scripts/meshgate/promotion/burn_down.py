"""How the baseline of each environment shrank, by git's history and by what was promoted."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from meshgate.config import BASELINE
from meshgate.errors import BuildError, RepositoryError
from meshgate.promotion.files import ledger_folder
from meshgate.repository import Repository, mainline
from meshgate.wording import plural
from meshgate.yamldoc import document

HEAD = "HEAD"
# How many points a sentence has beside the first and the last.
MOST_BETWEEN = 3


class Remaining(NamedTuple):
    """How many findings of an environment the baseline had after a commit.

    promoted  whether the commit brought an event of its ledger
    """

    day: datetime.date
    number: int
    promoted: bool


def burn_down(root: Path, environments: Sequence[str]) -> dict[str, list[Remaining]]:
    """The points of each environment that ever had findings in the baseline, oldest first.

    Nothing where `root` is not the top of a git repository, or has no commit.
    """
    try:
        with Repository(root) as repository:
            commits = mainline(repository, HEAD, BASELINE)
            counts = {each.sha: _counts(repository, each.sha) for each in commits}
            return {
                name: points
                for name in environments
                if (points := list(_points(repository, name, counts)))
            }
    except RepositoryError:
        return {}


def sentences(points: dict[str, list[Remaining]]) -> list[str]:
    """`prod: 412 findings of the baseline on 2026-08-01, 300 on 2026-11-29 (promoted)`."""
    return [f"{name}: {_sentence(each)}" for name, each in points.items()]


def _sentence(points: Sequence[Remaining]) -> str:
    between = list(points[1:-1])[-MOST_BETWEEN:]
    shown = [points[0], *between, *points[1:][-1:]]
    first, *later = (
        f"on {each.day.isoformat()}" + (" (promoted)" if each.promoted else "") for each in shown
    )
    rest = (f"{each.number} {where}" for each, where in zip(shown[1:], later, strict=True))
    return ", ".join([f"{plural(shown[0].number, 'finding')} of the baseline {first}", *rest])


def _points(
    repository: Repository, name: str, counts: Mapping[str, Counter[str]]
) -> Iterator[Remaining]:
    events = {commit.sha for commit in mainline(repository, HEAD, ledger_folder(name))}
    every = {each.sha: each for each in mainline(repository, HEAD, BASELINE, ledger_folder(name))}
    number = 0
    for commit in reversed(every.values()):
        before = number
        number = counts[commit.sha][name] if commit.sha in counts else number
        promoted = commit.sha in events
        if number != before or (promoted and number):
            yield Remaining(commit.committed_at.date(), number, promoted)


def _counts(repository: Repository, commit: str) -> Counter[str]:
    """How many entries each environment had; none where the file cannot be read."""
    try:
        value = document.parse(repository.read(commit, BASELINE) or b"", BASELINE).value
    except BuildError:
        return Counter()
    listed = value.get("findings") if isinstance(value, dict) else None
    entries = listed if isinstance(listed, list) else []
    return Counter(str(each.get("environment", "")) for each in entries if isinstance(each, dict))
