"""What each forge's own client must get right, against a fake of its API."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from fakes import github, gitlab
from fakes.server import Answer, Asked, FakeServer, Route
from forge_worlds import BRANCH, PROMOTER, REVIEWER, LocalWorld, draft, repository
from meshgate.errors import RepositoryError
from meshgate.model import JSONObject
from meshgate.promotion.forges import (
    CommitStatus,
    Forge,
    ForgeRefusedError,
    ForgeSettings,
    StatusState,
    gitea,
    http,
    open_forge,
    retry,
)

pytestmark = pytest.mark.sampled(every=2)

GATE = "promotion/gate"
PROJECT = "acme/mesh"


class Hub(NamedTuple):
    """A repository, a fake of GitHub before it, and GitHub's client."""

    world: LocalWorld
    fake: github.GitHub

    def seen_by(self, login: str) -> Forge:
        return open_forge(ForgeSettings("github", self.fake.url, PROJECT, f"token-of-{login}"))


class Lab(NamedTuple):
    """The same with GitLab."""

    world: LocalWorld
    fake: gitlab.GitLab

    def seen_by(self, login: str) -> Forge:
        return open_forge(ForgeSettings("gitlab", self.fake.url, PROJECT, f"token-of-{login}"))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("forge") / "template"


@pytest.fixture
def world(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> LocalWorld:
    monkeypatch.setattr(retry, "PAUSES", (0.01, 0.01, 0.01))
    return LocalWorld(*repository(tmp_path, template))


@pytest.fixture
def hub(world: LocalWorld) -> Iterator[Hub]:
    fake = github.GitHub(world.seen_by)
    with fake.running():
        yield Hub(world, fake)


@pytest.fixture
def lab(world: LocalWorld) -> Iterator[Lab]:
    fake = gitlab.GitLab(world.seen_by)
    with fake.running():
        yield Lab(world, fake)


@pytest.fixture(params=["hub", "lab"])
def either(request: pytest.FixtureRequest) -> Hub | Lab:
    found: Hub | Lab = request.getfixturevalue(request.param)
    return found


def test_two_openers_open_one(either: Hub | Lab) -> None:
    either.world.push(BRANCH, state="digest: 1\n")

    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda _: either.seen_by(PROMOTER).create(draft()), range(2)))

    assert made[0].number == made[1].number
    assert len(either.seen_by(PROMOTER).list_open("main")) == 1


def test_an_answer_lost_at_creation_is_found_again(either: Hub | Lab) -> None:
    either.world.push(BRANCH, state="digest: 1\n")
    either.fake.lost = 1

    made = either.seen_by(PROMOTER).create(draft())

    assert made.title == draft().title
    assert len(either.seen_by(PROMOTER).list_open("main")) == 1


def test_an_answer_lost_at_the_merge_is_a_merge(either: Hub | Lab) -> None:
    sha = either.world.push(BRANCH, state="digest: 1\n")
    forge = either.seen_by(PROMOTER)
    number = forge.create(draft()).number
    either.fake.lost = 1

    merged = forge.merge(number, head_sha=sha, method="merge", message="Merge it")

    assert merged.commit == either.world.tip()
    assert merged.already


def test_a_merge_that_goes_on_being_refused_is_told(
    either: Hub | Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = either.world.push(BRANCH, state="digest: 1\n")
    forge = either.seen_by(PROMOTER)
    number = forge.create(draft()).number
    monkeypatch.setattr(type(either.fake), "merge", lambda *_: either.fake.missing)
    before = either.world.tip()

    with pytest.raises(ForgeRefusedError, match="404") as error:
        forge.merge(number, head_sha=sha, method="merge", message="Merge it")

    assert error.value.exit_code == 7
    assert either.world.tip() == before


def test_a_forge_that_still_looks_whether_a_branch_merges_is_waited_for(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(retry, "PAUSES_WHILE_UNKNOWN", (0.01, 0.01, 0.01))
    sha = hub.world.push(BRANCH, state="digest: 1\n")
    forge = hub.seen_by(PROMOTER)
    number = forge.create(draft()).number

    hub.fake.looking = 100
    with pytest.raises(RepositoryError, match=f"pull request {number} does not merge"):
        forge.merge(number, head_sha=sha, method="merge", message="Merge it")
    attempts = 100 - hub.fake.looking
    hub.fake.looking = attempts - 1
    merged = forge.merge(number, head_sha=sha, method="merge", message="Merge it")

    waits = f"has not told yet whether #{number} merges: waiting"
    assert caplog.text.count(waits) == 2
    assert attempts == len(retry.PAUSES) + len(retry.PAUSES_WHILE_UNKNOWN)
    assert merged.commit == hub.world.tip()


def test_a_label_that_fails_degrades(
    either: Hub | Lab, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    either.world.push(BRANCH, state="digest: 1\n")
    forge = either.seen_by(PROMOTER)

    def refuse(*_: object) -> None:
        raise ForgeRefusedError("no", why="labels are closed on Sundays")

    with monkeypatch.context() as patched:
        patched.setattr(forge, "set_labels", refuse)
        made = forge.create(draft())

    assert made.degraded == ("labels: labels are closed on Sundays",)
    assert "closed on Sundays" in caplog.text
    assert made.state == "open"
    assert forge.create(draft()).degraded == ()


def test_a_wrong_token_is_told_without_it(
    either: Hub | Lab, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    either.world.push(BRANCH, state="digest: 1\n")
    settings = ForgeSettings(
        "github" if isinstance(either, Hub) else "gitlab", either.fake.url, PROJECT, "s3cr3t"
    )

    with pytest.raises(ForgeRefusedError) as error:
        open_forge(settings).create(draft())

    assert error.value.status == 401
    assert "MESHGATE_FORGE_TOKEN" in error.value.hint
    assert "s3cr3t" not in str(error.value) + repr(error.value.__cause__) + caplog.text


def test_a_forge_that_repeats_the_token_is_not_repeated(
    either: Hub | Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = Answer(404, {"message": f"no such thing, token-of-{PROMOTER}"})
    monkeypatch.setattr(either.fake, "missing", answer)

    with pytest.raises(ForgeRefusedError, match=r"\*\*\*") as error:
        either.seen_by(PROMOTER).get(7)

    assert PROMOTER not in str(error.value)


def answering(either: Hub | Lab, monkeypatch: pytest.MonkeyPatch, *answers: Answer) -> None:
    """Let the fake give these answers first."""
    waiting = list(answers)
    right = either.fake.answer

    def answer(method: str, target: str, token: str, body: JSONObject) -> Answer:
        return waiting.pop(0) if waiting else right(method, target, token, body)

    monkeypatch.setattr(either.fake, "answer", answer)


@pytest.mark.parametrize(
    "busy",
    [
        Answer(503, {"message": "busy"}),
        Answer(429, {"message": "too many requests"}, (("Retry-After", "0"),)),
        Answer(403, {"message": "API rate limit exceeded"}, (("Retry-After", "0"),)),
        Answer(
            403,
            {"message": "API rate limit exceeded"},
            (("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", "1")),
        ),
    ],
    ids=["busy", "limited", "limited-as-forbidden", "limit-that-ended"],
)
def test_a_busy_forge_is_asked_again(
    either: Hub | Lab, monkeypatch: pytest.MonkeyPatch, busy: Answer
) -> None:
    monkeypatch.setattr(http, "PAUSES", (0.01, 0.01))
    answering(either, monkeypatch, busy, busy)

    assert either.seen_by(PROMOTER).login() == PROMOTER


@pytest.mark.parametrize(
    ("refusal", "asked"),
    [
        (Answer(503, {"message": "busy"}), 3),
        (Answer(429, {"message": "wait an hour"}, (("Retry-After", "3600"),)), 1),
        (Answer(403, {"message": "you may not"}), 1),
    ],
    ids=["busy-for-ever", "longer-than-anybody-waits", "forbidden"],
)
def test_a_forge_is_not_asked_for_ever(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, refusal: Answer, asked: int
) -> None:
    monkeypatch.setattr(http, "PAUSES", (0.01, 0.01))
    answering(lab, monkeypatch, *[refusal] * 9)

    with pytest.raises(ForgeRefusedError) as error:
        lab.seen_by(PROMOTER).login()

    assert error.value.why == refusal.body["message"]
    assert len(lab.fake.requests) == asked


def test_a_write_that_a_gateway_lost_is_not_repeated(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "PAUSES", (0.01, 0.01))
    lab.world.push(BRANCH, state="digest: 1\n")
    forge = lab.seen_by(PROMOTER)
    number = forge.create(draft()).number
    before = len(lab.fake.requests)
    # No comment is there yet: the list is asked for, then the comment is written.
    answering(lab, monkeypatch, Answer(200, []), Answer(502, {"message": "bad gateway"}))

    with pytest.raises(ForgeRefusedError, match="502"):
        forge.comment_sticky(number, "<!-- m -->", "<!-- m --> text")

    assert [line.split(" ")[0] for line in lab.fake.requests[before:]] == ["GET", "POST"]


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


def test_an_unreachable_forge_is_told(world: LocalWorld) -> None:
    world.push(BRANCH, state="digest: 1\n")
    for name in ("github", "gitlab", "gitea"):
        settings = ForgeSettings(name, "http://127.0.0.1:9", PROJECT, "s3cr3t")
        with pytest.raises(RepositoryError, match="did not answer") as error:
            open_forge(settings).find_open(BRANCH, "main")
        assert "s3cr3t" not in str(error.value)


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
