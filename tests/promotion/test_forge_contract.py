"""What every forge must do, whatever is behind it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from forge_worlds import BRANCH, PROMOTER, REVIEWER, WORLDS, World, draft
from meshgate.errors import RepositoryError
from meshgate.promotion.forges import (
    CommitStatus,
    HeadMovedError,
    NoDifferenceError,
    StatusState,
    retry,
)

pytestmark = pytest.mark.sampled(every=3)

GATE = "promotion/gate"
MARKER = "<!-- meshgate:diff -->"
MESSAGE = "promote(prod): 2026-08-22.3\n\nPromotion-Env: prod"


@pytest.fixture(params=list(WORLDS))
def world(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    template: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[World]:
    # Gitea does some of its work in the background.
    pauses = (0.1, 0.2, 0.4, 0.8) if request.param == "gitea" else (0.01, 0.01)
    monkeypatch.setattr(retry, "PAUSES", pauses)
    with WORLDS[request.param](tmp_path, template) as made:
        yield made


def test_a_pull_request_is_opened_as_drafted(world: World) -> None:
    sha = world.push(BRANCH, state="digest: 1\n")

    made = world.forge.create(draft())

    assert (made.head, made.base, made.head_sha) == (BRANCH, "main", sha)
    assert (made.title, made.body.strip()) == (draft().title, draft().body.strip())
    assert (made.author, made.state, made.fork) == (PROMOTER, "open", False)
    assert sorted(made.labels) == ["env/prod", "promotion"]
    assert made.degraded == ()
    assert world.forge.get(made.number).mergeable in (True, None)
    assert world.forge.login() == PROMOTER


def test_the_same_draft_twice_changes_nothing(world: World) -> None:
    world.push(BRANCH, state="digest: 1\n")

    first = world.forge.create(draft())
    second = world.forge.create(draft())

    assert second == first
    assert len(world.forge.list_open("main")) == 1


def test_a_newer_text_replaces_the_older(world: World) -> None:
    world.push(BRANCH, state="digest: 1\n")
    first = world.forge.create(draft())

    second = world.forge.create(draft(title="Newer", body="Newer text.\n"))

    assert (second.number, second.title, second.body.strip()) == (
        first.number,
        "Newer",
        "Newer text.",
    )


def test_what_another_run_opened_is_adopted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.push(BRANCH, state="digest: 1\n")
    theirs = world.seen_by(PROMOTER).create(draft())
    look = world.forge.find_open
    early = iter([True])
    # The first look is from before the other run opened it, so that the creation meets a conflict.
    monkeypatch.setattr(
        world.forge,
        "find_open",
        lambda head, base: None if next(early, False) else look(head, base),
    )

    made = world.forge.create(draft())

    assert made.number == theirs.number


def test_a_branch_without_a_difference_is_told(world: World) -> None:
    world.push(BRANCH, state="digest: 1\n")
    world.push("main", BRANCH, other="more\n")

    with pytest.raises(NoDifferenceError):
        world.forge.create(draft())


def test_a_branch_that_is_not_there_is_an_error(world: World) -> None:
    with pytest.raises(RepositoryError):
        world.forge.create(draft())


@pytest.mark.decisive
def test_open_ones_are_listed_by_prefix(world: World) -> None:
    for branch in (BRANCH, "promote/staging/r-1", "feature"):
        world.push(branch, **{branch.replace("/", "-"): "new\n"})
        world.forge.create(draft(branch))

    listed = [pull.head for pull in world.forge.list_open("main", "promote/")]

    assert sorted(listed) == [BRANCH, "promote/staging/r-1"]
    assert list(world.forge.list_open("other")) == []
    found = world.forge.find_open("feature", "main")
    assert found is not None
    assert found.head == "feature"
    assert world.forge.find_open("feature", "other") is None


def test_a_closed_one_is_not_open_any_more(world: World) -> None:
    world.push(BRANCH, state="digest: 1\n")
    made = world.forge.create(draft())

    world.forge.close(made.number, "Superseded by a newer release.")
    world.forge.close(made.number, "Superseded by a newer release.")

    assert world.forge.find_open(BRANCH, "main") is None
    assert [pull.number for pull in world.forge.closed(BRANCH, "main")] == [made.number]
    assert world.forge.get(made.number).state == "closed"
    assert world.forge.create(draft()).number != made.number


def test_the_sticky_comment_is_one(world: World) -> None:
    world.push(BRANCH, state="digest: 1\n")
    number = world.forge.create(draft()).number
    # Somebody else's comment may carry the marker, and must not be edited.
    world.seen_by(REVIEWER).comment_sticky(number, MARKER, f"{MARKER}\nmine\n")

    world.forge.comment_sticky(number, MARKER, f"{MARKER}\nfirst\n")
    world.forge.comment_sticky(number, MARKER, f"{MARKER}\nsecond\n")

    assert [(author, text.split("\n")[1]) for author, text in world.comments(number)] == [
        (REVIEWER, "mine"),
        (PROMOTER, "second"),
    ]


def test_labels_of_people_stay(world: World) -> None:
    world.push(BRANCH, state="digest: 1\n")
    number = world.forge.create(replace(draft(), labels=("promotion", "risk/breaks"))).number
    world.label(number, "please-look")

    world.forge.set_labels(number, ("promotion", "risk/loosens"))

    assert sorted(world.forge.get(number).labels) == ["please-look", "promotion", "risk/loosens"]


def test_a_status_is_the_newest_of_its_context(world: World) -> None:
    sha = world.push(BRANCH, state="digest: 1\n")

    for state in (StatusState.PENDING, StatusState.SUCCESS, StatusState.PENDING):
        status = CommitStatus(GATE, state, f"now {state}", "https://ci.example.com/1")
        world.forge.set_status(sha, status)
        world.forge.set_status(sha, status)

        (found,) = world.forge.get_statuses(sha)
        assert (found.context, found.state, found.description) == (GATE, state, f"now {state}")
        assert found.url == "https://ci.example.com/1"
        assert found.reporter == PROMOTER
        assert found.at is not None


def test_a_description_alone_may_change(world: World) -> None:
    sha = world.push(BRANCH, state="digest: 1\n")

    for text in ("window opens at 9", "window opens at 10"):
        world.forge.set_status(sha, CommitStatus(GATE, StatusState.PENDING, text))

    assert [found.description for found in world.forge.get_statuses(sha)] == ["window opens at 10"]


def test_contexts_do_not_mix(world: World) -> None:
    sha = world.push(BRANCH, state="digest: 1\n")
    for context, state in ((GATE, StatusState.FAILURE), ("promotion/soak", StatusState.SUCCESS)):
        world.forge.set_status(sha, CommitStatus(context, state))

    found = {status.context: status.state for status in world.forge.get_statuses(sha)}

    assert found == {GATE: StatusState.FAILURE, "promotion/soak": StatusState.SUCCESS}


def test_an_approval_stays_at_its_commit(world: World) -> None:
    first = world.push(BRANCH, state="digest: 1\n")
    number = world.forge.create(draft()).number
    assert list(world.forge.get_reviews(number)) == []
    world.review(number, "approved")

    second = world.push(BRANCH, BRANCH, state="digest: 2\n")

    (review,) = world.forge.get_reviews(number, ("sre", "nobody"))
    assert (review.login, review.state, review.commit) == (REVIEWER, "approved", first)
    assert review.teams == ("sre",)
    assert world.forge.get(number).head_sha == second


def test_the_last_word_of_a_reviewer_counts(world: World) -> None:
    world.push(BRANCH, state="digest: 1\n")
    number = world.forge.create(draft()).number
    world.review(number, "approved")
    world.review(number, "changes-requested")

    assert [review.state for review in world.forge.get_reviews(number)] == ["changes-requested"]


@pytest.mark.parametrize(("method", "parents"), [("merge", 2), ("squash", 1), ("rebase", 1)])
def test_a_merge_is_made_as_asked(world: World, method: str, parents: int) -> None:
    sha = world.push(BRANCH, state="digest: 1\n")
    number = world.forge.create(draft()).number
    world.push("main", other="unrelated\n")

    if method not in world.methods:
        before = world.tip()
        with pytest.raises(RepositoryError, match=method):
            world.forge.merge(number, head_sha=sha, method=method, message=MESSAGE)
        assert world.tip() == before
        return
    merged = world.forge.merge(number, head_sha=sha, method=method, message=MESSAGE)
    again = world.forge.merge(number, head_sha=sha, method=method, message=MESSAGE)

    assert (merged.commit, merged.already) == (world.tip(), False)
    assert (again.commit, again.already) == (world.tip(), True)
    assert world.parents(merged.commit) == parents
    expected = "Change state" if method == "rebase" else "promote(prod): 2026-08-22.3"
    assert world.subject(merged.commit) == expected
    pull = world.forge.get(number)
    assert (pull.state, pull.merge_commit, pull.merged_by) == ("merged", merged.commit, PROMOTER)
    assert pull.merged_at is not None


def test_another_head_is_not_merged(world: World) -> None:
    judged = world.push(BRANCH, state="digest: 1\n")
    number = world.forge.create(draft()).number
    world.push(BRANCH, BRANCH, state="digest: 2\n")
    before = world.tip()

    with pytest.raises(HeadMovedError) as error:
        world.forge.merge(number, head_sha=judged, method="merge", message=MESSAGE)

    assert error.value.exit_code == 8
    assert world.tip() == before


def test_a_head_that_moves_during_the_merge_is_not_merged(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = world.push(BRANCH, state="digest: 1\n")
    number = world.forge.create(draft()).number
    world.push(BRANCH, BRANCH, state="digest: 2\n")
    before = world.tip()
    look = world.forge.get
    # What is read first is from before the push: the forge's own pin must hold.
    stale = itertools.chain([replace(look(number), head_sha=judged)], itertools.repeat(None))
    monkeypatch.setattr(world.forge, "get", lambda number: next(stale) or look(number))

    with pytest.raises(HeadMovedError):
        world.forge.merge(number, head_sha=judged, method="merge", message=MESSAGE)

    assert world.tip() == before


def test_the_competitor_conflicts_after_the_first_merge(world: World) -> None:
    numbers = {}
    for branch in (BRANCH, "promote/prod/r-2"):
        sha = world.push(branch, state=f"digest: {branch}\n")
        numbers[branch] = (world.forge.create(draft(branch)).number, sha)
    first, first_sha = numbers[BRANCH]
    second, second_sha = numbers["promote/prod/r-2"]
    world.forge.merge(first, head_sha=first_sha, method="squash", message=MESSAGE)
    before = world.tip()

    assert not world.forge.get(second).mergeable
    with pytest.raises(RepositoryError, match="conflicts") as error:
        world.forge.merge(second, head_sha=second_sha, method="merge", message=MESSAGE)

    assert error.value.exit_code == 7
    assert world.tip() == before


def test_a_closed_one_is_not_merged(world: World) -> None:
    sha = world.push(BRANCH, state="digest: 1\n")
    number = world.forge.create(draft()).number
    world.forge.close(number)

    with pytest.raises(RepositoryError, match="closed"):
        world.forge.merge(number, head_sha=sha, method="merge", message=MESSAGE)


def test_an_unknown_number_is_an_error(world: World) -> None:
    with pytest.raises(RepositoryError):
        world.forge.get(999)


def test_the_pull_request_that_made_a_commit_is_known(world: World) -> None:
    sha = world.push(BRANCH, state="digest: 1\n")
    opened = world.forge.create(draft())
    assert world.forge.brought(sha) is None
    merged = world.forge.merge(opened.number, head_sha=sha, method="merge", message=MESSAGE)

    found = world.forge.brought(merged.commit)

    assert found is not None
    assert (found.number, found.state, found.head_sha) == (opened.number, "merged", sha)
    assert world.forge.brought(sha) is None
