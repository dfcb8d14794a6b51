"""Seen calls are replayed as the mesh model decides, and doubt is never a pass."""

from __future__ import annotations

import datetime as dt
import itertools
import time

import pytest

from conformance.compare import cases, mesh_of
from meshes import (
    ROOT,
    Object,
    deployment,
    destination_rule,
    istio,
    mesh,
    namespace,
    outcomes,
    peer_authentication,
    service,
    shop,
)
from meshgate.effect import KnownCall, effect
from meshgate.effect.observed import Replayed, SeenFate, known_calls, replay
from meshgate.mesh import Mesh, Outcome, Verdict, verdict
from meshgate.model import SeenCall, SeenSecurity
from places import TESTS
from samples import sample

CONFORMANCE = TESTS / "conformance"
NOON = dt.datetime(2026, 7, 31, 12, tzinfo=dt.UTC)
CART = "cart.b.svc.cluster.local"
STRICT = peer_authentication("default", ROOT, "STRICT")
DISABLE = destination_rule("cart", "b", "cart.b.svc.cluster.local", "DISABLE")


def seen(
    client: str,
    host: str = CART,
    port: int | None = 80,
    security: str = "none",
    server: str = "",
    *,
    server_port: int | None = None,
    rate: float = 1.0,
    last_seen: dt.datetime = NOON,
) -> SeenCall:
    policy = SeenSecurity(security)
    return SeenCall(
        client=client,
        host=host,
        port=port,
        server=server,
        server_port=server_port,
        security=policy,
        rate=rate,
        last_seen=last_seen,
    )


def one(call: SeenCall, before: Mesh, after: Mesh) -> Replayed:
    (found,) = replay([call], before, after).calls
    return found


def fate(call: SeenCall, before: Mesh, after: Mesh) -> tuple[SeenFate, str]:
    found = one(call, before, after)
    return found.fate, found.reason


def test_a_client_outside_the_mesh_that_strict_refuses_fails() -> None:
    found = one(seen(""), shop(), shop(STRICT))

    assert (found.fate, found.contradiction) == (SeenFate.FAILS, "")
    assert found.before.outcomes == (Outcome.OK_PLAINTEXT,)
    assert found.after.outcomes == (Outcome.REFUSED,)


def test_a_seen_call_of_a_client_without_sidecar_counts() -> None:
    assert fate(seen("a/old"), shop(), shop(STRICT)) == (SeenFate.FAILS, "")


def test_mtls_stays() -> None:
    assert fate(seen("a/ui", security="mutual_tls"), shop(), shop(STRICT)) == (SeenFate.HOLDS, "")


def test_a_rule_that_sends_plaintext_into_strict_fails() -> None:
    call = seen("a/ui", security="mutual_tls")

    assert fate(call, shop(STRICT), shop(STRICT, DISABLE)) == (SeenFate.FAILS, "")


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (seen("a/nobody"), "the inventory has no workload a/nobody"),
        (seen("", "gone.b.svc.cluster.local"), "the inventory has no service gone.b.svc.cluster"),
        (seen("a/ui", "gone"), "no service gone for clients in namespace a"),
        (seen("a/ui", port=81), f"{CART} has no port 81"),
        (seen("a/ui", server="b/basket"), f"the inventory does not have b/basket behind {CART}"),
        (seen("", security="mutual_tls"), "neither the client is known nor what it will send"),
        (seen("", security="unknown"), "neither the client is known nor what it will send"),
        (seen("", "", server="b/basket"), "the inventory has no workload b/basket"),
        (seen("a/ui", "", security="mutual_tls", server="b/cart"), "without a service"),
    ],
)
def test_what_is_not_known_is_undecided(call: SeenCall, reason: str) -> None:
    answer, why = fate(call, shop(), shop())

    assert answer is SeenFate.UNDECIDED
    assert reason in why


def test_an_open_order_of_creation_is_undecided() -> None:
    either = (
        peer_authentication("one", ROOT, "STRICT", age=None),
        peer_authentication("two", ROOT, "PERMISSIVE", age=None),
    )
    answer, why = fate(seen(""), shop(), shop(*either))

    assert answer is SeenFate.UNDECIDED
    assert "order" in why


def test_a_service_that_is_gone_is_undecided() -> None:
    bare = mesh(namespace("a"), namespace("b"), deployment("ui", "a"), deployment("cart", "b"))
    answer, why = fate(seen("a/ui", security="mutual_tls"), shop(), bare)

    assert answer is SeenFate.UNDECIDED
    assert CART in why


TWO_PORTS = service("cart", "b", {"http:80": 8080, "http-metrics:9102": 9102})
BY_PORT = peer_authentication(
    "cart", "b", "STRICT", selector={"app": "cart"}, ports={9102: "PERMISSIVE"}
)


def two_ports(*objects: Object) -> Mesh:
    ports = {"http": 8080, "metrics": 9102}
    return mesh(
        namespace(ROOT, None),
        namespace("a"),
        namespace("b"),
        deployment("ui", "a"),
        deployment("cart", "b", ports=ports),
        TWO_PORTS,
        *objects,
    )


def test_an_unknown_port_is_one_where_the_call_could_be_seen() -> None:
    shut = peer_authentication("cart", "b", "STRICT", selector={"app": "cart"})

    assert fate(seen("", port=None), two_ports(BY_PORT), two_ports(BY_PORT)) == (SeenFate.HOLDS, "")
    assert fate(seen("", port=None), two_ports(BY_PORT), two_ports(shut)) == (SeenFate.FAILS, "")


def test_an_unknown_port_of_two_that_end_differently_is_undecided() -> None:
    answer, why = fate(seen("", port=None), two_ports(), two_ports(BY_PORT))

    assert answer is SeenFate.UNDECIDED
    assert why == "which port was called is not known: refused on 80; ok-plaintext on 9102"


def test_the_port_of_the_server_tells_the_port_of_the_service() -> None:
    """80 leads to 8080, which is STRICT afterwards; 9102 leads to itself, which is not."""
    change = two_ports(), two_ports(BY_PORT)

    assert fate(seen("", port=None, server_port=8080), *change) == (SeenFate.FAILS, "")
    assert fate(seen("", port=None, server_port=9102), *change) == (SeenFate.HOLDS, "")
    assert fate(seen("", port=None, server_port=80), *change) == (
        SeenFate.UNDECIDED,
        f"no port of {CART} leads to port 80",
    )
    direct = seen("", "", None, server="b/cart", server_port=8080)
    assert fate(direct, *change) == (SeenFate.FAILS, "")


def test_a_workload_that_is_called_directly_is_tried_on_its_ports() -> None:
    direct = seen("", "", None, server="b/cart")

    assert fate(direct, two_ports(), two_ports(STRICT)) == (SeenFate.FAILS, "")
    assert fate(direct, two_ports(STRICT), two_ports(STRICT))[0] is SeenFate.UNDECIDED


def test_only_the_workload_that_answered_is_asked() -> None:
    old = deployment("cart-old", "b", {"app": "cart", "sidecar.istio.io/inject": "false"})
    shut = {"before": shop(old), "after": shop(old, STRICT)}

    assert fate(seen("", server="b/cart-old"), **shut) == (SeenFate.HOLDS, "")
    assert fate(seen("", server="b/cart"), **shut) == (SeenFate.FAILS, "")
    assert fate(seen(""), **shut) == (SeenFate.FAILS, "")


def test_what_the_mesh_before_denies_is_a_contradiction() -> None:
    stale = one(seen("a/ui"), shop(), shop())
    assert stale.contradiction == "plaintext was seen, though mtls is sent by the files"
    assert stale.fate is SeenFate.HOLDS

    refused = one(seen("a/old"), shop(STRICT), shop(STRICT))
    assert refused.contradiction == "it was answered, though it ends in refused by the files"
    assert (refused.fate, refused.reason) == (SeenFate.UNDECIDED, refused.contradiction)


def test_a_contradiction_passes_only_where_what_was_seen_is_taken_too() -> None:
    found = one(seen("a/ui"), shop(), shop(STRICT))

    assert found.after.verdict is Verdict.WORKS
    assert found.fate is SeenFate.UNDECIDED
    assert found.reason.endswith("though mtls is sent by the files, and that would not be taken")


def test_a_route_that_loses_its_subset_fails() -> None:
    subset = destination_rule(
        "cart", "b", CART, subsets=[{"name": "v1", "labels": {"app": "cart"}}]
    )
    only = [{"destination": {"host": CART, "subset": "v1"}}]
    half = [{**only[0], "weight": 50}, {"destination": {"host": CART}, "weight": 50}]
    call = seen("a/ui", security="mutual_tls", server="b/cart")

    for route, reason in ((only, ""), (half, "a route that it may take ends nowhere")):
        routes = istio("VirtualService", "cart", "b", hosts=[CART], http=[{"route": route}])
        assert fate(call, shop(routes, subset), shop(routes, subset))[0] is SeenFate.HOLDS
        assert fate(call, shop(routes, subset), shop(routes)) == (SeenFate.FAILS, reason)


def test_a_call_that_is_routed_elsewhere_is_undecided() -> None:
    away = istio(
        "VirtualService",
        "cart",
        "b",
        hosts=[CART],
        http=[{"route": [{"destination": {"host": "basket.b.svc.cluster.local"}}]}],
    )
    other = (deployment("basket", "b"), service("basket", "b"))
    call = seen("a/ui", security="mutual_tls")

    assert fate(call, shop(*other), shop(*other, away)) == (
        SeenFate.UNDECIDED,
        "no route of the client leads to the service",
    )


def test_equal_calls_are_one() -> None:
    later = NOON + dt.timedelta(hours=1)
    calls = [seen("", rate=0.5), seen("", rate=0.25, last_seen=later), seen("", port=None)]
    found = replay(calls, shop(), shop(STRICT))

    joined = {each.call.port: each.call for each in found.calls}
    assert len(found.calls) == 2
    assert (joined[80].rate, joined[80].last_seen) == (0.75, later)
    assert [each.call.rate for each in found.failing] == [1.0, 0.75]
    assert found.counts[SeenFate.FAILS] == 2


def test_seen_calls_count_in_the_effect_of_a_change() -> None:
    rogue = deployment("old", "a", {"app": "old", "sidecar.istio.io/inject": "false"})
    before, after = two_ports(rogue, BY_PORT), two_ports(rogue, STRICT)
    calls = [seen("a/old", port=None), seen(""), seen("a/gone"), seen("a/old", "gone.b")]
    relied = set(known_calls(calls, before))

    assert relied == {KnownCall("a", "old", CART, 9102)}
    assert [str(each.change) for each in effect(before, after).calls] == ["shut-out"]
    found = {str(each.change) for each in effect(before, after, seen=relied).calls}
    assert "breaks" in found


@pytest.mark.sampled
@pytest.mark.parametrize("name", ["hand", "dev"])
def test_replay_ends_as_istio_decides(name: str) -> None:
    compared = 0
    for case in itertools.islice(cases(CONFORMANCE / f"{name}.jsonl.gz"), sample(250, 60)):
        rows = [row for row in case["expect"]["calls"] if row["host"] is not None]
        if any(each["kind"] == "VirtualService" for each in case["resources"]):
            continue
        model = mesh_of(case)
        calls = {
            seen(
                f"{row['clientNamespace']}/{row['clientWorkload']}",
                row["host"],
                row["port"],
                "unknown",
                f"{row['namespace']}/{row['workload']}",
            ): row["outcome"]
            for row in rows
        }
        for each in replay(calls, model, model).calls:
            what = case["id"], each.call
            assert [str(outcome) for outcome in each.after.outcomes] == [calls[each.call]], what
            compared += 1
    assert compared > sample(400, 100)


@pytest.mark.sampled
@pytest.mark.parametrize("name", ["virtualservice", "sidecar", "gateway", "ambient"])
@pytest.mark.sampled(every=2)
def test_replay_agrees_with_the_calls_of_the_model(name: str) -> None:
    compared = 0
    for case in itertools.islice(cases(CONFORMANCE / f"{name}.jsonl.gz"), sample(40, 12)):
        model = mesh_of(case)
        expected: dict[SeenCall, set[Verdict]] = {}
        for call in model.calls():
            if call.endpoint is None or call.endpoint.workload is None:
                continue
            key = seen(
                str(call.client),
                call.service.host,
                call.port.number,
                "unknown",
                str(call.endpoint.workload),
            )
            expected.setdefault(key, set()).add(verdict(call.outcome, call.transport))
        for each in replay(expected, model, model).calls:
            compared += 1
            assert each.after.verdict in expected[each.call], (case["id"], each)
            if expected[each.call] == {Verdict.WORKS}:
                assert each.fate is SeenFate.HOLDS, (case["id"], each)
            else:
                assert each.fate is not SeenFate.FAILS, (case["id"], each)
    assert compared > sample(400, 100)


@pytest.mark.whole
def test_the_work_grows_with_the_calls() -> None:
    names = [f"w{number}" for number in range(150)]
    model = mesh(
        *(namespace(each) for each in ("a", "b")),
        *(deployment(each, "a") for each in names),
        *itertools.chain.from_iterable(
            (deployment(each, "b"), service(each, "b")) for each in names
        ),
        STRICT,
    )
    calls = [
        seen(f"a/{client}", f"{server}.b.svc.cluster.local", security="mutual_tls")
        for client in names
        for server in names
    ]
    started = time.process_time()
    found = replay(calls, model, model)

    assert found.counts == {SeenFate.HOLDS: len(calls)}
    assert time.process_time() - started < 5


def test_the_short_mesh_of_these_tests_is_as_told() -> None:
    assert outcomes(shop(), "a/ui") == [Outcome.OK_MTLS]
    assert outcomes(shop(), "a/old") == [Outcome.OK_PLAINTEXT]
