"""A forge that is busy, refuses, or whose answer is lost: what a client does, and what it tells."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from fakes.server import Answer
from forge_clients import PROJECT, Hub, Lab
from forge_worlds import BRANCH, PROMOTER, LocalWorld, draft
from meshgate.errors import RepositoryError
from meshgate.model import JSONObject
from meshgate.promotion.forges import (
    ForgeRefusedError,
    ForgeSettings,
    http,
    open_forge,
    retry,
)

pytestmark = pytest.mark.sampled(every=2)

GATE = "promotion/gate"


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


def test_an_unreachable_forge_is_told(world: LocalWorld) -> None:
    world.push(BRANCH, state="digest: 1\n")
    for name in ("github", "gitlab", "gitea"):
        settings = ForgeSettings(name, "http://127.0.0.1:9", PROJECT, "s3cr3t")
        with pytest.raises(RepositoryError, match="did not answer") as error:
            open_forge(settings).find_open(BRANCH, "main")
        assert "s3cr3t" not in str(error.value)
