"""A capture from a real Prometheus, and a change that is tried on it (`nox -s traffic`)."""

from __future__ import annotations

import contextlib
import datetime as dt
import http.server
import json
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from meshes import ROOT, peer_authentication, shop
from meshgate import config
from meshgate.cli import main
from meshgate.effect.observed import SeenFate, replay
from places import REPOSITORY
from traffic.program import program

CART = "cart.b.svc.cluster.local"
WINDOW, STEP = 12, 2  # seconds
SCRAPES = "250ms"
STOPS = 9.0  # seconds after the start at which one client stops to call


class Counter(NamedTuple):
    """One series: its metric, labels and value by the seconds since the start."""

    metric: str
    source: str
    security: str
    # None: it is not there yet.
    value: Callable[[float], float | None]
    service: str = CART
    cluster: str = "one"

    def line(self, seconds: float) -> str:
        """The series as Prometheus reads it."""
        value = self.value(seconds)
        if value is None:
            return ""
        place, _, name = self.source.rpartition("/")
        labels = {
            "reporter": "destination",
            "source_workload": name,
            "source_workload_namespace": place or name,
            "destination_workload": "cart",
            "destination_workload_namespace": "b",
            "destination_service": self.service,
            "destination_port": "8080",
            "connection_security_policy": self.security,
            "cluster": self.cluster,
        }
        told = ",".join(f'{key}="{text}"' for key, text in labels.items())
        return f"{self.metric}{{{told}}} {value:.0f}\n"


HTTP, TCP = "istio_requests_total", "istio_tcp_connections_opened_total"
COUNTERS = (
    # Ten calls a second, and many before anybody looked.
    Counter(HTTP, "a/ui", "mutual_tls", lambda t: 1000 + 10 * t),
    # Plaintext from outside, until it stops.
    Counter(HTTP, "unknown", "none", lambda t: 5 + 4 * min(t, STOPS)),
    # One call in all: the counter appears with it and never moves again.
    Counter(HTTP, "a/old", "none", lambda t: 1 if t > STOPS else None),
    # Called long ago, and never since.
    Counter(HTTP, "a/asleep", "mutual_tls", lambda _: 500),
    # Started anew on the way: the counter falls.
    Counter(TCP, "a/ui", "mutual_tls", lambda t: 70 + 2 * t if t < STOPS else t, "unknown"),
    # Another cluster's.
    Counter(HTTP, "a/far", "none", lambda t: 3 * t, CART, "two"),
)


class Running(NamedTuple):
    """A Prometheus that has looked at the exporter for longer than the window."""

    url: str
    process: subprocess.Popen[bytes]
    began: float  # seconds since 1970
    captured: Path  # what was seen by the end of the first window


class Exporter(http.server.BaseHTTPRequestHandler):
    """Shows the counters as a proxy does."""

    began = 0.0
    # What `meshgate validate --metrics` wrote, as the node exporter shows a textfile.
    textfile = ""

    def do_GET(self) -> None:
        seconds = time.time() - self.began
        lines = [counter.line(seconds) for counter in COUNTERS]
        body = "".join([*lines, self.textfile]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: the test's own output is enough."""


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A real server on loopback; ended with its exporter."""
    folder = tmp_path_factory.mktemp("prometheus")
    exporter = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Exporter)
    threading.Thread(target=exporter.serve_forever, daemon=True).start()
    (folder / "prometheus.yml").write_text(
        json.dumps(
            {
                "global": {"scrape_interval": SCRAPES},
                "scrape_configs": [
                    {
                        "job_name": "proxies",
                        "static_configs": [
                            {"targets": [f"127.0.0.1:{exporter.server_address[1]}"]}
                        ],
                    }
                ],
            }
        )
    )
    port = free_port()
    Exporter.began = time.time()
    process = subprocess.Popen(
        [
            program(),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=warn",
        ],
        cwd=folder,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        began = first_look(url, process)
        time.sleep(max(0.0, began + WINDOW + STEP + 1 - time.time()))
        captured = folder / "traffic.json"
        assert capture(url, captured) == 0
        yield Running(url, process, Exporter.began, captured)
    finally:
        process.terminate()
        process.wait(20)
        exporter.shutdown()
        exporter.server_close()


def free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def first_look(url: str, process: subprocess.Popen[bytes]) -> float:
    """When the server had its first look at the exporter."""
    deadline = time.time() + 30
    while time.time() < deadline:
        assert process.poll() is None, "prometheus ended"
        with contextlib.suppress(OSError):
            query = f"{url}/api/v1/query?query={HTTP}"
            with urllib.request.urlopen(query, timeout=5) as response:
                if json.load(response)["data"]["result"]:
                    return time.time()
        time.sleep(0.2)
    raise AssertionError("prometheus saw nothing")


def capture(url: str, file: Path, *more: str) -> int:
    times = ("--window", f"{WINDOW}s", "--resolution", f"{STEP}s", "--query-label", "cluster=one")
    return main(["traffic", "capture", "--prometheus", url, "--output", str(file), *times, *more])


def test_a_capture_tells_what_was_called_how_often_and_when(
    prometheus: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "traffic.json"
    assert capture(prometheus.url, file, "--env", "prod", "--port-label", "destination_port") == 0
    error = capsys.readouterr().err
    assert "4 seen calls" in error
    assert "2 with mutual TLS, 2 in plaintext (1 of clients that the mesh does not know)" in error

    told = config.load_traffic(file)
    calls = {(call.client, call.host): call for call in told.calls}
    assert list(calls) == [("", CART), ("a/old", CART), ("a/ui", ""), ("a/ui", CART)]
    assert {call.server for call in told.calls} == {"b/cart"}
    assert {(call.port, call.server_port) for call in told.calls} == {(None, 8080)}
    assert told.environment == "prod"
    assert told.end - told.start == dt.timedelta(seconds=WINDOW)

    assert calls["a/ui", CART].rate == pytest.approx(10, rel=0.2)
    assert calls["a/old", CART].rate == pytest.approx(1 / WINDOW)
    assert [str(call.security) for call in told.calls] == [
        "none",
        "none",
        "mutual_tls",
        "mutual_tls",
    ]
    stopped = calls["", CART].last_seen.timestamp() - prometheus.began
    assert STOPS - 1 <= stopped <= STOPS + STEP + 1
    assert (told.end - calls["a/ui", CART].last_seen).total_seconds() < STEP


def test_a_change_is_tried_on_what_was_seen(prometheus: Running) -> None:
    strict = peer_authentication("default", ROOT, "STRICT")
    found = replay(config.load_traffic(prometheus.captured).calls, shop(), shop(strict))

    assert sorted(each.call.client for each in found.failing) == ["", "a/old"]
    assert [(each.call.client, each.call.host) for each in found.undecided] == [("a/ui", "")]
    assert found.counts[SeenFate.HOLDS] == 1


def test_nothing_seen_keeps_what_was_captured(
    prometheus: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "traffic.json"
    assert capture(prometheus.url, file) == 0
    before = file.read_text()

    assert capture(prometheus.url, file, "--query-label", "mesh_id=none") == 5
    assert "has seen no call" in capsys.readouterr().err
    assert file.read_text() == before
    assert capture(prometheus.url, file, "--query-label", "mesh_id=none", "--force") == 0
    assert '"calls": []' in file.read_text()


def test_a_wrong_label_is_told_in_the_words_of_the_server(
    prometheus: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert capture(prometheus.url, tmp_path / "out", "--query-label", "by the way=1") == 2
    assert capture(prometheus.url + "/graph", tmp_path / "out") == 7
    assert "does not answer as Prometheus does" in capsys.readouterr().err


def asked(url: str, query: str) -> list[tuple[dict[str, str], float]]:
    """What Prometheus answers to a query: labels without its own, and values."""
    address = f"{url}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    with urllib.request.urlopen(address, timeout=5) as response:
        found = json.load(response)["data"]["result"]
    return [
        (
            {key: text for key, text in each["metric"].items() if key not in ("instance", "job")},
            float(each["value"][1]),
        )
        for each in found
    ]


def test_metrics_are_read_as_they_were_written(
    prometheus: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "meshgate.prom"
    assert main(["-C", str(REPOSITORY), "validate", "--metrics", str(file)]) == 0
    capsys.readouterr()
    Exporter.textfile = file.read_text(encoding="utf-8")
    deadline = time.time() + 30
    while not (ports := asked(prometheus.url, "meshgate_ports")):
        assert time.time() < deadline, "prometheus took none of it"
        time.sleep(0.2)

    assert ({"__name__": "meshgate_ports", "environment": "prod", "accepts": "strict"}, 5) in ports
    samples = [line for line in Exporter.textfile.splitlines() if not line.startswith("#")]
    assert len(asked(prometheus.url, '{__name__=~"meshgate_.+"}')) == len(samples) > 30
    (waived,) = asked(
        prometheus.url, 'meshgate_waiver_expires_timestamp_seconds{environment="prod"}'
    )
    assert waived[0]["owner"] == "team-boards"
    # The alerts of docs/metrics.md are expressions that it takes; none fires.
    page = (REPOSITORY / "docs/metrics.md").read_text(encoding="utf-8")
    rules = yaml.safe_load(page.partition("```yaml\n")[2].partition("```")[0])
    assert len(rules) == 3
    for rule in rules:
        assert asked(prometheus.url, rule["expr"]) == [], rule["alert"]
