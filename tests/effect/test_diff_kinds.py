"""What `diff` calls a change: unsafe, new, unrehearsed, hidden; and what it escapes."""

from __future__ import annotations

import itertools
from typing import Any

from hostile_repository import HOSTILE
from markdown_page import Page, rendered
from meshes import ROOT, deployment, destination_rule, peer_authentication, service, shop
from meshgate.effect import Change, effect
from meshgate.effect.changes import CallChange
from meshgate.mesh import Outcome
from meshgate.model import Report
from meshgate.report import Options
from meshgate.report.budget import FIRST, LIMITS
from meshgate.report.effect import FORMATS, Compared, Diff


def test_disable_to_strict_is_unsafe_and_through_permissive_is_not() -> None:
    def mode(text: str) -> Any:
        # The clients are held to plaintext until the server takes mTLS too.
        return shop(peer_authentication("default", ROOT, text))

    pinned = [
        shop(peer_authentication("default", ROOT, text), destination_rule("c", "b", "cart", tls))
        for text, tls in (("DISABLE", "DISABLE"), ("PERMISSIVE", "DISABLE"),
                          ("PERMISSIVE", "ISTIO_MUTUAL"), ("STRICT", "ISTIO_MUTUAL"))
    ]  # fmt: skip

    jump = effect(mode("DISABLE"), mode("STRICT"))

    assert not jump.is_safe
    assert {each.outcome for each in jump.unsafe} == {"refused", "protocol-error"}
    assert all(effect(a, b).is_safe for a, b in itertools.pairwise(pinned))


def test_a_sidecar_resource_that_hides_a_service_breaks_calls() -> None:
    sidecar = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Sidecar",
        "metadata": {"name": "default", "namespace": "a"},
        "spec": {
            "egress": [{"hosts": ["./*"]}],
            "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
        },
    }

    found = effect(shop(), shop(sidecar))

    (broken,) = found.breaks
    assert [str(client) for client in broken.clients.members] == ["a/ui"]
    assert broken.after is not None
    assert broken.after.outcome == "no-cluster"


def test_workloads_and_services_of_one_inventory_only_are_no_breaks() -> None:
    found = effect(shop(service("gone", "b")), shop())

    assert not found.breaks
    assert {each.change for each in found.calls} <= {Change.VANISHES}


def test_what_the_environment_before_has_not_been_through_is_told() -> None:
    before, after = shop(), shop(peer_authentication("default", ROOT, "STRICT"))

    assert not effect(before, after, upstream={"dev": after}).unexercised
    assert effect(before, after, upstream={"dev": before}).unexercised


def test_a_call_that_is_no_longer_made_needs_no_rehearsal() -> None:
    orders = service("orders", "b")
    before, after = shop(orders, deployment("orders", "b")), shop(orders)
    called = "orders.b.svc.cluster.local"

    found = effect(before, after, upstream={"dev": before})

    gone = [each for each in found.calls if each.host == called]
    # The calls end nowhere afterwards, which they do not in the environment before.
    assert {each.after.outcome for each in gone if each.after} == {Outcome.NO_ENDPOINT}
    assert {each.change for each in gone} == {Change.VANISHES}
    assert not found.unexercised


def test_a_call_that_is_new_needs_one() -> None:
    orders = (service("orders", "b"), deployment("orders", "b"))
    before, after = shop(), shop(*orders)
    called = "orders.b.svc.cluster.local"

    found = effect(before, after, upstream={"dev": before, "staging": after})

    new = {
        (each.change.host, each.change.change, each.upstream)
        for each in found.unexercised
        if isinstance(each.change, CallChange)
    }
    assert new == {(called, Change.APPEARS, "dev")}


def test_a_call_to_a_new_workload_is_new_and_not_mended() -> None:
    orders = service("orders", "b")
    # Its Service was there before, so that calls of it ended nowhere.
    found = effect(shop(orders), shop(orders, deployment("orders", "b")))

    calls = [each for each in found.calls if each.host == "orders.b.svc.cluster.local"]
    assert [each.before.outcome for each in calls if each.before and each.endpoint]
    assert {each.change for each in calls} == {Change.APPEARS}
    assert not found.breaks
    assert not found.of(Change.MENDS)


def test_calls_to_a_new_port_of_a_service_are_new_and_not_mended() -> None:
    more = service("cart", "b", {"http:80": 8080, "http-admin:81": 8081})
    found = effect(shop(), shop(more))

    calls = [each for each in found.calls if each.port == 81]
    assert {each.change for each in calls} == {Change.APPEARS}
    assert not found.of(Change.MENDS)


def test_calls_of_a_new_client_are_new_and_not_mended() -> None:
    found = effect(shop(), shop(deployment("app", "a")))

    calls = [each for each in found.calls if "app" in {w.name for w in each.clients.members}]
    assert {each.change for each in calls} == {Change.APPEARS}
    assert not found.of(Change.MENDS)


def test_reports_escape_what_manifests_say_and_keep_within_their_budget() -> None:
    many = [
        peer_authentication(f"p{number}", "b", "STRICT", selector={"app": f"x{number}"})
        for number in range(3)
    ]
    found = effect(
        shop(peer_authentication("default", ROOT, "STRICT")),
        shop(*many, destination_rule(HOSTILE, "b", "cart", "DISABLE")),
    )
    compared = Compared(HOSTILE, found, lambda *_: None, lambda *_: None)
    diff = Diff(HOSTILE, "head", [compared] * 40, Report(findings=()))

    text = FORMATS["text"]([diff], Options(color=False))
    page = FORMATS["markdown"]([diff], Options())

    assert "\x1b" not in text
    assert "\x1b" not in page
    assert "script" not in Page(rendered(page)).tags
    assert len(page.encode()) <= LIMITS["github"]
    assert page.index("#### The way there is unsafe") < FIRST
