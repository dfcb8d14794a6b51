"""What is told of a mesh: its posture, its calls, and the explanation of each sort of call."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import expect
from markdown_page import TEXT, Page, rendered
from meshgate import source
from meshgate.model import Resource
from meshgate.report import Options, calls, posture
from meshgate.report.calls import CallsQuestion
from meshgate.report.explain import manifests
from meshgate.report.explain import page as explain
from meshgate.report.view import View
from report_samples import HOSTILE
from shop_reports import (
    OPTIONS,
    SHOP,
    SUFFIXES,
    explanation,
    golden,
    shop,
    validate,
    view_of,
)


@pytest.mark.parametrize("form", SUFFIXES)
def test_posture_reads_as_its_golden_file(view: View, form: str, *, update: bool) -> None:
    expect(posture.FORMATS[form]([view], OPTIONS), golden("posture", form), update=update)


@pytest.mark.parametrize("form", SUFFIXES)
def test_calls_read_as_their_golden_file(view: View, form: str, *, update: bool) -> None:
    expect(
        calls.FORMATS[form]([CallsQuestion(view)], OPTIONS), golden("calls", form), update=update
    )


@pytest.mark.parametrize("width", [60, 80, 200])
def test_calls_name_clients_and_hosts_in_one_piece(view: View, width: int) -> None:
    told = calls.FORMATS["text"]([CallsQuestion(view)], Options(width=width))

    # What a row shows of a client: a name of its own, or a count of many.
    shown = [str(each) for each in view.mesh.workloads if f"{each.namespace}/" in told]
    assert len(shown) > 3
    assert all(name in told for name in shown)
    assert all(service.host in told for service in view.mesh.services)
    assert not re.search(r"\w/$", told, re.MULTILINE)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("servers", posture.json([], OPTIONS)),
        ("calls", calls.json([], OPTIONS)),
        ("explanations", explain.json([], OPTIONS)),
    ],
)
def test_nothing_to_tell_is_valid_json(name: str, text: str) -> None:
    assert json.loads(text) == {"version": 1, name: []}
    validate(name, text)


def test_one_client_and_one_service_narrow_the_calls(view: View) -> None:
    web = view.mesh.workload("shop", "web")
    services = [view.mesh.service("api", "shop")]

    told = json.loads(calls.json([CallsQuestion(view, web, services, 8080)], OPTIONS))["calls"]

    assert [(call["host"], call["port"], call["outcome"]) for call in told] == [
        ("api.shop.svc.cluster.local", 8080, "ok-mtls")
    ]


def test_only_broken_leaves_out_what_works(view: View) -> None:
    everything = json.loads(calls.json([CallsQuestion(view)], OPTIONS))["calls"]
    broken = json.loads(calls.json([CallsQuestion(view, only_broken=True)], OPTIONS))["calls"]

    assert 0 < len(broken) < len(everything)
    # One whose end depends on the order of creation may break, and is told.
    assert {call["verdict"] for call in broken if not call["alternatives"]} == {"broken"}
    assert all(call in everything for call in broken)


def test_the_text_counts_as_many_calls_as_json_lists(view: View) -> None:
    listed = json.loads(calls.json([CallsQuestion(view)], OPTIONS))["calls"]

    told = calls.text([CallsQuestion(view)], OPTIONS)

    assert f"\n{len(listed)} calls: " in told


def test_the_client_that_was_asked_for_stands_in_the_title_only(view: View) -> None:
    rogue = view.mesh.workload("plain", "rogue")

    told = calls.text([CallsQuestion(view, rogue)], OPTIONS)

    assert told.startswith("prod: calls of plain/rogue (no sidecar)\n\nrule")
    assert told.count("rogue") == 1


def test_posture_agrees_with_the_mesh_for_every_port(view: View) -> None:
    servers = json.loads(posture.json([view], OPTIONS))["servers"]

    for server in servers:
        answer = view.mesh.server_mode(server["namespace"], server["workload"], server["port"])
        assert server["mode"] == answer.mode
    api = {
        server["port"]: (server["mode"], server["decidedBy"]["level"])
        for server in servers
        if server["workload"] == "api"
    }
    assert api == {
        8080: ("STRICT", "workload"),
        9090: ("DISABLE", "port"),
        None: ("STRICT", "workload"),
    }


def test_posture_names_the_line_that_decides(view: View) -> None:
    servers = json.loads(posture.json([view], OPTIONS))["servers"]

    port = next(server for server in servers if server["port"] == 9090)
    lines = (SHOP / "policies.yaml").read_text(encoding="utf-8").splitlines()
    place = port["decidedBy"]["source"]
    assert place["file"] == "policies.yaml"
    assert lines[place["line"] - 1].strip() == "mode: DISABLE"


def test_posture_says_where_the_order_of_policies_is_open() -> None:
    rival = Resource.of(
        {
            "apiVersion": "security.istio.io/v1",
            "kind": "PeerAuthentication",
            "metadata": {"name": "other", "namespace": "shop"},
            "spec": {"mtls": {"mode": "STRICT"}},
        }
    )

    told = posture.text([view_of([*shop(), rival])], Options(width=160))

    assert "PERMISSIVE or STRICT (order unknown)" in told
    assert "; 3 undecided." in told


@given(TEXT)
def test_hostile_names_of_a_dump_stay_text(text: str) -> None:
    view = view_of(hostile(text))
    for module, values in (
        (posture, [view]),
        (calls, [CallsQuestion(view)]),
        (
            explain,
            [explanation(view, f"shop/{text}", f"{text}.shop", 80)] if "/" not in text else [],
        ),
    ):
        shown = module.FORMATS["text"](values, OPTIONS)
        assert shown.replace("\n", "").isprintable()
        assert not re.search(r"##\w*\[|^\s*::", shown, re.MULTILINE)
        json.loads(module.FORMATS["json"](values, OPTIONS))
        page = Page(rendered(module.FORMATS["markdown"](values, OPTIONS)))
        assert not page.tags & {"script", "img", "a", "td\n", "h1"}


def hostile(text: str) -> list[Resource]:
    meta = {"name": text, "namespace": "shop"}
    pod = {"metadata": {"labels": {"app": text, "sidecar.istio.io/inject": "true"}}}
    return [
        Resource.of(value)
        for value in (
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}},
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": meta,
                "spec": {"template": pod},
            },
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": meta,
                "spec": {"selector": {"app": text}, "ports": [{"port": 80, "name": text}]},
            },
            {
                "apiVersion": "security.istio.io/v1",
                "kind": "PeerAuthentication",
                "metadata": meta,
                "spec": {"mtls": {"mode": "STRICT"}},
            },
            {
                "apiVersion": "networking.istio.io/v1",
                "kind": "DestinationRule",
                "metadata": meta,
                "spec": {
                    "host": "*.cluster.local",
                    "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}},
                },
            },
        )
    ]


@given(st.one_of(TEXT, st.sampled_from(["true", "no", "1.5", "a.b", "x: y", "- z", "#", *HOSTILE])))
def test_a_scalar_of_a_repair_is_read_back_as_itself(text: str) -> None:
    manifest = manifests.destination_rule(text, "shop", text, "DISABLE")
    if any(0xD800 <= ord(character) <= 0xDFFF for character in text):
        return

    (resource,) = source.read(manifest.encode(), "repair.yaml").resources

    assert resource.spec["host"] == text


def test_a_routed_call_is_told_for_each_subset() -> None:
    routed = source.read(ROUTES.encode(), "routes.yaml").resources
    view = view_of([*shop(), *routed])
    monitor, web = view.mesh.workload("ops", "monitor"), view.mesh.service("web.shop", "ops")

    explained = list(explain.explanations(view, monitor, web, web.ports[0]))

    assert [(told.case.policy.subset, explain.outcomes(told)) for told in explained] == [
        ("blue", ["ok-mtls"]),
        ("green", ["ok-plaintext"]),
    ]
    told = explain.text(explained, Options(width=200))
    assert "VirtualServices send calls of it to web.shop.svc.cluster.local:80 subset blue" in told
    assert "ops/web says spec.subsets[1].trafficPolicy.tls.mode: DISABLE" in told


ROUTES = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: ops}
spec:
  hosts: [web.shop.svc.cluster.local]
  http:
    - route:
        - destination: {host: web.shop.svc.cluster.local, subset: blue}
          weight: 50
        - destination: {host: web.shop.svc.cluster.local, subset: green}
          weight: 50
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: ops}
spec:
  host: web.shop.svc.cluster.local
  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}
  subsets:
    - {name: blue, labels: {app: web}}
    - {name: green, labels: {app: web}, trafficPolicy: {tls: {mode: DISABLE}}}
"""
