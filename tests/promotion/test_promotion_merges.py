"""What is merged, and what is left alone: by its branch, its base, its state and its rules."""

from __future__ import annotations

import json

import pytest
from msgspec import structs

import promoted
from meshgate.errors import NothingToPromoteError, RefusedError
from meshgate.promotion import names
from meshgate.promotion.forges import Draft, PullRequest
from meshgate.promotion.forges.local import LocalForge
from meshgate.promotion.merge import ready
from meshgate.promotion.record import pull_request_of, record
from pipeline import ENVIRONMENTS, Pipeline, mode
from pushed import repair


def test_what_is_closed_is_not_merged(pipeline: Pipeline) -> None:
    opened = pipeline.promote("staging")
    pipeline.local("sam").close(opened.pull.number)

    with pytest.raises(RefusedError, match="is closed; nothing was merged"):
        pipeline.merge(opened.pull.number)


def test_a_branch_of_a_fork_is_no_promotion(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = pipeline.promote("staging")
    other = pipeline.local().create(Draft(repair(pipeline, "feature"), "main", "t", "b"))
    with pytest.raises(RefusedError) as own:
        pipeline.merge(other.number)
    get = LocalForge.get

    def forked(self: LocalForge, number: int) -> PullRequest:
        return structs.replace(get(self, number), fork=True)

    monkeypatch.setattr(LocalForge, "get", forked)
    with pytest.raises(RefusedError) as fork:
        pipeline.merge(opened.pull.number)

    assert own.value.what.endswith("is no promotion: its branch is feature")
    assert fork.value.what.endswith(f"its branch is {opened.pull.head} of a fork")


def test_a_branch_that_is_named_like_one_and_promotes_nothing_is_not_merged(
    pipeline: Pipeline,
) -> None:
    start = repair(pipeline, "promote/staging/r-000000000000")
    pull = pipeline.local().create(Draft(start, "main", "a change", "words"))

    with pytest.raises(RefusedError, match="holds no promotion; nothing was merged"):
        pipeline.merge(pull.number)


def test_the_tool_merges_where_the_environment_says_so(pipeline: Pipeline) -> None:
    by_tool = ENVIRONMENTS.replace("    after: [dev]\n", "    after: [dev]\n    merge: tool\n")
    pipeline.commit({"environments.yaml": by_tool}, "staging is merged by the tool")
    pipeline.promote("staging")
    with pipeline.session() as session:
        merged, left = ready(session)
    assert [result.record.environment for result in merged if result.record] == ["staging"]
    assert left == []
    # Where people merge, it waits for them; what may not be merged is told.
    pipeline.promote("prod")
    held = pipeline.hold("staging")
    pipeline.commit({"README.md": "x\n"}, "docs")
    pipeline.local().set_labels(held.pull.number, ["x"])
    other = pipeline.local().create(
        Draft(repair(pipeline, "promote/staging/r-000000000000"), "main", "t", "b")
    )
    with pipeline.session() as session:
        merged, left = ready(session)
    assert [result.pull.number for result in merged] == [held.pull.number]
    assert left == [f"{other.url} holds no promotion; nothing was merged"]


def approvals(pipeline: Pipeline, tag: str) -> dict[str, object]:
    """What the tag of a record says."""
    text = promoted.git(pipeline.hub, "tag", "--list", "--format=%(contents:body)", tag)
    found = json.loads(text)
    assert isinstance(found, dict)
    return found


def test_a_tag_says_who_approved_what_and_when_it_was_merged(pipeline: Pipeline) -> None:
    opened = pipeline.promote("staging")
    pipeline.local("sam").review(opened.pull.number)
    pipeline.local("tess").review(opened.pull.number, "commented")
    pipeline.merge(opened.pull.number)
    with pipeline.session() as session:
        tags, _ = record(session, ["staging"])

    assert {tag.name for tag in tags if tag.name.startswith("env/")} == {
        "env/staging/0001",
        "env/staging/0002",
    }
    said = approvals(pipeline, "env/staging/0002")
    assert said["approvals"] == [
        {"login": "sam", "commit": opened.commit, "at": "2026-07-11T08:00:00Z"}
    ]
    assert said["mergedAt"] == "2026-07-11T08:01:00Z"
    assert said["mergeCommit"] == pipeline.main()
    assert said["pullRequest"] == {
        "number": opened.pull.number,
        "url": opened.pull.url,
        "head": opened.commit,
        "author": "promoter",
        "mergedBy": "promoter",
    }
    first = approvals(pipeline, "env/staging/0001")
    assert (first["pullRequest"], first["approvals"]) == (None, [])
    assert first["mergedAt"] == "2026-07-02T08:00:00Z"


def test_a_record_is_that_of_the_pull_request_that_brought_it(pipeline: Pipeline) -> None:
    """Of several merged ones of that branch the newest, where none has exactly that commit."""
    opened = pipeline.promoted("staging")
    merged = pipeline.main()
    forge = pipeline.local()
    (pull,) = forge.closed(opened.pull.head, "main")
    earlier = structs.replace(pull, number=8, merge_commit="0" * 40)
    later = structs.replace(pull, number=9, merge_commit="f" * 40)
    closed = structs.replace(pull, number=10, state="closed")

    class Answers(LocalForge):
        pulls: tuple[PullRequest, ...] = ()

        def closed(self, head: str, base: str) -> list[PullRequest]:
            return [pull for pull in self.pulls if (pull.head, pull.base) == (head, base)]

    answers = Answers(pipeline.hub, "promoter")
    pipeline.forge = answers

    def found(*pulls: PullRequest) -> int | None:
        answers.pulls = pulls
        with pipeline.session() as session:
            pull = pull_request_of(session, opened.pull.head, merged)
        return pull.number if pull else None

    assert found(later, earlier, pull) == pull.number
    assert found(earlier, pull, later) == pull.number
    assert found(closed, later, earlier) == 9
    assert found(closed) is None
    assert found() is None


def test_what_was_closed_by_a_person_stays_closed(pipeline: Pipeline) -> None:
    """What the tool closed, or merged, is opened again."""
    opened = pipeline.promote("staging")
    pipeline.commit(mode("PERMISSIVE"), "mesh: back")
    pipeline.commit(mode("STRICT"), "mesh: and forth")
    forge = pipeline.local()
    forge.set_labels(opened.pull.number, (names.SUPERSEDED,))
    forge.close(opened.pull.number)
    again = pipeline.promote("staging")
    assert again.pull.number != opened.pull.number
    pipeline.local("sam").close(again.pull.number)
    with pytest.raises(NothingToPromoteError, match="was closed by a person"):
        pipeline.promote("staging")
