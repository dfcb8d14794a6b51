"""A forge that answers with anything else than what it should is an error, never a crash."""

from __future__ import annotations

import contextlib
import email.utils
import logging
import time
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace

import pytest

from fakes.server import Answer, FakeServer
from meshgate.errors import RepositoryError
from meshgate.model import JSON
from meshgate.promotion.forges import Draft, Forge, gitea, github, gitlab, http
from meshgate.promotion.forges.forge import CommitStatus, StatusState
from meshgate.promotion.forges.responses import moment
from meshgate.promotion.forges.settings import ForgeSettings

pytestmark = pytest.mark.sampled(every=3)

ODD: list[JSON] = [
    b"<html>\n::error::log in</html>",
    b"null",
    b"NaN",
    b"",
    b"[",
    *([], {}, "text", 7, True, [None], ["text"], [7], [[]], {"message": None}),
    *({"items": 3}, [{}], [{"number": None}], [{"id": "x"}], {"number": True}, {"login": 7}),
    {"number": 1, "head": None, "base": [], "user": "ann"},
    {"number": 1, "head": {"ref": "x", "sha": "0" * 40}, "merged_at": "yesterday"},
    {"number": 1, "head": {"ref": "x", "sha": "0" * 40}, "merged_at": "9999-12-31T23:59:59-14:00"},
    {"iid": 1, "sha": "0" * 40, "merged_at": 7},
]
SHA = "0" * 40
VERBS: dict[str, Callable[[Forge], object]] = {
    "login": lambda forge: forge.login(),
    "find_open": lambda forge: forge.find_open("promote/prod/r-1", "main"),
    "list_open": lambda forge: forge.list_open("main"),
    "closed": lambda forge: forge.closed("promote/prod/r-1", "main"),
    "get": lambda forge: forge.get(1),
    "create": lambda forge: forge.create(Draft("promote/prod/r-1", "main", "t", "b", ("x",))),
    "update": lambda forge: forge.update(1, title="t", body="b"),
    "close": lambda forge: forge.close(1, "why"),
    "comment_sticky": lambda forge: forge.comment_sticky(1, "<!-- m -->", "text"),
    "set_labels": lambda forge: forge.set_labels(1, ["x"]),
    "set_status": lambda forge: forge.set_status(
        SHA, CommitStatus("promotion/gate", StatusState.PENDING, "waits", "")
    ),
    "get_statuses": lambda forge: forge.get_statuses(SHA),
    "get_reviews": lambda forge: forge.get_reviews(1),
    "get_reviews of a team": lambda forge: forge.get_reviews(1, ["security"]),
    "brought": lambda forge: forge.brought(SHA),
    "merge": lambda forge: forge.merge(1, head_sha=SHA, method="merge", message="t\n\nb"),
}


class Odd(FakeServer):
    """Gives one answer to everything."""

    given = Answer(200)

    def answer(self, *_: object) -> Answer:
        return self.given


@pytest.fixture(scope="module")
def odd() -> Iterator[Odd]:
    fake = Odd()
    with fake.running():
        yield fake


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)


@pytest.fixture(scope="module")
def clients(odd: Odd) -> dict[str, Forge]:
    """One client of each forge: they keep nothing of an answer that was odd."""
    settings = ForgeSettings("x", odd.url, "acme/policies", "token-of-ann")
    return {each.__name__: each.connect(settings) for each in (github, gitea, gitlab)}


@pytest.mark.parametrize("forge", [github, gitea, gitlab], ids=lambda each: each.__name__)
@pytest.mark.parametrize("answer", ODD, ids=str)
def test_an_odd_answer_is_an_error_of_the_forge(
    odd: Odd, clients: dict[str, Forge], forge: ModuleType, answer: JSON
) -> None:
    odd.given = Answer(200, answer)
    client, failed = clients[forge.__name__], 0
    for verb in VERBS.values():
        # Some verbs ask for nothing that an odd answer lacks.
        with contextlib.suppress(RepositoryError):
            verb(client)
            failed -= 1
        failed += 1
    assert failed >= 5


@pytest.mark.parametrize("content", [b"", b'{"items": []}', b"[" * 100_000], ids=len)
def test_what_lists_nothing_is_no_empty_list(odd: Odd, content: bytes) -> None:
    """No open pull request would be found, and another one opened."""
    odd.given = Answer(200, content)
    api = http.HttpApi(odd.url, "t", github.DIALECT)

    with pytest.raises(RepositoryError) as raised:
        list(api.pages("repos/a/b/pulls"))
    assert raised.value.exit_code == 7
    odd.given = Answer(200, b"null")
    assert list(api.pages("repos/a/b/pulls")) == []


@pytest.mark.parametrize("value", ["x", "9999-12-31T23:59:59Z", "2026-13-01T00:00:00Z", "10000"])
def test_a_time_that_cannot_be(value: str) -> None:
    with pytest.raises(RepositoryError, match="no time"):
        moment(value)


@pytest.mark.parametrize(
    ("dialect", "name"), [(github.DIALECT, "GitHub"), (gitlab.DIALECT, "GitLab")]
)
def test_a_wait_is_said(
    odd: Odd,
    dialect: http.ApiDialect,
    name: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    until = email.utils.formatdate(time.time() + 30, usegmt=True)
    odd.given = Answer(429, {"message": "busy"}, (("Retry-After", until),))
    caplog.set_level(logging.WARNING)

    with pytest.raises(RepositoryError) as raised:
        http.HttpApi(odd.url, "t", dialect).ask("GET", "user")

    assert raised.value.exit_code == 7
    assert 1 <= len(slept) <= 2
    assert sum(slept) <= 60
    assert f"{name} asks to wait: trying again in" in caplog.text


def test_the_clock_of_a_forge_is_that_of_its_last_answer(
    odd: Odd, clients: dict[str, Forge], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    behind = SimpleNamespace(time=lambda: now - 3600)
    monkeypatch.setattr("meshgate.answers.time", behind)
    for forge in clients.values():
        odd.given = Answer(200, {"login": "ann"})
        with contextlib.suppress(RepositoryError):
            forge.get(1)
        ahead = forge.clock_ahead()
        assert ahead is not None
        assert abs(ahead.total_seconds() - 3600) < 60


def test_what_a_forge_says_is_one_line(odd: Odd) -> None:
    odd.given = Answer(500, {"message": "a\n::error::b\r\n" + "x" * 5000})

    with pytest.raises(RepositoryError) as raised:
        http.HttpApi(odd.url, "t", github.DIALECT).ask("POST", "user")

    assert len(raised.value.why.splitlines()) == 1
    assert len(raised.value.why) < 700
