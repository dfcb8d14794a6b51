"""What each forge's own client must get right, against a fake of its API."""

from __future__ import annotations

import re

import pytest

from fakes import github, gitlab
from fakes.server import Answer, Asked, FakeServer, Route
from forge_clients import Hub, Lab
from forge_worlds import BRANCH, PROMOTER, REVIEWER, draft
from meshgate.errors import RepositoryError
from meshgate.model import JSONObject
from meshgate.promotion.forges import (
    CommitStatus,
    StatusState,
    gitea,
    http,
)

pytestmark = pytest.mark.sampled(every=2)

GATE = "promotion/gate"


class Listing(FakeServer):
    """A Gitea with five labels, in pages of two; it says how many there are, or does not."""

    counted = True

    def routes(self) -> list[Route]:
        labels: list[JSONObject] = [{"id": number, "name": f"l{number}"} for number in range(5)]
        path = re.compile("/api/v1/repos/acme/mesh/labels")
        return [("GET", path, lambda _: Answer(200, labels))]

    def paged(self, entries: list[JSONObject], query: dict[str, str], path: str) -> Answer:  # noqa: ARG002
        first = (int(query["page"]) - 1) * self.page_limit
        headers = (("X-Total-Count", str(len(entries))),) if self.counted else ()
        return Answer(200, entries[first : first + self.page_limit], headers)


@pytest.mark.parametrize(("counted", "requests"), [(True, 3), (False, 4)])
def test_a_list_of_gitea_is_read_to_its_end(counted: bool, requests: int) -> None:
    fake = Listing()
    fake.counted = counted
    with fake.running():
        api = http.HttpApi(f"{fake.url}/api/v1", f"token-of-{PROMOTER}", gitea.DIALECT)
        names = [entry["name"] for entry in api.pages("repos/acme/mesh/labels")]

    assert names == ["l0", "l1", "l2", "l3", "l4"]
    # Without a count only an empty page is the end.
    assert len(fake.requests) == requests


def test_a_forks_branch_is_not_ours(hub: Hub) -> None:
    theirs: JSONObject = {
        "number": 66,
        "html_url": "https://github.com/acme/mesh/pull/66",
        "state": "open",
        "title": "promote(prod): mine",
        "user": {"login": "mallory"},
        "body": None,
        "labels": [],
        "merged_at": None,
        "merge_commit_sha": None,
        "head": {
            "label": f"acme:{BRANCH}",
            "ref": BRANCH,
            "sha": "e5bd3914e2e596debea16f433f57875b5b90bcd6",
            "repo": {"id": 99, "full_name": "mallory/mesh", "fork": True},
        },
        "base": {"ref": "main", "repo": {"id": 1296269}},
        "auto_merge": None,
    }
    deleted = {**theirs, "number": 67, "head": {**theirs["head"], "repo": None}}
    hub.fake.forks = [theirs, deleted]
    forge = hub.seen_by(PROMOTER)

    assert forge.find_open(BRANCH, "main") is None
    assert list(forge.list_open("main")) == []


def test_an_app_learns_its_name(hub: Hub) -> None:
    assert hub.seen_by(github.APP).login() == f"{github.APP}[bot]"


def test_an_approval_by_a_stranger_has_no_power(hub: Hub) -> None:
    hub.world.push(BRANCH, state="digest: 1\n")
    number = hub.seen_by(PROMOTER).create(draft()).number
    hub.world.seen_by("mallory").review(number)
    hub.world.seen_by(REVIEWER).review(number)

    words = {review.login: review.state for review in hub.seen_by(PROMOTER).get_reviews(number)}

    assert words == {"mallory": "powerless", REVIEWER: "approved"}


@pytest.mark.parametrize(
    ("status", "conclusion", "expected"),
    [
        ("queued", None, StatusState.PENDING),
        ("in_progress", None, StatusState.PENDING),
        ("completed", "success", StatusState.SUCCESS),
        ("completed", "failure", StatusState.FAILURE),
        ("completed", "skipped", StatusState.FAILURE),
        ("completed", "neutral", StatusState.FAILURE),
    ],
)
def test_a_check_run_counts_as_a_status(
    hub: Hub, status: str, conclusion: str | None, expected: StatusState
) -> None:
    hub.fake.check_runs = [
        {
            "id": 4,
            "name": "validate",
            "status": status,
            "conclusion": conclusion,
            "started_at": "2026-08-01T01:14:52Z",
            "completed_at": "2026-08-01T01:15:52Z" if conclusion else None,
            "html_url": "https://github.com/acme/mesh/runs/4",
            "output": {"title": None},
            "app": {"slug": "github-actions"},
        }
    ]

    (found,) = hub.seen_by(PROMOTER).get_statuses(hub.world.tip())

    assert (found.context, found.state, found.reporter) == ("validate", expected, "github-actions")


def test_check_runs_that_may_not_be_read_are_left_out(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    forbidden = Answer(403, {"message": "Resource not accessible by integration"})
    monkeypatch.setattr(hub.fake, "runs", lambda _: forbidden)
    forge = hub.seen_by(PROMOTER)

    forge.set_status(hub.world.tip(), CommitStatus(GATE, StatusState.SUCCESS))

    assert [found.context for found in forge.get_statuses(hub.world.tip())] == [GATE]
    assert "checks: read" in caplog.text


def test_a_long_description_fits(either: Hub | Lab) -> None:
    sha = either.world.push(BRANCH, state="digest: 1\n")
    forge = either.seen_by(PROMOTER)
    status = CommitStatus(GATE, StatusState.PENDING, "waits " * 60)
    forge.set_status(sha, status)
    asked = len(either.fake.requests)

    forge.set_status(sha, status)

    (found,) = forge.get_statuses(sha)
    assert found.description.endswith("…")
    assert not [line for line in either.fake.requests[asked:] if line.startswith("POST")]


def test_pending_over_pending_ends_the_first(lab: Lab) -> None:
    sha = lab.world.push(BRANCH, state="digest: 1\n")
    forge = lab.seen_by(PROMOTER)

    for text in ("soaks until 9", "soaks until 10"):
        forge.set_status(sha, CommitStatus(GATE, StatusState.PENDING, text))

    assert [entry["status"] for entry in lab.fake.posted] == ["canceled", "pending"]


def test_gitlab_by_fast_forward(lab: Lab) -> None:
    sha = lab.world.push(BRANCH, state="digest: 1\n")
    forge = lab.seen_by(PROMOTER)
    number = forge.create(draft()).number
    lab.fake.merge_method = "ff"

    merged = forge.merge(number, head_sha=sha, method="rebase", message="Merge it")

    assert merged.commit == lab.world.tip()
    assert lab.world.parents(merged.commit) == 1


def test_an_approval_without_a_time_approves_no_commit(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.world.push(BRANCH, state="digest: 1\n")
    forge = lab.seen_by(PROMOTER)
    number = forge.create(draft()).number
    approved = {"approved_by": [{"user": {"id": 2, "username": REVIEWER}}]}
    monkeypatch.setattr(gitlab.GitLab, "approvals", lambda *_: Answer(200, approved))

    (review,) = forge.get_reviews(number)

    assert (review.login, review.state, review.commit) == (REVIEWER, "approved", "")


@pytest.mark.parametrize(
    ("key", "value"),
    [("head", {"ref": BRANCH, "sha": "--upload-pack=x"}), ("number", "7"), ("title", ["a"])],
)
def test_an_answer_of_another_shape_is_an_error(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, key: str, value: object
) -> None:
    hub.world.push(BRANCH, state="digest: 1\n")
    number = hub.seen_by(PROMOTER).create(draft()).number
    right = hub.fake.pull

    def wrong(asked: Asked) -> Answer:
        answer = right(asked)
        return Answer(200, {**answer.body, key: value})

    monkeypatch.setattr(hub.fake, "pull", wrong)

    with pytest.raises(RepositoryError, match="the forge's answer has no"):
        hub.seen_by(PROMOTER).get(number)
