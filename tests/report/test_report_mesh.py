"""What is told of a mesh: its posture, its calls, and the explanation of each sort of call."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import expect
from markdown_page import TEXT, Page, rendered
from meshgate import source
from meshgate.mesh import Mesh
from meshgate.model import MeshFacts, Resource
from meshgate.report import Options, calls, posture
from meshgate.report.calls import CallsQuestion
from meshgate.report.escape.terminal import columns
from meshgate.report.explain import manifests
from meshgate.report.explain import page as explain
from meshgate.report.explain.explanation import CallExplanation
from meshgate.report.style import Style
from meshgate.report.table import Cell, Column, table
from meshgate.report.view import View
from places import TESTS
from report_samples import HOSTILE

GOLDEN = TESTS / "golden" / "report"
SHOP = GOLDEN / "shop"
SCHEMAS = TESTS.parent / "schemas" / "meshgate"
OPTIONS = Options(width=100)
SUFFIXES = {"text": "txt", "json": "json", "markdown": "md"}


def view_of(resources: list[Resource], **facts: Any) -> View:
    return View("prod", Mesh(resources, MeshFacts(**facts)), source.Locator(SHOP))


def shop() -> list[Resource]:
    return [
        resource
        for name in ("policies.yaml", "inventory.yaml")
        for resource in source.read_path(SHOP, SHOP / name).resources
    ]


@pytest.fixture(scope="module")
def view() -> View:
    return view_of(shop())


def explanation(view: View, client: str, host: str, port: int) -> CallExplanation:
    workload = view.mesh.workload(*client.split("/"))
    service = view.mesh.service(host, workload.namespace)
    found = service.port(port)
    assert found is not None
    (told,) = explain.explanations(view, workload, service, found)
    return told


# What a newcomer asks, and how each sort of call ends.
CALLS = {
    "refused-without-sidecar": ("plain/rogue", "api.shop", 8080),
    "plaintext-without-sidecar": ("plain/rogue", "web.shop", 80),
    "encrypted": ("shop/web", "api", 8080),
    "port-that-terminates-no-tls": ("shop/web", "api", 9090),
    "exception-that-is-hidden": ("shop/web", "db", 5432),
    "exception-that-works": ("ops/monitor", "db.shop", 5432),
    "rule-that-turns-tls-off": ("ops/monitor", "api.shop", 8080),
    "order-that-files-do-not-tell": ("shop/api", "web", 80),
    "client-of-unknown-sort": ("nowhere/guest", "api.shop", 8080),
    "host-outside-the-mesh": ("shop/web", "payments.example.com", 443),
}


@pytest.mark.parametrize("name", CALLS)
def test_every_sort_of_call_is_explained(view: View, name: str, *, update: bool) -> None:
    told = explain.text([explanation(view, *CALLS[name])], OPTIONS)

    expect(told, GOLDEN / "explain" / f"{name}.txt", update=update)


@pytest.mark.parametrize("form", SUFFIXES)
def test_explanations_read_as_their_golden_files(view: View, form: str, *, update: bool) -> None:
    explained = [
        explanation(view, *CALLS[name]) for name in ("encrypted", "exception-that-is-hidden")
    ]

    expect(explain.FORMATS[form](explained, OPTIONS), golden("explain", form), update=update)


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


def golden(name: str, form: str) -> Path:
    return GOLDEN / f"{name}.{SUFFIXES[form]}"


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


def test_json_keeps_its_contracts(view: View) -> None:
    validate("servers", posture.json([view], OPTIONS))
    validate("calls", calls.json([CallsQuestion(view)], OPTIONS))
    validate(
        "explanations", explain.json([explanation(view, *call) for call in CALLS.values()], OPTIONS)
    )


def validate(name: str, text: str) -> None:
    schemas = {
        f"{other}.schema.json": json.loads((SCHEMAS / f"{other}.schema.json").read_text("utf-8"))
        for other in ("servers", "calls", "explanations", "findings")
    }
    registry = jsonschema_rs.Registry([(f"json-schema:///{k}", v) for k, v in schemas.items()])
    jsonschema_rs.validator_for(
        schemas[f"{name}.schema.json"] | {"$id": f"json-schema:///{name}.schema.json"},
        registry=registry,
    ).validate(json.loads(text))


# Calls


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


# Posture


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


# Explain


def test_an_explanation_never_adds_a_second_policy_to_a_workload_that_has_one(view: View) -> None:
    told = explanation(view, "plain/rogue", "api.shop", 8080)

    assert not any(repair.manifest for repair in told.repairs)
    assert any("shop/api" in repair.text for repair in told.repairs)


def test_the_manifest_of_a_repair_repairs_the_call(view: View) -> None:
    before = explanation(view, "shop/web", "db", 5432)
    assert explain.outcomes(before) == ["tls-to-app"]
    manifest = next(repair.manifest for repair in before.repairs if repair.manifest)
    added = source.read(manifest.encode(), "repair.yaml").resources

    after = explanation(view_of([*shop(), *added]), "shop/web", "db", 5432)

    assert explain.outcomes(after) == ["ok-plaintext"]


def test_the_manifest_that_opens_a_port_opens_it() -> None:
    strict = [r for r in shop() if (r.namespace, r.name) != ("shop", "default")]
    before = explanation(view_of(strict), "plain/rogue", "web.shop", 80)
    assert explain.outcomes(before) == ["refused"]
    manifest = next(repair.manifest for repair in before.repairs if repair.manifest)
    added = source.read(manifest.encode(), "repair.yaml").resources

    after = explanation(view_of([*strict, *added]), "plain/rogue", "web.shop", 80)

    assert explain.outcomes(after) == ["ok-plaintext"]


def test_auto_mtls_is_told_apart_from_its_absence() -> None:
    bare = [r for r in shop() if r.kind != "DestinationRule"]

    on = explain.text([explanation(view_of(bare), "shop/web", "api", 8080)], OPTIONS)
    off = explain.text(
        [explanation(view_of(bare, enable_auto_mtls=False), "shop/web", "api", 8080)], OPTIONS
    )

    assert "so auto mTLS decides for each endpoint" in on
    assert "auto mTLS is off in this mesh" in off
    assert "refused" in off


def test_rules_where_nobody_looks_are_named() -> None:
    lost = Resource.of(
        {
            "apiVersion": "networking.istio.io/v1",
            "kind": "DestinationRule",
            "metadata": {"name": "lost", "namespace": "plain"},
            "spec": {"host": "api.shop.svc.cluster.local"},
        }
    )

    told = explain.text([explanation(view_of([*shop(), lost]), "shop/web", "api", 8080)], OPTIONS)

    assert re.search(r"plain/lost .*: never\s+found, since plain is none of the three", told)


# Escapes


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


# Tables


WORDS = st.lists(st.text("ab-é日", min_size=1, max_size=6), max_size=5).map(" ".join)
NAMES = st.lists(st.text("ab-", min_size=1, max_size=6), max_size=2).map("/".join)


@given(
    st.lists(st.lists(WORDS | NAMES, min_size=3, max_size=3), max_size=5),
    st.integers(50, 90),
)
def test_a_table_fits_its_width_and_loses_nothing(rows: list[list[str]], width: int) -> None:
    headings = [Column("one"), Column("two", soft=True), Column("three", right=True)]

    lines = list(
        table(headings, [[Cell(c) for c in row] for row in rows], Style(color=False), width)
    )

    assert all(columns(line) <= width for line in lines)
    shown = sorted("".join(lines[1:]).replace(" ", ""))
    assert shown == sorted("".join(cell for row in rows for cell in row).replace(" ", ""))


@given(
    st.lists(st.from_regex(r"[a-z]{1,12}(-[a-z]{1,12}){0,2}", fullmatch=True), min_size=4),
    st.sampled_from([60, 80, 200]),
)
def test_a_name_in_a_table_is_never_broken(names: list[str], width: int) -> None:
    headings = [Column("one"), Column("two"), Column("three", soft=True, spare=2)]
    whole = [(f"shop/{name}", f"{name}.shop.svc.cluster.local:8080") for name in names]
    rows = [[Cell(f"  {own}"), Cell(host), Cell(f"{own}, {host}")] for own, host in whole]

    lines = list(table(headings, rows, Style(color=False), width))

    assert all(any(name in line for line in lines) for pair in whole for name in pair)
    # A heading and one name that is longer than the terminal.
    assert all(columns(line) <= width or len(line.split()) <= 2 for line in lines)


def test_where_whole_names_do_not_fit_rows_are_told_in_lines() -> None:
    headings = [Column("clients"), Column("sends"), Column("outcome", spare=1)]
    rows = [
        [Cell("cart.shop.svc.cluster.local:8080")],
        [Cell("  istio-ingress/istio-ingressgateway"), Cell("mtls"), Cell("denied by shop/cart")],
        [Cell(""), Cell("plaintext"), Cell("-")],
        [Cell("web.shop.svc.cluster.local:8080")],
        [Cell("  shop/a-name-of-no-less-than-fifty-signs-which-stays-whole"), Cell(""), Cell("x")],
    ]

    assert list(table(headings, rows, Style(color=False), 40)) == [
        "cart.shop.svc.cluster.local:8080",
        "  clients  istio-ingress/istio-ingressgateway",
        "  sends    mtls",
        "  outcome  denied by shop/cart",
        "",
        "  clients  istio-ingress/istio-ingressgateway",
        "  sends    plaintext",
        "",
        "web.shop.svc.cluster.local:8080",
        "  clients  shop/a-name-of-no-less-than-fifty-signs-which-stays-whole",
        "  outcome  x",
    ]


def test_what_a_reader_can_spare_is_left_out_and_said() -> None:
    headings = [Column("when", whole=True), Column("who", spare=1), Column("why", spare=2)]
    row = [Cell("2026-08-01 10:00 UTC"), Cell("a-name-of-twenty-one"), Cell("because-it-is-so")]
    draw = functools.partial(table, headings, [row], Style(color=False))

    assert list(draw(80))[1] == "2026-08-01 10:00 UTC  a-name-of-twenty-one  because-it-is-so"
    assert list(draw(44))[1:] == [
        "2026-08-01 10:00 UTC  a-name-of-twenty-one",
        "(not shown in 44 columns: why)",
    ]
    assert list(draw(40))[1:] == ["2026-08-01 10:00 UTC", "(not shown in 40 columns: who and why)"]


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
