"""Explanations of calls: as their golden files read, and the repairs in them repair."""

from __future__ import annotations

import re

import pytest

from conftest import expect
from meshgate import source
from meshgate.model import Resource
from meshgate.report import calls, posture
from meshgate.report.calls import CallsQuestion
from meshgate.report.explain import page as explain
from meshgate.report.view import View
from shop_reports import (
    GOLDEN,
    OPTIONS,
    SUFFIXES,
    explanation,
    golden,
    shop,
    validate,
    view_of,
)

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


def test_json_keeps_its_contracts(view: View) -> None:
    validate("servers", posture.json([view], OPTIONS))
    validate("calls", calls.json([CallsQuestion(view)], OPTIONS))
    validate(
        "explanations", explain.json([explanation(view, *call) for call in CALLS.values()], OPTIONS)
    )


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
