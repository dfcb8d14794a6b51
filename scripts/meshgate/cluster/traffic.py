"""What Istio's metrics in Prometheus tell of the calls that were made."""

from __future__ import annotations

import datetime
import ipaddress
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

import msgspec
from msgspec import Struct

from meshgate.cluster.prometheus import Series
from meshgate.effect.observed import merged
from meshgate.errors import UsageError
from meshgate.model import UNKNOWN_CLIENT, SeenCall, SeenSecurity, Traffic, TrafficWindow
from meshgate.report.escape.json_text import Rows, Verbatim, document, dump

Answers: TypeAlias = Iterator[list[Series]]

# Both count what a server's proxy saw (https://istio.io/docs/reference/config/metrics/).
METRICS = ("istio_requests_total", "istio_tcp_connections_opened_total")
LABELS = (
    "source_workload",
    "source_workload_namespace",
    "destination_workload",
    "destination_workload_namespace",
    "destination_service",
    "connection_security_policy",
)
# What the metrics say where they do not know.
NOT_KNOWN = frozenset({"", "unknown", "PassthroughCluster", "BlackHoleCluster"})
PASSED_THROUGH = "InboundPassthrough"
NO_HOST = "unknown"
VERSION: Final = 1

LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
WORKLOAD = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?/[a-z0-9]([-.a-z0-9]*[a-z0-9])?")
HOST = re.compile(r"[a-zA-Z0-9_]([-._a-zA-Z0-9]*[a-zA-Z0-9])?")
LAST_PORT = 65535

# A week in hours is given to the hour.
STEPS = 168
MOST_STEPS = 2000
# Several times what Prometheus lets pass between two looks at a proxy.
LEAST_STEP = 300
# So that no answer is large: a day of such a week.
STEPS_AT_ONCE = 24


class TrafficQuery(Struct, frozen=True):
    """What is asked: calls of `window` seconds up to `end`, to `step` seconds.

    `labels` narrow the metrics; `port_label` is the label that holds the port of the server,
    which Istio's own metrics do not have.
    """

    end: datetime.datetime
    window: int
    step: int
    labels: tuple[tuple[str, str], ...] = ()
    port_label: str = ""

    @property
    def start(self) -> datetime.datetime:
        """When the window begins."""
        return self.end - datetime.timedelta(seconds=self.window)


class Query(NamedTuple):
    """One request: an expression, its first and last time (seconds since 1970), and its step."""

    expression: str
    start: float
    end: float
    step: float


def traffic_query(
    end: datetime.datetime,
    window: int,
    step: int | None = None,
    labels: Iterable[tuple[str, str]] = (),
    port_label: str = "",
) -> TrafficQuery:
    """A checked question to Prometheus; `window` and `step` in seconds. Raises UsageError."""
    if step is None:
        step = min(max(math.ceil(window / STEPS), LEAST_STEP), window)
    if not 0 < step <= window:
        raise UsageError("--resolution is longer than --window")
    if window / step > MOST_STEPS:
        raise UsageError(
            f"--resolution cuts --window into more than {MOST_STEPS:,} parts",
            hint=f"take {math.ceil(window / MOST_STEPS)}s or more",
        )
    narrowed = tuple(labels)
    for name in [*(name for name, _ in narrowed), *([port_label] if port_label else [])]:
        if not LABEL.fullmatch(name):
            raise UsageError(f"{name!r} is no label of Prometheus")
    return TrafficQuery(end.replace(microsecond=0), window, step, narrowed, port_label)


def queries(asked: TrafficQuery) -> Iterator[Query]:
    """The requests that together cover the window, oldest first, for each metric."""
    steps = math.ceil(asked.window / asked.step)
    end = asked.end.timestamp()
    for metric in METRICS:
        expression = growth(metric, asked)
        for first in range(steps - 1, -1, -STEPS_AT_ONCE):
            last = max(first - STEPS_AT_ONCE + 1, 0)
            yield Query(
                expression, end - first * asked.step, end - last * asked.step, float(asked.step)
            )


def growth(metric: str, asked: TrafficQuery) -> str:
    """The expression for what a counter grew by in each step, for each kind of call.

    Not `increase()`: that misses a counter that appears with its first call and never moves
    again, and a step between the last look of one range and the first of the next. Here a
    counter that grew counts by its growth, one that was reset by its value, and one that
    appeared counts as one call.
    """
    matchers = ",".join(
        f"{name}={json.dumps(value, ensure_ascii=False)}"
        for name, value in (("reporter", "destination"), *asked.labels)
    )
    now = f"last_over_time({metric}{{{matchers}}}[{asked.step}s])"
    then = f"last_over_time({metric}{{{matchers}}}[{asked.step}s] offset {asked.step}s)"
    grown = f"({now} - {then} > 0) or ({now} < {then}) or ((({now} > 0) unless {then}) * 0 + 1)"
    by = ", ".join((*LABELS, *([asked.port_label] if asked.port_label else [])))
    return f"sum by ({by}) ({grown}) > 0"


def traffic(
    answers: Iterable[Sequence[Series]],
    asked: TrafficQuery,
    *,
    source: str,
    environment: str | None,
) -> Traffic:
    """The calls that the answers to `queries` tell, equal ones joined, sorted."""
    calls: list[SeenCall] = []
    for answer in answers:
        # Joined at once: a week of a large mesh would not fit otherwise.
        calls = merged([*calls, *(_call(series, asked) for series in answer if series.points)])
    return Traffic(
        version=VERSION,
        environment=environment,
        source=source,
        window=TrafficWindow(asked.start, asked.end),
        calls=tuple(calls),
    )


def text(traffic: Traffic) -> str:
    """The file: JSON, which is YAML too, with one call a line, so that `diff` works on it."""
    head = msgspec.to_builtins(msgspec.structs.replace(traffic, calls=()))
    return document(head | {"calls": Rows(map(_line, traffic.calls))})


def _call(series: Series, asked: TrafficQuery) -> SeenCall:
    labels = series.labels
    host, port = _service(labels.get("destination_service", ""))
    # What a client wrote behind a workload's own address is the workload's own port.
    own = _port(labels.get(asked.port_label, "")) or (None if host else port)
    server = _workload(labels, "destination")
    security = labels.get("connection_security_policy", "")
    return SeenCall(
        client=_workload(labels, "source"),
        # Neither: it is kept, and undecided for ever.
        host=host or ("" if server else NO_HOST),
        port=port if host else None,
        server=server,
        server_port=own if server else None,
        security=SeenSecurity(security) if security in set(SeenSecurity) else SeenSecurity.UNKNOWN,
        rate=sum(value for _, value in series.points) / asked.window,
        last_seen=datetime.datetime.fromtimestamp(
            math.floor(max(time for time, _ in series.points)), tz=datetime.UTC
        ),
    )


def _workload(labels: Mapping[str, str], end: str) -> str:
    namespace = labels.get(f"{end}_workload_namespace", "")
    name = labels.get(f"{end}_workload", "")
    if {namespace, name} & NOT_KNOWN:
        return ""
    workload = f"{namespace}/{name}"
    return workload if WORKLOAD.fullmatch(workload) else ""


def _service(text: str) -> tuple[str, int | None]:
    """The host, and the port where the client's Host header named one; no host for an address."""
    host, colon, number = text.rpartition(":")
    port = _port(number) if colon else None
    if port is None:
        host = text
    if host in NOT_KNOWN or host.startswith(PASSED_THROUGH) or not HOST.fullmatch(host):
        return "", port
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host, port
    return "", port


def _port(text: str) -> int | None:
    number = int(text) if text.isascii() and text.isdigit() else 0
    return number if 0 < number <= LAST_PORT else None


def _line(call: SeenCall) -> Verbatim:
    fields = msgspec.to_builtins(call) | {"from": call.client or UNKNOWN_CLIENT}
    del fields["rate"]
    # By hand: small numbers get an exponent otherwise, which YAML takes for text.
    rate = f"{call.rate:.9f}".rstrip("0")
    rate += "0" if rate.endswith(".") else ""
    return Verbatim(f'{dump(fields)[:-1]}, "rate": {rate}}}')
