"""Prometheus servers that fail, answer oddly or are busy; files that are no captures."""

from __future__ import annotations

import builtins
import datetime as dt
import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from meshgate import config
from meshgate.cli import main
from meshgate.cli.traffic import refuse_unlikely, refuse_unreadable, seconds
from meshgate.cluster import traffic
from meshgate.cluster.prometheus import Prometheus, read_token
from meshgate.errors import ServiceError, ToolError, UsageError, install_beside
from meshgate.pipeline.seen_traffic import age
from prometheus_series import (
    DAY,
    NOON,
    URL,
    one,
    series,
    server,
)


def failing(error: Exception) -> Callable[[httpx.Request], httpx.Response]:
    def answer(_: httpx.Request) -> httpx.Response:
        raise error

    return answer


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (failing(httpx.ConnectError("refused")), "cannot be reached\nrefused"),
        (failing(httpx.ReadTimeout("")), "did not answer in time"),
        (lambda _: httpx.Response(302, headers={"location": "/login"}), "callers elsewhere: 302"),
        (lambda _: httpx.Response(401), "refuses the query: 401"),
        (lambda _: httpx.Response(200, text="<html>"), "does not answer as Prometheus does"),
        (lambda _: httpx.Response(200, json=[1]), "as Prometheus does\n200: [1]"),
        (
            lambda _: httpx.Response(422, json={"status": "error", "error": "too many samples"}),
            "could not answer: too many samples",
        ),
        (
            lambda _: httpx.Response(
                200, json={"status": "success", "data": {}, "warnings": ["store two is away"]}
            ),
            "a part of the answer only: store two is away",
        ),
        (
            lambda _: httpx.Response(200, json={"status": "success", "data": {"result": [{}]}}),
            "as Prometheus does\n{'result': [{}]}",
        ),
    ],
)
def test_a_server_that_fails_ends_the_run_with_7(
    answer: Callable[[httpx.Request], httpx.Response], message: str
) -> None:
    with server(answer, "s3cret") as asked, pytest.raises(ServiceError) as raised:
        asked.range("up", 0, 1, 1)
    assert message in str(raised.value)
    assert "s3cret" not in str(raised.value)
    assert raised.value.exit_code == 7


def told_by(data: object, **more: object) -> Callable[[httpx.Request], httpx.Response]:
    content = json.dumps({"status": "success", "data": data, **more})
    return lambda _: httpx.Response(200, text=content)


@pytest.mark.parametrize(
    "answer",
    [
        told_by({"result": []}, isPartial=True),
        told_by({"result": []}, warnings=[7]),
        told_by({"result": []}, warnings={"a": 1}),
        told_by(None),
        told_by([]),
        told_by(one(None, [1, "1"])),
        told_by(one({"a": 1}, [1, "1"])),
        told_by(one({"a": "b"}, [1, "NaN"])),
        told_by(one({"a": "b"}, [1, "+Inf"])),
        told_by(one({"a": "b"}, [1, "-3"])),
        told_by(one({"a": "b"}, [1e300, "1"])),
        told_by(one({"a": "b"}, [-7, "1"])),
        told_by(one({"a": "b"}, [1])),
        told_by(one({"a": "b"}, "text")),
        lambda _: httpx.Response(200, text='{"status": "success", "data": NaN}'),
        lambda _: httpx.Response(200, text="null"),
        lambda _: httpx.Response(200, text='"success"'),
        lambda _: httpx.Response(500, text="<html>\n::error::x\n</html>"),
    ],
    ids=itertools.count(),
)
def test_an_answer_that_is_odd_or_partial_is_no_capture(
    answer: Callable[[httpx.Request], httpx.Response],
) -> None:
    with server(answer) as asked, pytest.raises(ServiceError) as raised:
        asked.range("up", 0, 10, 1)
    assert URL in str(raised.value)
    assert not any(line.startswith("::") for line in str(raised.value).splitlines())


def test_a_remark_of_promql_is_no_warning() -> None:
    with server(told_by({"result": []}, warnings=["PromQL info: x"], isPartial=False)) as asked:
        assert asked.range("up", 0, 10, 1) == []


@pytest.mark.parametrize(("status", "after"), [(429, "20"), (503, "20"), (503, "61"), (429, "x")])
def test_a_busy_server_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, status: int, after: str
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    answers = [httpx.Response(status, headers={"Retry-After": after}, text="busy")] * 2
    answers.append(httpx.Response(200, json={"status": "success", "data": {"result": []}}))

    with server(lambda _: answers.pop(0)) as asked:
        if after == "61":
            with pytest.raises(ServiceError):
                asked.range("up", 0, 1, 1)
        else:
            assert asked.range("up", 0, 1, 1) == []
    assert slept == {"20": [20, 20], "61": [], "x": [0.5, 1.0]}[after]


@pytest.mark.parametrize(
    "url", ["prometheus", "ftp://a", "http://", "http://a/?q=1", "http://a:port", "http://a/#x"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="--prometheus"):
        Prometheus(url)


def test_a_password_in_the_address_is_refused_and_not_told() -> None:
    with pytest.raises(UsageError) as raised:
        Prometheus("https://ann:s3cret@prometheus.example.com")
    assert "s3cret" not in str(raised.value)
    assert "--token-file" in str(raised.value)


def test_a_token_is_one_word(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("s3cret\n")
    assert read_token(file) == "s3cret"

    for text in ("", "two words", "grün"):
        file.write_text(text)
        with pytest.raises(UsageError) as raised:
            read_token(file)
        assert str(file) in str(raised.value)
    with pytest.raises(UsageError, match="cannot be read"):
        read_token(tmp_path / "none")


def test_a_missing_client_library_is_told_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def absent(name: str, *rest: Any) -> Any:
        if name == "httpx":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(ToolError, match=re.escape(install_beside("httpx"))) as raised:
        Prometheus(URL)
    assert raised.value.exit_code == 4


def test_lengths_of_time() -> None:
    assert [seconds("--window", text) for text in ("90s", "30m", "12h", "7d", "2w")] == [
        90,
        1800,
        43200,
        604800,
        1209600,
    ]
    for text in ("7", "0d", "-1d", "1.5h", "d"):
        with pytest.raises(UsageError, match="--window"):
            seconds("--window", text)


def test_a_server_that_is_not_there_is_exit_7(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret")
    code = main(
        [
            *("-v", "traffic", "capture", "--prometheus", "http://127.0.0.1:9"),
            *("--token-file", str(token)),
        ]
    )
    told = capsys.readouterr()

    assert (code, told.out) == (7, "")
    assert "Prometheus at http://127.0.0.1:9 cannot be reached" in told.err
    assert "s3cret" not in told.err


def test_a_file_that_is_no_capture_is_not_overwritten(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "environments.yaml"
    file.write_text("environments: []\n")
    code = main(["traffic", "capture", "--prometheus", URL, "--output", str(file)])

    assert code == 2
    assert "is no capture" in capsys.readouterr().err
    assert file.read_text() == "environments: []\n"


@pytest.mark.parametrize(
    "labels",
    [
        {"destination_service": "a" * 300 + ".svc"},
        {"destination_service": "cart.b:99999"},
        {"source_workload": "x" * 400},
        {"source_workload": "日本"},
        {"connection_security_policy": "\u202e"},
        {"destination_workload_namespace": "NOT VALID"},
    ],
)
def test_what_a_capture_writes_is_read(labels: dict[str, str], tmp_path: Path) -> None:
    asked = traffic.traffic_query(NOON, DAY, 3600)
    found = traffic.traffic([[series((7200, 3.0), **labels)]], asked, source="x", environment=None)
    file = tmp_path / "traffic.json"
    file.write_text(traffic.text(found))

    assert len(config.load_traffic(file).calls) == 1
    refuse_unlikely(file.read_text(), "x")


def test_a_capture_that_no_diff_reads_is_not_written() -> None:
    with pytest.raises(ServiceError, match="x tells calls that no mesh has"):
        refuse_unlikely('{"version": 1, "calls": [{"to": 7}]}', "x")


@pytest.mark.parametrize(
    ("day", "words"),
    [
        ("2026-08-01", ""),
        ("2026-08-08", ""),
        ("2026-08-13", "seen until 2026-08-01, 12 days ago"),
        ("2027-08-01", "365 days ago"),
        ("2026-07-20", "still to come"),
    ],
)
def test_an_old_file_is_told_with_its_age(day: str, words: str) -> None:
    asked = traffic.traffic_query(NOON, DAY, 3600)
    found = traffic.traffic([], asked, source="x", environment=None)

    notes = list(age(found, dt.date.fromisoformat(day)))
    assert [words in each for each in notes] == ([True] if words else [])


def test_a_capture_that_nobody_could_read_is_not_written() -> None:
    refuse_unreadable(" " * 2**24)
    with pytest.raises(UsageError, match="larger than the 16 MiB"):
        refuse_unreadable(" " * (2**24 + 1))
