"""Claim: nothing counts from before it was on the base branch, whatever clock its author set."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
from msgspec import structs

from judged import base_of, pull_request
from meshgate.promotion import names
from meshgate.promotion.deployments import by_word, status_of
from meshgate.promotion.environment_state import Event
from meshgate.promotion.files import at_commit, contents, state_path
from meshgate.promotion.forges import Forge, PullRequest
from meshgate.promotion.forges.none import NoForge
from meshgate.promotion.history import history
from meshgate.promotion.ledger import read_ledger
from meshgate.promotion.record_times import forward, record_times
from meshgate.repository import Repository, mainline
from promoted import START, Promoted, commit, git, promote

DAY = dt.timedelta(days=1)


def again(folder: Path, day: int) -> None:
    """The last commit made anew, with the time that its author likes."""
    git(folder, "commit", "--quiet", "--amend", "--no-edit", "--reset-author", day=day)


def stays(folder: Path, environment: str) -> list[dt.datetime]:
    with Repository(folder) as repository:
        return [stay.since for stay in status_of(base_of(repository), environment).deployments]


CLOCKS = {"a year ago": -365, "before its record": 2, "before git": -20_000}


@pytest.mark.parametrize("name", CLOCKS)
def test_no_stay_begins_before_its_record(promoted: Promoted, name: str) -> None:
    again(promoted.folder, CLOCKS[name])
    assert stays(promoted.folder, "staging")[-1] == START + 4 * DAY


def test_a_stay_begins_when_its_commit_says_if_that_is_later(promoted: Promoted) -> None:
    again(promoted.folder, 5)
    assert stays(promoted.folder, "staging")[-1] == START + 5 * DAY


@pytest.mark.parametrize("name", CLOCKS)
def test_history_dates_no_event_before_its_record(promoted: Promoted, name: str) -> None:
    again(promoted.folder, CLOCKS[name])
    with Repository(promoted.folder) as repository:
        entries = history(base_of(repository), "staging")
        assert [entry.merged.committed_at for entry in entries] == [START + 4 * DAY, START + DAY]
        line = mainline(repository, "main")
        records = [entry.record for entry in entries[::-1]]
        counted = record_times(repository, "main", "staging", records)
        times = [moved.committed_at for moved in forward(line, [*counted.values()])]
    assert times == sorted(times, reverse=True)
    assert times[0] == START + 4 * DAY


def test_what_came_again_counts_from_when_it_came_again(promoted: Promoted) -> None:
    """A record that was removed and brought back did not stay in between."""
    folder = promoted.folder
    path = next((folder / "promotion/ledger/staging").glob("0002-*"))
    content, state = path.read_text(), (folder / state_path("staging")).read_text()
    path.unlink()
    commit(folder, {state_path("staging"): "x"}, "gone", day=5)
    where = str(path.relative_to(folder))
    commit(folder, {where: content, state_path("staging"): state}, "again", day=6)
    assert stays(folder, "staging")[-1] == START + 6 * DAY


class Telling(NoForge):
    """A forge that merged everything at one moment."""

    hosted = True

    def __init__(self, merged_at: dt.datetime) -> None:
        super().__init__(Path())
        self.merged_at = merged_at

    def closed(self, head: str, base: str) -> list[PullRequest]:
        del head, base
        pull = pull_request("x", state="merged", merge_commit="y")
        return [structs.replace(pull, merged_at=self.merged_at)]


def spoken(folder: Path, forge: Forge | None = None) -> dt.datetime:
    """Since when the release of staging counts, by somebody's word."""
    with Repository(folder) as repository:
        session = base_of(repository, forge=forge)
        status = status_of(session, "staging")
        assert status.state is not None
        return by_word(session, status, status.state.release).deployments[-1].since


@pytest.mark.parametrize(("days", "counts"), [(9, 9), (1, 4)])
def test_a_merge_that_moves_the_branch_counts_from_the_forges_word(
    promoted: Promoted, days: int, counts: int
) -> None:
    """Fast-forward: the commit is the author's own, made and dated long before."""
    assert spoken(promoted.folder, Telling(START + days * DAY)) == START + counts * DAY


@pytest.mark.parametrize(
    ("at", "counts"), [("2026-07-10T08:00:00Z", 9), ("x", 4), ("2026-07-10T08:00:00", 4), (7, 4)]
)
def test_a_tag_tells_it_where_no_forge_is_asked(
    promoted: Promoted, at: object, counts: int
) -> None:
    folder = promoted.folder
    with Repository(folder) as repository:
        recorded = read_ledger(contents(at_commit(repository, "HEAD")), "staging")[-1]
    facts = {"recordSha256": recorded.sha256, "approvals": [], "pullRequest": {"author": "a-test"}}
    text = json.dumps({**facts, "mergedAt": at})
    git(folder, "tag", "-a", names.tag("staging", 2), "-m", f"t\n\n{text}")
    assert spoken(folder) == START + counts * DAY


def test_a_stay_of_the_other_release_is_left(promoted: Promoted) -> None:
    promote(promoted.folder, "prod", event=Event.PROMOTE, day=5)
    with Repository(promoted.folder) as repository:
        session = base_of(repository, forge=Telling(START + 9 * DAY))
        first = status_of(session, "prod")
        spoken_of = by_word(session, first, first.deployments[0].release)
    assert [stay.since for stay in spoken_of.deployments] == [START + 9 * DAY, START + 5 * DAY]
