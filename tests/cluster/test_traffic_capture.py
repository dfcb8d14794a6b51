"""What is asked of Prometheus, what its answers mean, and how its failures are told."""

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
import yaml

from meshgate import config
from meshgate.cli import main
from meshgate.cli.traffic import refuse_unlikely, refuse_unreadable, seconds
from meshgate.cluster import traffic
from meshgate.cluster.prometheus import Prometheus, Series, read_token
from meshgate.errors import ServiceError, ToolError, UsageError, install_beside
from meshgate.pipeline.seen_traffic import age

NOON = dt.datetime(2026, 8, 1, 12, tzinfo=dt.UTC)
EPOCH = NOON.timestamp()
DAY = 86400
URL = "http://prometheus.example.com"


def series(*points: tuple[float, float], **labels: str) -> Series:
    """A series of calls from a/ui to cart in b; points are seconds before noon, and a value."""
    own = {
        "source_workload": "ui",
        "source_workload_namespace": "a",
        "destination_workload": "cart",
        "destination_workload_namespace": "b",
        "destination_service": "cart.b.svc.cluster.local",
        "connection_security_policy": "mutual_tls",
    }
    return Series(own | labels, tuple((EPOCH - ago, value) for ago, value in points))


def told(*answers: list[Series], port_label: str = "") -> list[dict[str, Any]]:
    """The calls of a file, as a person reads them."""
    asked = traffic.traffic_query(NOON, DAY, port_label=port_label)
    found = traffic.traffic(answers, asked, source="here", environment=None)
    calls: list[dict[str, Any]] = json.loads(traffic.text(found))["calls"]
    return calls


def test_the_requests_cover_the_window_once() -> None:
    asked = traffic.traffic_query(NOON, 7 * DAY)
    found = list(traffic.queries(asked))

    assert asked.step == 3600
    assert len(found) == 14
    for metric in traffic.METRICS:
        times = [
            time
            for query in found
            if metric in query.expression
            for time in range(int(query.start), int(query.end) + 1, int(query.step))
        ]
        assert times == list(range(int(EPOCH) - 167 * 3600, int(EPOCH) + 1, 3600))


@pytest.mark.parametrize(
    ("window", "step", "expected"), [(DAY, None, 515), (600, None, 300), (60, None, 60), (60, 7, 7)]
)
def test_the_resolution_fits_the_window(window: int, step: int | None, expected: int) -> None:
    asked = traffic.traffic_query(NOON, window, step)
    first, *_, last = traffic.queries(asked)

    assert asked.step == expected
    assert first.start - expected <= EPOCH - window
    assert last.end == EPOCH


@pytest.mark.parametrize(
    ("step", "labels", "message"),
    [
        (DAY + 1, [], "longer than --window"),
        (1, [], "more than 2,000 parts"),
        (None, [("a-b", "c")], "'a-b' is no label"),
    ],
)
def test_an_inquiry_that_cannot_be_is_refused(
    step: int | None, labels: list[tuple[str, str]], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        traffic.traffic_query(NOON, DAY, step, labels)


def test_a_label_value_stays_a_value() -> None:
    asked = traffic.traffic_query(
        NOON, DAY, None, [("cluster", 'one"} or up{a="\\ü')], "destination_port"
    )
    expression = traffic.growth("istio_requests_total", asked)

    assert r'{reporter="destination",cluster="one\"} or up{a=\"\\ü"}[515s]' in expression
    assert expression.startswith("sum by (source_workload, ")
    assert "connection_security_policy, destination_port)" in expression


def test_an_answer_becomes_a_call() -> None:
    busy = series((7200, 3.0), (3600.5, 6.0), (0.25, 0.0))
    asked = traffic.traffic_query(NOON, DAY, 3600)
    found = traffic.traffic([[busy]], asked, source="here", environment="prod")

    assert told([busy]) == [
        {
            "from": "a/ui",
            "to": "cart.b.svc.cluster.local",
            "server": "b/cart",
            "security": "mutual_tls",
            "lastSeen": "2026-08-01T11:59:59Z",
            "rate": pytest.approx(9 / DAY, abs=1e-9),
        }
    ]
    assert '"environment": "prod"' in traffic.text(found)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"source_workload": "unknown"}, {"from": "unknown"}),
        ({"source_workload_namespace": ""}, {"from": "unknown"}),
        ({"source_workload": "No Such\nName"}, {"from": "unknown"}),
        ({"destination_service": "unknown"}, {"to": None, "server": "b/cart"}),
        ({"destination_service": "InboundPassthroughClusterIpv4"}, {"to": None}),
        ({"destination_service": "10.0.0.7"}, {"to": None, "port": None}),
        ({"destination_service": "10.0.0.7:8080"}, {"to": None, "serverPort": 8080}),
        ({"destination_service": "cart.b:80"}, {"to": "cart.b", "port": 80}),
        ({"destination_workload": "unknown"}, {"server": None, "to": "cart.b.svc.cluster.local"}),
        (
            {"destination_workload": "unknown", "destination_service": "unknown"},
            {"server": None, "to": "unknown"},
        ),
        ({"connection_security_policy": "none"}, {"security": "none"}),
        ({"connection_security_policy": ""}, {"security": "unknown"}),
        ({"destination_port": "9080"}, {"port": None, "serverPort": 9080}),
        ({"destination_port": "unknown"}, {"serverPort": None}),
    ],
)
def test_labels_that_istio_leaves_open(labels: dict[str, str], expected: dict[str, object]) -> None:
    (call,) = told([series((0, 1.0), **labels)], port_label="destination_port")

    assert {key: call.get(key) for key in expected} == expected


def test_equal_calls_of_all_answers_are_one_and_sorted() -> None:
    found = told(
        [series((DAY / 2, DAY)), series((0, DAY), source_workload="aa")],
        [series((60, DAY / 2)), series()],
    )

    assert [(call["from"], call["rate"]) for call in found] == [("a/aa", 1.0), ("a/ui", 1.5)]
    assert found[1]["lastSeen"] == "2026-08-01T11:59:00Z"


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    asked = traffic.traffic_query(NOON, 7 * DAY, None, [("cluster", "one")])
    answer = [series((0, 1.0)), series((0, 1e-9), source_workload="rare")]
    written = traffic.traffic([answer], asked, source="Prometheus", environment="prod")
    file = tmp_path / "traffic.json"
    file.write_text(traffic.text(written))
    read = config.load_traffic(file)

    assert [(call.client, call.rate) for call in read.calls] == [
        ("a/rare", 0.0),
        ("a/ui", pytest.approx(1 / (7 * DAY), abs=1e-9)),
    ]
    assert (read.start, read.end) == (written.start, written.end)
    assert yaml.safe_load(file.read_text())["environment"] == "prod"


def server(answer: Callable[[httpx.Request], httpx.Response], token: str = "") -> Prometheus:
    return Prometheus(URL, token=token, transport=httpx.MockTransport(answer))


def test_a_query_is_sent_with_its_token_and_read() -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        result = [{"metric": {"a": "b"}, "values": [[1.5, "2"], [3, "4.25"]]}]
        data = {"resultType": "matrix", "result": result}
        warnings = ["PromQL info: metric might not be a counter"]
        return httpx.Response(200, json={"status": "success", "data": data, "warnings": warnings})

    with server(answer, "s3cret") as asked:
        assert asked.range("up", 1, 2.5, 0.5) == [Series({"a": "b"}, ((1.5, 2.0), (3.0, 4.25)))]
    (request,) = sent
    assert (request.method, str(request.url)) == ("POST", f"{URL}/api/v1/query_range")
    assert request.read() == b"query=up&start=1.000&end=2.500&step=0.500"
    assert request.headers["authorization"] == "Bearer s3cret"


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


def one(metric: object, *values: object) -> dict[str, object]:
    return {"result": [{"metric": metric, "values": list(values)}]}


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
