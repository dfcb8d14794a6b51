"""What is asked of Prometheus, what its answers mean, and how its failures are told."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
import yaml

from meshgate import config
from meshgate.cluster import traffic
from meshgate.cluster.prometheus import Series
from meshgate.errors import UsageError
from prometheus_series import (
    DAY,
    EPOCH,
    NOON,
    URL,
    series,
    server,
    told,
)


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
