"""Each repair that a finding on authorization states: it is gone, and what it says is true."""

from __future__ import annotations

from typing import Any

import pytest

import rule_cases
from authorization_cases import SECURITY, context, edited, findings, lets_in, listed, model, written
from meshes import (
    Object,
    deployment,
    destination_rule,
    namespace,
    peer_authentication,
    service,
    thing,
)
from meshgate.effect import effect
from meshgate.model import ExtensionProvider
from meshgate.rules.context import Context
from repaired_policies import (
    SHOP,
    on,
    only,
    operation,
    policy,
    source,
)

UI = "cluster.local/ns/a/sa/default"
BROKER = [
    *SHOP,
    deployment("broker", "b", ports={"amqp": 5672, "admin": 15672}),
    service("broker", "b", {"tcp-amqp:5672": 5672, "http-admin:15672": 15672}),
]


def test_who_is_wanted_is_let_in_and_nobody_else() -> None:
    before = context([policy(rules=[{}])], SHOP, floor="default-deny")
    assert only("AZ001", before).fix.startswith("say who is wanted, by `from: [{source: {princip")
    after = context([policy(rules=[source(principals=[UI])])], SHOP, floor="default-deny")

    assert findings("AZ001", after) == []
    assert [lets_in(model(each), "b/cart") for each in (before, after)] == [True, False]
    assert lets_in(model(after), "a/ui")


@pytest.mark.parametrize(
    "rules",
    [
        [source(namespaces=["a"]), source(principals=[UI])],
        [operation(methods=["GET"]), operation(methods=["GET"], paths=["/x"])],
        [operation(paths=["/api/*"]), operation(paths=["/y"], notPaths=["/y*"])],
    ],
)
def test_a_dead_rule_is_removed_and_nothing_changes(rules: list[Object]) -> None:
    before = context([policy(rules=rules)], SHOP)
    found = only("AZ003", before)
    assert found.path == "spec.rules[1]"
    assert "remove the rule" in found.fix
    after = context([policy(rules=rules[:1])], SHOP)

    assert findings("AZ003", after) == []
    assert effect(model(before), model(after)).is_empty


def test_labels_of_the_pods_are_selected() -> None:
    before = context([policy(selector=on("kart"))], SHOP)
    assert only("AZ003", before).fix.startswith("correct the labels to those of the pods")
    after = context([policy(selector=on("cart"))], SHOP)

    assert findings("AZ003", after) == []
    assert [lets_in(model(each)) for each in (before, after)] == [True, False]


@pytest.mark.parametrize("action", ["DENY", "ALLOW"])
def test_ports_that_speak_http_are_named(action: str) -> None:
    rule = operation(methods=["DELETE"])
    amqp = policy("amqp", selector=on("broker"), rules=[operation(ports=["5672"])])
    others = [amqp] if action == "ALLOW" else []
    before = context([policy(selector=on("broker"), action=action, rules=[rule]), *others], BROKER)
    found = only("AZ004", before)
    assert found.fix == 'give each operation of the rule `ports: ["15672"]`, which speak HTTP'
    rule = operation(methods=["DELETE"], ports=["15672"])
    after = context([policy(selector=on("broker"), action=action, rules=[rule]), *others], BROKER)

    assert findings("AZ004", after) == []
    # What the DENY closed beside HTTP is open again; the ALLOW was dead there.
    closed = [not lets_in(model(each), host="broker.b", port=5672) for each in (before, after)]
    assert closed == ([True, False] if action == "DENY" else [False, False])
    deletes = lets_in(model(after), host="broker.b", port=15672, method="DELETE")
    assert deletes is (action == "ALLOW")


def test_a_declared_protocol_decides() -> None:
    rules = [policy(selector=on("db"), action="DENY", rules=[operation(methods=["DELETE"])])]
    db = deployment("db", "b", ports={"x": 9000})
    before = context(rules, [*SHOP, db, service("db", "b", {"x:9000": 9000})])
    found = only("AZ004", before)
    assert not found.decided
    assert found.fix.startswith("declare the protocol of the port")
    after = context(rules, [*SHOP, db, service("db", "b", {"http-x:9000": 9000})])

    assert findings("AZ004", after) == []
    assert lets_in(model(after), host="db.b", method="GET")


@pytest.mark.parametrize(
    ("rule", "meant", "sent"),
    [
        (source(principals=["cluster.local/ns/a/sa/defualt"]), UI, {}),
        (source(principals=["cluster.lokal/ns/a/sa/default"]), UI, {}),
        (source(serviceAccounts=["a/defualt"]), "a/default", {}),
        (source(trustDomains=["corp.example"]), "cluster.local", {}),
        (operation(methods=["get"]), "GET", {"method": "GET"}),
        (operation(paths=["api/*"]), "/api/*", {}),
        (operation(paths=["/api/../x"]), "/x", {}),
        (operation(paths=["/find?q=1"]), "/find", {}),
        (operation(ports=["80"]), "8080", {}),
        (operation(hosts=["kart.b"]), "cart.b", {"name": "cart.b"}),
        (source(principals=[f"spiffe://{UI}"]), UI, {}),
        (operation(paths=["/v*/orders"]), "/{*}/orders", {"path": "/v1/orders"}),
        ({"when": [{"key": "request.headersx[a]", "values": ["1"]}]}, "request.headers[a]", {}),
    ],
)
def test_a_value_that_matches_nothing_is_written_as_the_fix_says(
    rule: Object, meant: str, sent: dict[str, Any]
) -> None:
    objects = [policy(rules=[rule])]
    before = context(objects, SHOP)
    (found,) = (each for own in ("AZ005", "AZ006", "AZ011") for each in findings(own, before))
    assert meant in found.fix
    after = context(written(objects, found), SHOP)

    assert [each for own in ("AZ005", "AZ006", "AZ011") for each in findings(own, after)] == []
    assert [lets_in(model(each), **sent) for each in (before, after)] == [False, True]


def test_a_host_is_listed_with_its_port() -> None:
    inventory = [*SHOP, deployment("api", "b"), service("api", "b", {"http:8000": 8080})]
    objects = [policy(selector=on("api"), rules=[operation(hosts=["api.b"])])]
    before = context(objects, inventory)
    after = context(written(objects, only("AZ006", before)), inventory)

    assert findings("AZ006", after) == []
    sent = [lets_in(model(each), host="api.b", name="api.b:8000") for each in (before, after)]
    assert sent == [False, True]


def test_a_grpc_method_is_a_path() -> None:
    before = context([policy(rules=[operation(methods=["/x.Y/Z"])])], SHOP)
    assert only("AZ006", before).fix == "list it under `paths` as /x.Y/Z, beside the method POST"
    after = context([policy(rules=[operation(methods=["POST"], paths=["/x.Y/Z"])])], SHOP)

    assert findings("AZ006", after) == []
    sent = [lets_in(model(each), method="POST", path="/x.Y/Z") for each in (before, after)]
    assert sent == [False, True]


@pytest.mark.parametrize("spelt", ["//admin/x", "/admin%2Fx"])
def test_paths_are_normalized(spelt: str) -> None:
    objects = [policy(action="DENY", rules=[operation(paths=["/admin/*"])])]
    before = context(objects, SHOP)
    found = only("AZ007", before)
    assert spelt in found.message
    assert "DECODE_AND_MERGE_SLASHES" in found.fix
    after = context(objects, SHOP, path_normalization="DECODE_AND_MERGE_SLASHES")

    assert findings("AZ007", after) == []
    assert [lets_in(model(each), path=spelt) for each in (before, after)] == [True, False]


def test_a_path_is_listed_with_its_ending() -> None:
    objects = [policy(action="DENY", rules=[operation(paths=["/admin"])])]
    facts = {"path_normalization": "DECODE_AND_MERGE_SLASHES"}
    before = context(objects, SHOP, **facts)
    after = context(listed(objects, only("AZ007", before)), SHOP, **facts)

    assert findings("AZ007", after) == []
    assert [lets_in(model(each), path="/admin/") for each in (before, after)] == [True, False]


def test_sidecars_are_selected_and_not_referred_to() -> None:
    target = [{"group": "", "kind": "Service", "name": "cart"}]
    before = context([policy(targetRefs=target, action="DENY", rules=[{}])], SHOP)
    assert only("AZ008", before).fix == "select the pods by `spec.selector` instead"
    after = context([policy(selector=on("cart"), action="DENY", rules=[{}])], SHOP)

    assert findings("AZ008", after) == []
    assert [lets_in(model(each)) for each in (before, after)] == [True, False]


@pytest.mark.parametrize("by_server", [False, True], ids=["client", "server"])
def test_who_is_let_in_by_identity_sends_it(by_server: bool) -> None:
    def of(rule_mode: str, server_mode: str) -> Context:
        host = "cart.b.svc.cluster.local"
        own = (
            peer_authentication("s", "b", server_mode)
            if by_server
            else destination_rule("d", "a", host, rule_mode)
        )
        return context([policy(rules=[source(principals=[UI])]), own], SHOP)

    before = of("DISABLE", "DISABLE")
    found = only("AZ018", before)
    assert found.fix == (
        "set the mode of the port to STRICT" if by_server else "set the mode to ISTIO_MUTUAL"
    )
    assert found.resource is not None
    assert found.resource.name == ("s" if by_server else "d")
    after = of("ISTIO_MUTUAL", "STRICT")

    assert findings("AZ018", after) == []
    assert [lets_in(model(each)) for each in (before, after)] == [False, True]


def test_a_policy_without_rules_keeps_the_default() -> None:
    allow = policy("allow", rules=[source(principals=[UI])])
    bare, kept = context([allow], SHOP), context([allow, policy("keep")], SHOP)
    opened, closed = context([], SHOP), context([policy("keep")], SHOP)
    found = only("TR007", rule_cases.changed(bare, opened))
    assert found.fix == "add a policy with `spec: {}` before the last one goes"

    assert findings("TR007", rule_cases.changed(kept, closed)) == []
    assert [lets_in(model(each), "b/cart") for each in (opened, closed)] == [True, False]


def test_a_dry_run_ends() -> None:
    dry = policy(action="DENY", rules=[{}])
    dry["metadata"]["annotations"] = {"istio.io/dry-run": "true"}
    before = context([dry], SHOP)
    assert only("AZ009", before).fix.startswith("remove the annotation istio.io/dry-run")
    after = context([policy(action="DENY", rules=[{}])], SHOP)

    assert findings("AZ009", after) == []
    assert [lets_in(model(each)) for each in (before, after)] == [True, False]


@pytest.mark.parametrize(
    ("action", "rule", "was"),
    [
        ("ALLOW", source(requestPrincipals=["*"]), False),
        ("DENY", source(notRequestPrincipals=["*"]), False),
        ("ALLOW", {"when": [{"key": "request.auth.claims[x]", "values": ["1"]}]}, False),
    ],
)
def test_somebody_verifies_tokens(action: str, rule: Object, was: bool) -> None:
    objects = [policy(action=action, rules=[rule])]
    before = context(objects, SHOP)
    found = only("AZ010", before)
    assert found.fix.startswith("add a RequestAuthentication with the issuer for ")
    rules = [{"issuer": "https://i.example", "jwksUri": "https://i.example/keys"}]
    own = thing(SECURITY, "RequestAuthentication", "jwt", "b", spec={"jwtRules": rules})
    after = context([*objects, own], SHOP)

    assert findings("AZ010", after) == []
    assert [lets_in(model(each)) for each in (before, after)] == [was, True]


def test_addresses_of_the_connection_are_not_chosen() -> None:
    def of(field: str) -> Context:
        return context([policy(rules=[source(**{field: ["10.0.0.0/8"]})])], SHOP)

    before, after = of("remoteIpBlocks"), of("ipBlocks")
    assert "ipBlocks" in only("AZ012", before).fix
    assert findings("AZ012", after) == []
    # Some caller gets in by the header; by its address, nobody whose address is not known.
    (call,) = model(before).calls(model(before).workload("a", "ui"))
    admission = call.delivery.admission
    assert admission is not None
    witness = admission.decision.permitted
    assert witness is not None
    assert witness.request is not None
    assert witness.request.headers["x-forwarded-for"].startswith("10.")


def test_a_host_is_denied_with_every_port() -> None:
    objects = [policy(action="DENY", rules=[operation(hosts=["admin.example"])])]
    before = context(objects, SHOP)
    after = context(listed(objects, only("AZ013", before)), SHOP)

    assert findings("AZ013", after) == []
    sent = [lets_in(model(each), name="admin.example:80") for each in (before, after)]
    assert sent == [True, False]


@pytest.mark.parametrize("value", ["old.example/ns/a/*", "cluster.local/ns/a/*"])
def test_five_parts_mean_every_trust_domain(value: str) -> None:
    facts: dict[str, Any] = {
        "trust_domain": "corp.example",
        "trust_domain_aliases": ("old.example",),
    }
    objects = [policy(rules=[source(principals=[value])])]
    before = context(objects, SHOP, **facts)
    after = context(written(objects, only("AZ014", before)), SHOP, **facts)

    assert findings("AZ014", after) == []
    assert [lets_in(model(each)) for each in (before, after)] == [False, True]


def test_other_trust_domains_are_listed() -> None:
    facts: dict[str, Any] = {
        "trust_domain": "corp.example",
        "trust_domain_aliases": ("old.example",),
    }
    objects = [policy(rules=[source(principals=["old.example/*"])])]
    before = context(objects, SHOP, **facts)
    found = only("AZ014", before)
    assert found.fix == "list corp.example/* beside it"
    after = context(listed(objects, found), SHOP, **facts)

    assert findings("AZ014", after) == []
    assert [lets_in(model(each)) for each in (before, after)] == [False, True]


def test_the_provider_is_named_as_declared() -> None:
    facts: dict[str, Any] = {"extension_providers": (ExtensionProvider("opa-authz", "grpc"),)}
    objects = [policy(action="CUSTOM", provider={"name": "opa-auth"}, rules=[{}])]
    before = context(objects, SHOP, **facts)
    after = context(written(objects, only("AZ015", before)), SHOP, **facts)

    assert findings("AZ015", after) == []
    assert [lets_in(model(each)) for each in (before, after)] == [False, True]


def test_a_policy_without_the_refused_value_is_there_as_a_whole() -> None:
    rules = [operation(paths=["/admin"]), source(ipBlocks=["10.0.0.1/33"])]
    objects = [policy(action="DENY", rules=rules)]
    before = context(objects, SHOP)
    assert only("AZ016", before).fix == "correct what SH004 or SH002 names at this object"
    (named,) = findings("SH004", before)
    after = context(edited(objects, named, ["10.0.0.1/32"]), SHOP)  # type: ignore[arg-type] # JSON

    assert findings("AZ016", after) == findings("SH004", after) == []
    assert [lets_in(model(each), path="/admin") for each in (before, after)] == [True, False]


def test_namespaces_are_listed_by_name() -> None:
    before = context([policy(rules=[source(namespaces=["*a"])])], [*SHOP, namespace("ca")])
    assert only("AZ011", before).fix == "list the namespaces by name"
    after = context([policy(rules=[source(namespaces=["a", "ca"])])], [*SHOP, namespace("ca")])

    assert findings("AZ011", after) == []
    # The pattern let in every namespace, that of the server too.
    assert [lets_in(model(each), "b/cart") for each in (before, after)] == [True, False]
    assert lets_in(model(after), "a/ui")
