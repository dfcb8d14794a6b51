"""Answers of Prometheus, and the window they are asked for."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import httpx

from meshgate.cluster import traffic
from meshgate.cluster.prometheus import Prometheus, Series

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


def server(answer: Callable[[httpx.Request], httpx.Response], token: str = "") -> Prometheus:
    return Prometheus(URL, token=token, transport=httpx.MockTransport(answer))


def one(metric: object, *values: object) -> dict[str, object]:
    return {"result": [{"metric": metric, "values": list(values)}]}
