"""No verdict rests on what is not read: every kind has a column, and what it says holds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given

from meshes import (
    ROOT,
    Object,
    mesh,
    outcomes,
    shop,
    thing,
)
from meshgate.cluster import kinds
from meshgate.cluster.capture.redact import redacted
from meshgate.effect import effect
from meshgate.effect.verdicts import Change
from meshgate.mesh import Outcome, Verdict, Workload
from meshgate.mesh.coverage import TABLE, Coverage, CoverageColumn, coverage_of
from meshgate.model import MESH_KINDS
from meshgate.pipeline.judged import INVENTORY_KINDS
from meshgate.rules.sh008_unsupported_kind import RUNNING
from places import REPOSITORY
from random_meshes import answers, objects
from unread_objects import (
    CART,
    MODERATE,
    extension,
    filtering,
    proxy,
    verdicts,
)

SECURITY = "security.istio.io/v1"


def authorization(name: str, place: str, **fields: Any) -> Object:
    annotations = fields.pop("annotations", {})
    return thing(SECURITY, "AuthorizationPolicy", name, place, annotations=annotations, spec=fields)


def authentication(name: str, place: str, **fields: Any) -> Object:
    rules = [{"issuer": "https://issuer.example"}]
    return thing(SECURITY, "RequestAuthentication", name, place, spec={"jwtRules": rules, **fields})


def network(name: str, place: str, *types: str, **selector: str) -> Object:
    spec: Object = {"podSelector": {"matchLabels": selector} if selector else {}}
    if types:
        spec["policyTypes"] = list(types)
    return thing("networking.k8s.io/v1", "NetworkPolicy", name, place, spec=spec)


SELECTOR = {"selector": {"matchLabels": {"app": "cart"}}}


# Objects that cover the server b/cart, and leave it alone, of the shop.
COVERING_SERVER = {
    "network policy": filtering("p", "b"),
    "network policy by label": filtering("p", "b", "Ingress", app="cart"),
}
LEAVING_ALONE = {
    "audit": authorization("p", "b", action="AUDIT", rules=[{}]),
    "dry run": authorization("p", "b", annotations={"istio.io/dry-run": "true"}),
    "other pods": authorization("p", "b", selector={"matchLabels": {"app": "x"}}),
    "other namespace": authorization("p", "a"),
    "other namespace by selector": authorization("p", "a", **SELECTOR),
    "target": authorization("p", "b", targetRefs=[{"kind": "Service", "name": "cart"}]),
    "gateway": authorization("p", "b", targetRefs=[{"kind": "Gateway", "name": "cart"}]),
    "no issuers": authentication("p", "b", jwtRules=[]),
    "network policy of other pods": network("p", "b", app="x"),
    "network policy elsewhere": network("p", "c"),
    "network policy for what it calls": network("p", "b", "Egress"),
}


@pytest.mark.parametrize("name", COVERING_SERVER)
def test_a_server_under_what_is_not_read_is_undecided(name: str) -> None:
    model = shop(COVERING_SERVER[name])
    policy = COVERING_SERVER[name]

    for client in ("a/ui", "a/old"):
        assert outcomes(model, client) == [Outcome.UNKNOWN]
        assert verdicts(model, client) == {Verdict.UNKNOWN}
    (call,) = model.calls(model.workload("a", "ui"))
    assert f"{policy['kind']} {policy['metadata']['namespace']}/p" in call.reason
    assert call.delivery.on_wire is Outcome.OK_MTLS
    # The mode is known all the same.
    answer = model.server_mode("b", "cart", 8080)
    assert answer.decided
    assert answer.may_refuse == call.reason
    assert model.counts() == {Outcome.UNKNOWN: sum(1 for _ in model.calls())}
    (unread,) = model.unread
    assert "b/cart" in unread.covered


@pytest.mark.parametrize("name", LEAVING_ALONE)
def test_what_is_ignored_leaves_the_verdict_alone(name: str) -> None:
    model = shop(LEAVING_ALONE[name])

    assert outcomes(model, "a/ui") == [Outcome.OK_MTLS]
    assert outcomes(model, "a/old") == [Outcome.OK_PLAINTEXT]
    assert not model.server_mode("b", "cart", 8080).may_refuse


def test_network_policies_that_the_plugin_ignores_decide_nothing() -> None:
    policies = network("p", "b"), network("q", "a", "Egress")

    assert outcomes(shop(*policies, network_policies="ignored"), "a/ui") == [Outcome.OK_MTLS]


def test_what_fails_anyway_still_fails() -> None:
    strict = thing(SECURITY, "PeerAuthentication", "m", "b", spec={"mtls": {"mode": "STRICT"}})
    model = shop(strict, filtering("n", "b"), filtering("n", "a", "Egress"))

    assert outcomes(model, "a/old") == [Outcome.REFUSED]
    assert outcomes(model, "a/ui") == [Outcome.UNKNOWN]


def test_a_client_under_a_network_policy_is_undecided() -> None:
    model = shop(filtering("out", "a", "Egress", app="ui"))

    assert outcomes(model, "a/ui") == [Outcome.UNKNOWN]
    assert outcomes(model, "a/old") == [Outcome.OK_PLAINTEXT]
    (call,) = model.calls(model.workload("a", "ui"))
    assert "CiliumNetworkPolicy a/out" in call.reason
    assert verdicts(model, "a/old") == {Verdict.WORKS}


def test_clients_under_policies_of_many_names_are_one_class() -> None:
    alone = shop(filtering("one", "a", "Egress"), filtering("two", "b", "Egress"))

    assert len({each.profile for each in alone.clients.classes}) == 2
    assert {each.restricted_by for each in alone.clients.classes} == {
        "a CiliumNetworkPolicy decides whom it may call, and is not read"
    }


def test_a_new_policy_is_no_silence() -> None:
    found = effect(shop(), shop(filtering("deny-all", "b")))

    assert not found.is_empty
    assert {each.change for each in found.open_calls} == {Change.UNKNOWN}
    (policy,) = found.open_policies
    assert policy.policy.name == "deny-all"


def test_a_changed_policy_is_never_no_effect() -> None:
    before, after = filtering("p", "b"), filtering("p", "b", "Ingress", app="cart")

    found = effect(shop(before), shop(after))

    assert [str(each.policy) for each in found.undecided] == ["CiliumNetworkPolicy/b/p"]  # type: ignore[union-attr] # not None
    assert effect(shop(before), shop(before)).is_empty
    # Nor where the inventory knows nothing of its namespace, or of anything.
    there = filtering("p", "c")
    assert effect(shop(), shop(there)).undecided
    assert effect(mesh(), mesh(there)).undecided


def test_a_transition_under_a_policy_is_still_told() -> None:
    strict = thing(SECURITY, "PeerAuthentication", "m", "b", spec={"mtls": {"mode": "STRICT"}})
    plain = thing(
        "networking.istio.io/v1",
        "DestinationRule",
        "d",
        "b",
        spec={"host": "cart", "trafficPolicy": {"tls": {"mode": "DISABLE"}}},
    )
    policy = filtering("p", "b")

    found = effect(shop(plain, policy), shop(strict, policy))

    assert found.unsafe
    for unsafe in found.unsafe:
        assert not unsafe.decided
        assert "CiliumNetworkPolicy b/p" in unsafe.reason
    assert {each.change for each in found.open_calls if each.counts} == {Change.ENCRYPTED}


def known_kinds() -> Iterator[tuple[str, str]]:
    """Every kind that there is a schema for, that may be rendered, inventoried or captured."""
    index = json.loads((REPOSITORY / "schemas/index.json").read_text("utf-8"))
    for entries in index["kinds"].values():
        yield from ((entry["group"], entry["kind"]) for entry in entries)
    yield from ((group, kind) for kind, group in MESH_KINDS.items())
    yield from ((kind.group, kind.kind) for kind in kinds.ALL)


def test_every_kind_has_a_column() -> None:
    missing = {kind for kind in known_kinds() if coverage_of(*kind) is None}
    assert missing == set()
    named = {row.kind for row in TABLE}
    assert named.issuperset(INVENTORY_KINDS)
    assert named.issuperset(RUNNING)


def test_a_cluster_is_asked_for_every_kind_that_calls_depend_on() -> None:
    """A Gateway of the Gateway API is known by the label of its pods; Calico keeps its own CRDs."""
    asked = {(kind.group, kind.kind) for kind in kinds.DECIDING}
    undecided = {(row.group, row.kind) for row in TABLE if row.column is CoverageColumn.UNDECIDED}
    not_asked = {each for each in undecided - asked if each[0] != "projectcalico.org"}
    assert not_asked == {("gateway.networking.k8s.io", "Gateway")}


def test_what_is_captured_of_code_in_proxies_says_where_it_is() -> None:
    plugin = extension("WasmPlugin", "b", selector=CART, pluginConfig={"token": "secret"})
    settings_of = proxy("ProxyConfig", "b", environmentVariables={"TOKEN": "secret"})
    for value in (plugin, settings_of):
        kept = redacted(value)
        assert "secret" not in json.dumps(kept)
        assert outcomes(shop(kept), "a/ui") == [Outcome.UNKNOWN]


def test_no_kind_has_two_rows_and_each_has_a_reason() -> None:
    assert len({(row.group, row.kind) for row in TABLE}) == len(TABLE)
    assert all(row.about for row in TABLE)


def irrelevant_object(row: Coverage) -> Object:
    """An object of a kind, as conspicuous as it can be: it names and selects everything."""
    version = f"{row.group}/v1" if row.group else "v1"
    kind = "Anything" if row.kind == "*" else row.kind
    spec = {
        "host": "*",
        "hosts": ["*"],
        "selector": {},
        "podSelector": {},
        "mtls": {"mode": "DISABLE"},
        "targetRefs": [{"kind": "Service", "name": "web"}],
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}},
    }
    return thing(version, kind, "web", "beta", labels={"app": "web"}, spec=spec)


@MODERATE
@given(objects())
def test_what_is_irrelevant_changes_nothing(found: list[Object]) -> None:
    others = [irrelevant_object(row) for row in TABLE if row.column is CoverageColumn.IRRELEVANT]
    assert answers(mesh(*others, *found)) == answers(mesh(*found))


def proxied(workload: Workload) -> bool:
    return workload.has_sidecar


SERVER_IN_BETA: dict[str, tuple[Object, Callable[[Workload], bool]]] = {
    "network policy": (filtering("p", "beta"), lambda _: True),
}


@pytest.mark.parametrize("name", SERVER_IN_BETA)
@MODERATE
@given(found=objects())
def test_no_call_works_at_a_server_that_is_covered(name: str, found: list[Object]) -> None:
    added, is_covered = SERVER_IN_BETA[name]
    before, model = mesh(*found), mesh(*found, added)
    for call in model.calls():
        end = call.endpoint.workload if call.endpoint else None
        if end is not None and end.namespace == "beta" and is_covered(end):
            assert call.verdict is not Verdict.WORKS
            assert call.verdict is not Verdict.DEPENDS
    everywhere = added["metadata"]["namespace"] == ROOT
    covered = {
        str(workload)
        for workload in before.workloads
        if is_covered(workload) and (everywhere or workload.namespace == "beta")
    }
    assert {name for each in model.unread for name in each.covered} == covered


@MODERATE
@given(objects())
def test_no_call_works_of_a_client_that_is_covered(found: list[Object]) -> None:
    model = mesh(*found, filtering("p", "beta", "Egress"))
    for call in model.calls():
        if call.client.namespace == "beta":
            assert call.verdict not in {Verdict.WORKS, Verdict.DEPENDS}
