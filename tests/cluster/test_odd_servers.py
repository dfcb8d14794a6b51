"""A server that answers with anything else than what it should is an error with its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshgate import answers
from meshgate.model import JSON, JSONObject
from odd_servers import (
    LOGIN_PAGE,
    Capture,
    running_cart,
    told,
)
from recorded_api import RecordedApi
from verified_cluster import verify

pytestmark = pytest.mark.sampled(every=3)


@pytest.fixture
def running_objects() -> list[JSONObject]:
    return running_cart()


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was waited for, without waiting."""
    seconds: list[float] = []
    monkeypatch.setattr("time.sleep", seconds.append)
    return seconds


ITEM: JSONObject = {"metadata": {"name": "x", "namespace": "shop"}, "spec": {}}
ODD_LISTS: list[JSON] = [
    LOGIN_PAGE,
    "null",
    "[]",
    '"text"',
    '{"items": NaN}',
    {"items": {"a": 1}},
    {"items": ["text"]},
    {"items": [None]},
    {"items": [{"metadata": None}]},
    {"items": [{"metadata": {"name": 7}}]},
    {"items": [{**ITEM, "spec": "text"}]},
    {"items": [{**ITEM, "status": [1]}]},
    {"items": [{"metadata": {"name": "x", "labels": {"a": 1}}}]},
    {"items": [{"metadata": {"name": "x", "labels": ["a"]}}]},
    {"items": [{"metadata": {"name": "x", "namespace": 3}}]},
    {"items": [{"metadata": {"name": "x", "ownerReferences": ["web"]}}]},
    {},
    {"metadata": {}},
    {"items": [], "metadata": "text"},
    {"items": [], "metadata": {"continue": 7}},
    {"items": [ITEM], "metadata": {"continue": "for-ever"}},
]


@pytest.mark.parametrize("answer", ODD_LISTS, ids=str)
def test_a_list_that_is_none(
    repository: Path, api: RecordedApi, capsys: Capture, answer: JSON
) -> None:
    api.answers["/api/v1/pods"] = [(200, answer, {})]

    assert verify(repository, api) == 7
    assert "recorded: " in (text := told(capsys))
    assert "pods" in text


@pytest.mark.parametrize(
    "mesh",
    ["[1, 2]", "text", "a: [", "a: 1\na: 2"],
)
def test_a_mesh_config_that_is_none(
    repository: Path, api: RecordedApi, capsys: Capture, mesh: str
) -> None:
    api.config_maps["istio-system/istio"] = {"mesh": mesh}

    assert verify(repository, api) == 7
    assert "ConfigMap istio-system/istio" in told(capsys)


def test_a_server_says_no_more_than_a_line(
    repository: Path, api: RecordedApi, capsys: Capture
) -> None:
    api.answers["/api/v1/pods"] = [(500, {"message": LOGIN_PAGE + "x" * 5000}, {})]

    assert verify(repository, api) == 7
    text = told(capsys)
    assert len(text.splitlines()) == 2
    assert len(text) < 600


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again(
    repository: Path,
    api: RecordedApi,
    slept: list[float],
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    busy = (status, {"message": "too many requests"}, {"Retry-After": "2"})
    api.answers["/api/v1/pods"] = [busy, busy]

    assert verify(repository, api) == 1, "it was read"
    assert slept == [2, 2]
    assert "the API server of recorded asks to wait: trying again in 2 s" in caplog.text


WAITS = {"3600": [], "25": [25, 25], "soon": [1.0] * 10, "nan": [1.0] * 10, "-3": [0] * 10}


@pytest.mark.parametrize("after", WAITS)
def test_a_server_that_stays_busy_is_no_answer(
    repository: Path, api: RecordedApi, slept: list[float], capsys: Capture, after: str
) -> None:
    api.answers["/api/v1/pods"] = [(429, {"message": "later"}, {"Retry-After": after})] * 20

    assert verify(repository, api) == 7
    assert slept == WAITS[after]
    assert "HTTP 429" in told(capsys)


@pytest.mark.parametrize(
    ("stated", "seconds"),
    [
        ("7", 7),
        ("0.5", 0.5),
        ("-1", 0),
        ("Mon, 30 Nov 2026 00:00:20 GMT", 20),
        ("Mon, 30 Nov 2026 00:00:20 -0000", 20),
        ("Sun, 29 Nov 2026 00:00:00 GMT", 0),
        *((odd, None) for odd in ("", "soon", "nan", "inf", "1e999", "Mon, 99 Nov", "٣٣ x")),
    ],
)
def test_retry_after(stated: str, seconds: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1795996800.0)

    assert answers.retry_after({"Retry-After": stated}) == seconds
    assert answers.retry_after({}) is None


@pytest.mark.parametrize(
    ("date", "age", "seconds"),
    [
        ("Mon, 30 Nov 2026 00:00:20 GMT", None, 20),
        ("Sun, 29 Nov 2026 00:00:00 GMT", None, -86400),
        # A cache kept it.
        ("Sun, 29 Nov 2026 23:59:00 GMT", "60", 0),
        ("Sun, 29 Nov 2026 23:59:00 GMT", "-60", -60),
        ("Sun, 29 Nov 2026 23:59:00 GMT", "9" * 400, -60),
        *((odd, None, None) for odd in ("", "now", "1795996800", "Mon, 99 Nov", None)),
    ],
)
def test_the_clock_of_a_server(
    date: str | None, age: str | None, seconds: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 1795996800.0)
    headers = {name: text for name, text in (("Date", date), ("Age", age)) if text is not None}

    ahead = answers.clock_ahead(headers)
    assert (None if ahead is None else ahead.total_seconds()) == seconds


def test_a_date_to_wait_for_is_one_of_the_servers_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine is an hour behind: the server asks for twenty seconds all the same."""
    monkeypatch.setattr("time.time", lambda: 1795996800.0)
    until = "Mon, 30 Nov 2026 01:00:20 GMT"

    told = {"Retry-After": until, "Date": "Mon, 30 Nov 2026 01:00:00 GMT"}
    assert answers.retry_after(told) == pytest.approx(20)
    assert answers.retry_after(told | {"Date": "today"}) == pytest.approx(3620)


@pytest.mark.parametrize("content", ["[" * 100_000, '{"a":' * 100_000, "NaN", "", "1 2 3"], ids=len)
def test_what_is_no_json_is_a_value_error(content: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        answers.parsed(content)
