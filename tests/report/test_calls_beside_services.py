"""`calls` lists what becomes of requests that no service gets: answers of proxies, lost copies."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from meshes import Object, deployment, namespace, service
from meshgate.cli import main

WEB = "web.shop.svc.cluster.local"
GONE = "gone.shop.svc.cluster.local"
TO_WEB: Object = {"route": [{"destination": {"host": WEB}}]}
ANSWER: Object = {"directResponse": {"status": 410}}
OLD: Object = {"match": [{"uri": {"prefix": "/old"}}]}
OF_CRON: Object = {"match": [{"sourceNamespace": "tools"}]}
SIDECAR: Object = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "Sidecar",
    "metadata": {"name": "default", "namespace": "tools"},
    "spec": {"egress": [{"hosts": ["shop/*"]}]},
}


def routing(*http: Object, **metadata: object) -> Object:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "web", "namespace": "shop", **metadata},
        "spec": {"hosts": [WEB], "http": list(http)},
    }


def listed(
    folder: Path, capsys: pytest.CaptureFixture[str], *objects: Object, options: Sequence[str] = ()
) -> list[str]:
    """`client outcome` of each call of the service."""
    there = [namespace("shop"), namespace("tools"), service("web", "shop")]
    for name, place in (("web", "shop"), ("cron", "tools")):
        there.append(deployment(name, place))
        there[-1]["spec"]["selector"] = {"matchLabels": {"app": name}}
    file = folder / "mesh.yaml"
    file.write_text(yaml.safe_dump_all([*there, *objects]), encoding="utf-8")
    main(["calls", str(file), "--to", WEB, "--format", "json", *options])
    calls = json.loads(capsys.readouterr().out)["calls"]
    return sorted(f"{each['client']['workload']} {each['outcome']}" for each in calls)


@pytest.mark.parametrize(
    ("http", "expected"),
    [
        ([TO_WEB], ["cron ok-mtls", "web ok-mtls"]),
        ([ANSWER], ["cron answered", "web answered"]),
        ([{"redirect": {"uri": "/"}}], ["cron answered", "web answered"]),
        (
            [{**OLD, **ANSWER}, TO_WEB],
            ["cron answered", "cron ok-mtls", "web answered", "web ok-mtls"],
        ),
        ([{**OF_CRON, **ANSWER}, TO_WEB], ["cron answered", "web ok-mtls"]),
        (
            [{**TO_WEB, "mirror": {"host": GONE}}],
            ["cron no-cluster", "cron ok-mtls", "web no-cluster", "web ok-mtls"],
        ),
        (
            [{**TO_WEB, "mirrors": [{"destination": {"host": WEB, "port": {"number": 9}}}]}],
            ["cron no-cluster", "cron ok-mtls", "web no-cluster", "web ok-mtls"],
        ),
        ([{**TO_WEB, "mirror": {"host": WEB}}], ["cron ok-mtls", "web ok-mtls"]),
    ],
)
def test_what_no_service_gets_is_listed(
    http: list[Object], expected: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert listed(tmp_path, capsys, routing(*http)) == expected
    # A Sidecar that imports the service changes nothing of it.
    assert listed(tmp_path, capsys, routing(*http), SIDECAR) == expected


def test_a_lost_copy_is_broken_and_an_answer_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rule = routing({**OLD, **ANSWER}, {**TO_WEB, "mirror": {"host": GONE}})
    broken = listed(tmp_path, capsys, rule, options=["--only-broken"])

    assert broken == ["cron no-cluster", "web no-cluster"]


def test_the_text_says_what_is_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rule = routing({**OLD, **ANSWER}, {**TO_WEB, "mirror": {"host": GONE}})
    listed(tmp_path, capsys, rule)
    main(["calls", str(tmp_path / "mesh.yaml"), "--from", "tools/cron"])
    told = " ".join(capsys.readouterr().out.split())

    assert f"copies lost: 1 service port, {WEB}:80: copies go to {GONE}:80" in told
    assert f"answered: 1 service port, {WEB}:80: routes have their proxies answer" in told
    assert "3 calls: 1 ok-mtls, 1 no-cluster, 1 answered." in told


COPY = "copy.shop.svc.cluster.local"
GATEWAY: Object = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "Gateway",
    "metadata": {"name": "front", "namespace": "tools"},
    "spec": {
        "selector": {"istio": "front"},
        "servers": [{"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}],
    },
}


@pytest.mark.parametrize(
    ("copies", "expected"),
    [
        ({}, ["ok-mtls"]),
        ({"mirror": {"host": COPY}}, ["ok-mtls"]),
        ({"mirror": {"host": GONE}}, ["no-cluster", "ok-mtls"]),
        ({"mirrors": [{"destination": {"host": GONE}}]}, ["no-cluster", "ok-mtls"]),
        ({"mirror": {"host": COPY, "port": {"number": 9}}}, ["no-cluster", "ok-mtls"]),
    ],
)
def test_the_copies_that_a_gateway_loses_are_listed(
    copies: Object, expected: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    front = deployment(
        "front", "tools", {"istio": "front"}, annotations={"inject.istio.io/templates": "gateway"}
    )
    front["spec"]["selector"] = {"matchLabels": {"istio": "front"}}
    copy = [deployment("copy", "shop"), service("copy", "shop")]
    copy[0]["spec"]["selector"] = {"matchLabels": {"app": "copy"}}
    rule = routing({**TO_WEB, **copies})
    rule["spec"] |= {"hosts": ["www.example.org"], "gateways": ["tools/front"]}

    calls = listed(tmp_path, capsys, front, *copy, GATEWAY, rule)

    assert [each for each in calls if each.startswith("front ")] == [
        f"front {outcome}" for outcome in expected
    ]


def test_who_does_not_see_the_route_is_not_answered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rule = routing(ANSWER)
    rule["spec"]["exportTo"] = ["."]

    assert listed(tmp_path, capsys, rule) == ["cron ok-mtls", "web answered"]
