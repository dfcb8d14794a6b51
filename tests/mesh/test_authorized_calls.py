"""Authorization in every call: who gets in, what a change opens and closes, and the way out."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
import yaml

from meshes import (
    ROOT,
    Object,
    deployment,
    destination_rule,
    mesh,
    namespace,
    peer_authentication,
    service,
    shop,
    thing,
)
from meshgate.cli import main
from meshgate.config.shape import schema
from meshgate.effect import Change, Effect, codec, describe, effect
from meshgate.effect.strangers import ANYBODY, OTHERS
from meshgate.mesh import Allows, Call, Mesh, Outcome, Transport, Verdict
from meshgate.mesh.admission import Admission
from meshgate.model import Expectation, ExtensionProvider
from meshgate.promotion.records import RecordedCall
from meshgate.report.html.access import who_can_call
from meshgate.report.view import View
from meshgate.rules.ca008_broken_expectation import end_of
from places import REPOSITORY
from policy_repository import commit_all, copy_policies
from without_authorization import without_authorization

pytestmark = pytest.mark.sampled(every=2)

SECURITY = "security.istio.io/v1"


def policy(name: str, place: str = "b", **spec: Any) -> Object:
    return thing(SECURITY, "AuthorizationPolicy", name, place, spec=spec)


def allow(name: str = "p", *, source: Object | None = None, **operation: Any) -> Object:
    rule: Object = {"from": [{"source": source}]} if source else {}
    if operation:
        rule["to"] = [{"operation": operation}]
    return policy(name, rules=[rule])


def told(model: Mesh, client: str = "a/ui") -> tuple[Outcome, Verdict, tuple[str, ...]]:
    place, _, name = client.partition("/")
    (call,) = model.calls(model.workload(place, name))
    admission = call.delivery.admission
    return call.outcome, call.verdict, admission.decision.requests if admission else ()


def test_without_policies_nothing_is_asked() -> None:
    assert told(shop()) == (Outcome.OK_MTLS, Verdict.WORKS, ())
    assert shop().admissions.is_empty


@pytest.mark.parametrize("place", ["b", ROOT])
def test_a_policy_without_rules_denies_everybody(place: str) -> None:
    model = shop(policy("deny-all", place))

    for client in ("a/ui", "a/old", "b/cart"):
        assert told(model, client) == (Outcome.DENIED, Verdict.BROKEN, ())
    assert model.counts() == {Outcome.DENIED: 3}


def test_a_denial_names_the_policy_of_its_own_server() -> None:
    objects: list[Object] = []
    for place in ("b", "c"):
        objects += [namespace(place), deployment("cart", place)]
        objects += [service("cart", place), policy(f"default-of-{place}", place)]
    model = mesh(*objects)

    deciders = {
        (call.service.namespace, decider.resource.name)
        for call in model.calls()
        if call.delivery.admission is not None
        for decider in call.delivery.admission.decision.decided_by
    }
    assert deciders == {("b", "default-of-b"), ("c", "default-of-c")}


def test_identity_is_what_mutual_tls_proves() -> None:
    model = shop(allow(source={"namespaces": ["a"]}))

    assert told(model)[0] is Outcome.OK_MTLS
    assert told(model, "a/old")[0] is Outcome.DENIED
    assert told(model, "b/cart")[0] is Outcome.DENIED
    # Plaintext proves nothing, also of a client with a sidecar.
    plain = destination_rule("d", "a", "cart.b.svc.cluster.local", "DISABLE")
    assert told(shop(plain, allow(source={"namespaces": ["a"]})))[0] is Outcome.DENIED
    assert told(shop(plain, allow(source={"notNamespaces": ["x"]})))[0] is Outcome.OK_PLAINTEXT


def test_some_requests_depend() -> None:
    model = shop(allow(methods=["GET"], paths=["/orders/*"]))

    assert told(model) == (Outcome.OK_MTLS, Verdict.DEPENDS, ("GET /orders/*",))
    (call,) = model.calls(model.workload("a", "ui"))
    assert call.delivery.admission is not None
    assert call.delivery.admission.allows is Allows.SOME


def test_what_strict_refuses_is_no_matter_of_policies() -> None:
    model = shop(peer_authentication("s", "b", "STRICT"), policy("deny-all"))

    assert told(model, "a/old")[0] is Outcome.REFUSED


def test_an_authorizer_that_is_asked_leaves_the_call_open() -> None:
    custom = policy("ext", action="CUSTOM", provider={"name": "ext"}, rules=[{}])
    model = shop(custom, extension_providers=(ExtensionProvider("ext", "grpc"),))
    (call,) = model.calls(model.workload("a", "ui"))
    assert call.verdict is Verdict.UNKNOWN
    assert "ext" in call.reason


GUARD = (ExtensionProvider("guard", "http"),)
ADMIN: Object = {"to": [{"operation": {"paths": ["/admin*"]}}]}
CUSTOM = policy("ext", action="CUSTOM", provider={"name": "guard"}, rules=[ADMIN])


def test_what_no_authorizer_is_asked_about_keeps_its_answer() -> None:
    model = shop(CUSTOM, extension_providers=GUARD)
    assert told(model) == (Outcome.OK_MTLS, Verdict.DEPENDS, ("all but /admin*",))
    denied = policy("d", action="DENY", rules=[{"to": [{"operation": {"methods": ["PUT"]}}]}])
    assert told(shop(CUSTOM, denied, extension_providers=GUARD))[1] is Verdict.DEPENDS
    everything = allow(paths=["/admin/*"])
    assert told(shop(CUSTOM, everything, extension_providers=GUARD))[1] is Verdict.UNKNOWN
    assert told(shop(CUSTOM, policy("deny-all"), extension_providers=GUARD))[1] is Verdict.BROKEN


@pytest.mark.parametrize(
    ("policies", "method", "path", "outcome"),
    [
        ([CUSTOM], "GET", "/orders", Outcome.OK_MTLS),
        ([CUSTOM], "GET", "/admin", Outcome.UNKNOWN),
        # All that policies let in is left to the authorizer, and the rest is denied.
        ([CUSTOM, allow(paths=["/admin/*"])], "GET", "/orders", Outcome.DENIED),
        ([CUSTOM, allow(paths=["/admin/*"])], "GET", "/admin/x", Outcome.UNKNOWN),
        ([CUSTOM], None, None, Outcome.UNKNOWN),
    ],
)
def test_an_expectation_of_one_request_beside_an_authorizer(
    policies: list[Object], method: str | None, path: str | None, outcome: Outcome
) -> None:
    model = shop(*policies, extension_providers=GUARD)
    (call,) = model.calls(model.workload("a", "ui"))
    entry = {"from": "a/ui", "to": "cart.b:80", "outcome": "ok-mtls"}
    entry |= {key: value for key, value in {"method": method, "path": path}.items() if value}
    expectation = msgspec.convert(entry, Expectation)
    assert end_of(call.delivery, expectation).outcome is outcome


def test_who_can_of_requests_beside_an_authorizer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, facts = tmp_path / "mesh.yaml", tmp_path / "facts.yaml"
    file.write_text(yaml.safe_dump_all(accepted([*shop_of("http:80"), CUSTOM])), encoding="utf-8")
    providers = [{"name": "guard", "kind": "http"}]
    facts.write_text(yaml.safe_dump({"mesh": {"extensionProviders": providers}}), encoding="utf-8")

    def asked(*more: str) -> tuple[str, str]:
        command = ["who-can", "cart.b:80", str(file), "--mesh", str(facts), "--format", "json"]
        assert main([*command, *more]) == 0
        (answer,) = json.loads(capsys.readouterr().out)["answers"]
        own = next(each for each in answer["clients"] if "ui" in json.dumps(each["clients"]))
        return own["allows"], own["reason"]

    said = "the authorizer guard decides on /admin*"
    assert asked() == ("some", said)
    assert asked("--path", "/orders") == ("all", "")
    assert asked("--path", "/admin") == ("unknown", said)


@pytest.mark.parametrize(
    ("address", "allows"),
    [("10.0.0.1", Allows.ALL), ("fd00::1", Allows.UNKNOWN), (None, Allows.ALL)],
)
def test_all_of_ipv4_is_everybody_only_where_pods_have_no_other_addresses(
    address: str | None, allows: Allows
) -> None:
    rules = [{"from": [{"source": {"ipBlocks": ["0.0.0.0/0"]}}]}]
    fields: Object = {"clusterIP": address} if address else {}
    other = service("other", "b", **fields)
    for action, of_all in (("ALLOW", allows), ("DENY", Allows.NONE)):
        model = shop(other, policy("p", action=action, rules=rules))
        (call,) = (
            each for each in model.calls(model.workload("a", "ui")) if each.service.name == "cart"
        )
        assert call.delivery.admission is not None
        expected = of_all if allows is not Allows.UNKNOWN else Allows.UNKNOWN
        assert call.delivery.admission.allows is expected


def test_a_port_without_protocol_may_be_either() -> None:
    rule = allow(methods=["GET"])
    plain = shop_of("tcp-x:80")
    assert told(mesh(*plain, rule))[0] is Outcome.DENIED
    either = shop_of("other:80")
    outcome, verdict, _ = told(mesh(*either, rule))
    assert (outcome, verdict) == (Outcome.UNKNOWN, Verdict.UNKNOWN)


def shop_of(port: str) -> list[Object]:
    return [
        namespace("a"),
        namespace("b"),
        deployment("ui", "a"),
        deployment("cart", "b"),
        service("cart", "b", {port: 8080}),
    ]


NAMES = ("one", "two", "three")
SOURCES: tuple[Object | None, ...] = (
    None,
    {"namespaces": ["one"]},
    {"notNamespaces": ["two"]},
    {"namespaces": ["t*"]},
    {"serviceAccounts": ["one/alpha", "two/beta"]},
    {"principals": ["cluster.local/ns/two/sa/alpha", "*beta"]},
    {"notPrincipals": ["cluster.local/ns/t*"]},
    {"principals": ["*"]},
)


OPERATIONS: tuple[Object, ...] = (
    {},
    {"methods": ["GET"]},
    {"paths": ["/x*"]},
    {"ports": ["8080"]},
    {"ports": ["9090"]},
)


def crowded(dice: random.Random) -> list[Object]:
    """Namespaces with clients of several accounts, with and without sidecar, and some policies."""
    found: list[Object] = []
    for name in NAMES:
        found.append(namespace(name))
        for number, account in enumerate(("alpha", "beta", "default")):
            labels = {"app": f"c{number}"}
            if dice.random() < 0.2:
                labels["sidecar.istio.io/inject"] = "false"
            found.append(deployment(f"c{number}", name, labels=labels, serviceAccountName=account))
            ports = {"http:80": 8080, "http-admin:90": 9090, "tcp:70": 7070}
            found.append(service(f"c{number}", name, ports))
    for number in range(dice.randint(1, 4)):
        operation = dice.choice(OPERATIONS)
        rule: Object = {}
        if (source := dice.choice(SOURCES)) is not None:
            rule["from"] = [{"source": source}]
        if operation:
            rule["to"] = [{"operation": operation}]
        if dice.random() < 0.2:
            rule["when"] = [{"key": "connection.sni", "values": ["outbound_.80_._.c1.*"]}]
        rules = [] if dice.random() < 0.2 else [rule]
        action = dice.choice(["ALLOW", "ALLOW", "DENY"]) if rules else "ALLOW"
        spec: Object = {"action": action, "rules": rules}
        if dice.random() < 0.4:
            spec["selector"] = {"matchLabels": {"app": dice.choice(["c0", "c1"])}}
        found.append(policy(f"p{number}", dice.choice([*NAMES, ROOT]), **spec))
    if dice.random() < 0.4:
        found.append(destination_rule("d", "one", "*.two.svc.cluster.local", "DISABLE"))
    return found


@pytest.mark.parametrize("seed", range(40))
def test_classes_say_of_each_client_what_is_asked_of_it_alone(seed: int) -> None:
    model = mesh(*crowded(random.Random(seed)))
    counted = 0
    for call in model.calls():
        alone = model.client_policy(call.client, call.service.host, call.port.number)
        same = [each for each in alone.deliveries if each.endpoint is call.endpoint]
        assert [(each.outcome, each.admission) for each in same] == [
            (call.outcome, call.delivery.admission)
        ]
        if (admission := call.delivery.admission) is not None:
            assert_is_own(model, call, admission)
        counted += 1
    clients = len(NAMES) * 3
    assert counted == clients * clients * 3 == sum(model.counts().values())


def assert_is_own(model: Mesh, call: Call, admission: Admission) -> None:
    """What is said of a call is what its own server says of its own connection."""
    assert call.endpoint is not None
    assert call.endpoint.workload is not None
    own = call.endpoint.workload
    assert (admission.server.namespace, admission.server.labels) == (own.namespace, own.labels)
    connection = admission.connection
    assert connection.port == call.endpoint.port
    if call.transport is Transport.MTLS:
        # That of one client of the class: this one's must come to the same.
        account = call.client.service_account
        identity = f"cluster.local/ns/{call.client.namespace}/sa/{account}"
        connection = msgspec.structs.replace(connection, identity=identity)
    alone = Admission.of(model.authorization, admission.server, connection)
    assert alone is not None
    assert alone == admission
    assert alone.decision.decided_by == admission.decision.decided_by


@pytest.mark.parametrize("seed", range(20))
def test_an_effect_is_what_each_call_says(seed: int) -> None:
    dice = random.Random(seed)
    objects = crowded(dice)
    before = mesh(*objects)
    kept = [each for each in objects if each["kind"] != "AuthorizationPolicy"]
    after = mesh(*kept, *(each for each in crowded(dice) if each["kind"] == "AuthorizationPolicy"))
    # Whether a client has a sidecar is the same on both sides.
    found = effect(before, after)
    expected = {Change.BREAKS: 0, Change.SHUT_OUT: 0, Change.OPENED: 0}
    ends = {key(call): call for call in after.calls()}
    for call in before.calls():
        now = ends[key(call)]
        if call.outcome is not now.outcome:
            if now.outcome is Outcome.DENIED:
                counted = call.client.has_sidecar
                expected[Change.BREAKS if counted else Change.SHUT_OUT] += 1
            elif call.outcome is Outcome.DENIED:
                expected[Change.OPENED] += 1
    whole = dict.fromkeys(expected, 0)
    for each in found.calls:
        denied = each.before is not None and each.before.outcome is Outcome.DENIED
        if each.clients.label:
            continue
        if each.change in whole and (each.change is not Change.OPENED or denied):
            whole[each.change] += each.count
    assert whole == expected
    assert not found.undecided


def key(call: Any) -> tuple[str, str, int]:
    return str(call.client), call.service.host, call.port.number


def changes(found: Effect) -> dict[Change, tuple[str, ...]]:
    return {each.change: each.requests for each in found.calls}


def test_a_method_more_is_opened_and_one_less_is_closed() -> None:
    one, two = allow(methods=["GET"]), allow(methods=["GET", "POST"])

    opened = effect(shop(one), shop(two))
    assert changes(opened) == {Change.OPENED: ("POST",)}
    assert all(each.witness is not None and each.witness.method == "POST" for each in opened.calls)
    closed = effect(shop(two), shop(one))
    assert changes(closed) == {Change.CLOSED: ("POST",)}
    assert not closed.breaks


def test_a_first_allow_breaks_some_and_narrows_others() -> None:
    found = effect(shop(), shop(allow(source={"namespaces": ["a"]}, methods=["GET"])))

    assert {
        each.clients.label or str(each.clients.first.members[0]): each.change
        for each in found.calls
    } == {
        "a/ui": Change.CLOSED,
        "a/old": Change.SHUT_OUT,
        "b/cart": Change.BREAKS,
        ANYBODY: Change.CLOSED,
        OTHERS: Change.CLOSED,
    }


def test_other_words_for_the_same_are_proven_to_change_nothing() -> None:
    one = allow(methods=["GET", "POST"])
    two = policy(
        "p",
        rules=[{"to": [{"operation": {"methods": [method]}}]} for method in ("POST", "GET")],
    )
    found = effect(shop(one), shop(two))

    assert found.is_empty
    assert [each.name for each in found.authorization] == ["p"]
    assert describe.verdict(found) == f"{describe.NO_EFFECT}: {describe.PROVEN}"
    assert describe.verdict(effect(shop(), shop())) == describe.NO_EFFECT


def test_a_client_that_loses_its_identity_breaks() -> None:
    rule = allow(source={"principals": ["*"]})
    plain = destination_rule("d", "a", "cart.b.svc.cluster.local", "DISABLE")

    found = effect(shop(rule), shop(rule, plain))
    assert [each.change for each in found.calls] == [Change.BREAKS]


REPAIRED = {
    "deny by default": policy("deny-all"),
    "another client": allow(source={"namespaces": ["x"]}),
    "of the root namespace": policy("deny-all", ROOT),
}


def accepted(objects: list[Object]) -> list[Object]:
    """The objects, with the selectors that the API server asks Deployments for."""
    for resource in objects:
        if resource["kind"] == "Deployment":
            labels = resource["spec"]["template"]["metadata"]["labels"]
            resource["spec"]["selector"] = {"matchLabels": dict(labels)}
    return objects


@pytest.mark.parametrize("name", REPAIRED)
def test_the_repair_lets_the_call_pass(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mesh.yaml"
    objects = accepted([*shop_of("http:80"), REPAIRED[name]])
    file.write_text(yaml.safe_dump_all(objects), encoding="utf-8")

    def explained() -> Any:
        assert main(["explain", "a/ui", "cart.b:80", str(file), "--format", "json"]) == 0
        (found,) = json.loads(capsys.readouterr().out)["explanations"]
        return found

    first = explained()
    assert first["outcomes"] == ["denied"]
    assert "Who gets in" in [chapter["title"] for chapter in first["chapters"]]
    manifests = [each["manifest"] for each in first["repairs"] if each["manifest"]]
    assert manifests
    file.write_text(yaml.safe_dump_all([*objects, yaml.safe_load(manifests[0])]), encoding="utf-8")
    assert explained()["outcomes"] == ["ok-mtls"]


def environments() -> Iterator[str]:
    found = yaml.safe_load((REPOSITORY / "environments.yaml").read_text("utf-8"))["environments"]
    yield from (each["name"] for each in found)


def deny_all(root: Path) -> None:
    """Add the policy without rules to a namespace that has no other."""
    write_policy(root, policy("deny-all", "boards"))


def deny_all_by_name(root: Path) -> None:
    """Add what denies every request, whatever others allow."""
    write_policy(root, {**policy("deny-all", "boards"), "spec": {"action": "DENY", "rules": [{}]}})


def keep_the_default_alone(root: Path) -> None:
    """Take away what allows, and leave the policy without rules."""
    file = root / "policies/boards/kustomization.yaml"
    listed = yaml.safe_load(file.read_text("utf-8"))
    allows = root.glob("policies/boards/authorizationpolicy-*.yaml")
    gone = {each.name for each in allows} - {"authorizationpolicy-default.yaml"}
    assert gone
    listed["resources"] = [each for each in listed["resources"] if each not in gone]
    file.write_text(yaml.safe_dump(listed), encoding="utf-8")


def write_policy(root: Path, value: dict[str, Any]) -> None:
    file = root / "policies/boards/authorizationpolicy-deny-all.yaml"
    file.write_text(yaml.safe_dump(value), encoding="utf-8")
    kustomization = root / "policies/boards/kustomization.yaml"
    listed = yaml.safe_load(kustomization.read_text("utf-8"))
    listed["resources"].append(file.name)
    kustomization.write_text(yaml.safe_dump(listed), encoding="utf-8")


@pytest.mark.parametrize(
    ("prepare", "propose"),
    [
        (without_authorization, deny_all),
        (lambda _: None, deny_all_by_name),
        (lambda _: None, keep_the_default_alone),
    ],
    ids=["first-policy", "deny-rule", "allows-removed"],
)
def test_a_deny_all_pull_request_fails_diff_in_every_environment(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    prepare: Callable[[Path], None],
    propose: Callable[[Path], None],
) -> None:
    root = copy_policies(tmp_path / "repository")
    prepare(root)
    commit_all(root, "base")
    propose(root)

    for name in environments():
        code = main(["-C", str(root), "diff", "--env", name, "--format", "json"])
        document = json.loads(capsys.readouterr().out)
        assert code == 1, name
        assert {each["rule"] for each in document["findings"] if each["severity"] == "error"} >= {
            "TR004"
        }
        (environment,) = document["environments"]
        broken = [each for each in environment["calls"] if each["change"] == "breaks"]
        assert broken
        assert all(each["after"] == "denied" and each["witness"] for each in broken)


def without_the_default(root: Path) -> None:
    """Take away the default, and what lets in the clients of one workload."""
    file = root / "policies/boards/kustomization.yaml"
    text = file.read_text("utf-8")
    for name in ("default", "app-ui"):
        text = text.replace(f"  - authorizationpolicy-{name}.yaml\n", "")
    file.write_text(text, encoding="utf-8")


def test_this_repository_is_closed_by_default_but_for_the_gateway_in_front(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = copy_policies(tmp_path / "repository")

    def errors() -> dict[str, set[str]]:
        main(["-C", str(root), "validate", "--format", "json"])
        found: dict[str, set[str]] = {}
        for each in json.loads(capsys.readouterr().out)["findings"]:
            if each["severity"] == "error" and each["waiver"] is None:
                found.setdefault(each["environment"], set()).add(each["rule"])
        return found

    assert errors() == {}
    without_the_default(root)
    found = errors()
    assert set(found) == set(environments())
    assert all("AZ002" in rules for rules in found.values())


def test_who_can_names_strangers_and_witnesses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mesh.yaml"
    objects = [*shop_of("http:80"), allow(source={"namespaces": ["a"]}, methods=["GET"])]
    for each in objects:
        if each["kind"] == "Deployment":
            labels = each["spec"]["template"]["metadata"]["labels"]
            each["spec"]["selector"] = {"matchLabels": dict(labels)}
    file.write_text(yaml.safe_dump_all(objects), encoding="utf-8")

    def asked(*more: str) -> dict[str, Any]:
        assert main(["who-can", "cart.b:80", str(file), "--format", "json", *more]) == 0
        document = json.loads(capsys.readouterr().out)
        jsonschema_rs.validator_for(schema("access")).validate(document)
        (answer,) = document["answers"]
        return {
            each["stranger"] or each["clients"][0]["workload"]: each for each in answer["clients"]
        }

    anyone = asked()
    assert {name: each["allows"] for name, each in anyone.items()} == {
        "ui": "some",
        "cart": "none",
        "anybody who proves no identity": "none",
        "any other workload of the mesh": "none",
    }
    assert anyone["ui"]["witness"]["method"] == "GET"
    assert anyone["ui"]["identity"] == "ns/a/sa/default"
    assert asked("--method", "GET", "--path", "/x")["ui"]["allows"] == "all"
    assert asked("--method", "DELETE")["ui"]["allows"] == "none"
    guest = {"key": "request.headers[x-user]", "notValues": ["guest"]}
    objects[-1]["spec"]["rules"][0]["when"] = [guest]
    file.write_text(yaml.safe_dump_all(objects), encoding="utf-8")
    assert asked("--method", "GET", "--header", "X-User=guest")["ui"]["allows"] == "none"
    (ui, *_) = [asked("--method", "GET", "--header", "x-user=bob")["ui"]]
    assert ui["allows"] == "all"
    assert ui["witness"]["headers"] == {"x-user": "bob"}
    assert main(["who-can", "cart.b:80", str(file)]) == 0
    out = capsys.readouterr().out
    assert "Anybody who proves no identity is kept out." in out
    assert main(["who-can", "crat.b:80", str(file)]) == 2
    assert "did you mean `cart.b`?" in capsys.readouterr().err
    assert main(["who-can", "cart.b:80", str(file), "--header", "x-user"]) == 2


def test_the_page_lists_who_can_call_whom() -> None:
    model = shop(allow(source={"namespaces": ["a"]}, methods=["GET"]))

    port = "cart.b.svc.cluster.local:80"
    assert who_can_call(View("prod", model, lambda *_: None)) == [
        [port, "GET", "a/ui"],
        [
            port,
            "kept out: denied by b/p",
            f"all without sidecar, all with sidecar that are not named here, {ANYBODY}, {OTHERS}",
        ],
    ]


def test_calls_are_told_with_what_is_let_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mesh.yaml"
    objects = [*shop_of("http:80"), allow(source={"namespaces": ["a"]}, methods=["GET"])]
    for each in objects:
        if each["kind"] == "Deployment":
            labels = each["spec"]["template"]["metadata"]["labels"]
            each["spec"]["selector"] = {"matchLabels": dict(labels)}
    file.write_text(yaml.safe_dump_all(objects), encoding="utf-8")

    assert main(["calls", str(file), "--only-denied", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)["calls"]
    assert {each["client"]["workload"]: each["outcome"] for each in found} == {
        "ui": "ok-mtls",
        "cart": "denied",
    }
    by_client = {each["client"]["workload"]: each["authorization"] for each in found}
    assert by_client["ui"]["requests"] == ["GET"]
    assert by_client["ui"]["decidedBy"][0]["resource"] == "b/p"
    assert by_client["ui"]["decidedBy"][0]["source"]["line"] > 1
    assert by_client["cart"]["allows"] == "none"
    assert main(["calls", str(file)]) == 0
    out = capsys.readouterr().out
    assert "only GET" in " ".join(out.split())
    assert not set(itertools.chain(out)) & {"\x1b"}

    # What packet filters stop is denied by a policy as well.
    closed = thing(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        "closed",
        "b",
        spec={"podSelector": {}, "policyTypes": ["Ingress"]},
    )
    file.write_text(yaml.safe_dump_all([*objects, closed]), encoding="utf-8")
    assert main(["calls", str(file), "--only-denied", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)["calls"]
    ends = {each["client"]["workload"]: each["outcome"] for each in found}
    # A pod never loses the way to itself.
    assert ends == {"ui": "blocked", "cart": "denied"}


def test_an_effect_of_policies_is_recorded_and_read_again() -> None:
    found = effect(shop(allow(methods=["GET"])), shop(allow(source={"namespaces": ["x"]})))
    told_ = [codec.call(each) for each in found.calls]

    assert {each["change"] for each in told_} == {"breaks", "shut-out", "opened", "closed"}
    for each in told_:
        if each["change"] in {"breaks", "shut-out"}:
            assert each["witness"]["method"] == "GET"
        assert msgspec.convert(each, RecordedCall)["witness"] == each["witness"]
    # A record of old has neither.
    old = {key: value for key, value in told_[0].items() if key not in {"witness", "requests"}}
    assert msgspec.convert(old, RecordedCall) == old


def test_a_call_that_some_requests_get_through_is_told_how_more_would(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mesh.yaml"
    objects = accepted([*shop_of("http:80"), allow("reads", methods=["GET"])])
    file.write_text(yaml.safe_dump_all(objects), encoding="utf-8")

    assert main(["explain", "a/ui", "cart.b:80", str(file)]) == 0

    out = " ".join(capsys.readouterr().out.split())
    assert "Nothing for the requests that policies let in: they work. To let in more" in out
