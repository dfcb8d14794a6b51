"""Authorization in every call: who gets in, what a change opens and closes, and the way out."""

from __future__ import annotations

import json
import random
from pathlib import Path

import msgspec
import pytest
import yaml

from authorized_shop import (
    NAMES,
    accepted,
    allow,
    crowded,
    policy,
    shop_of,
)
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
)
from meshgate.cli import main
from meshgate.mesh import Allows, Call, Mesh, Outcome, Transport, Verdict
from meshgate.mesh.admission import Admission
from meshgate.model import Expectation, ExtensionProvider
from meshgate.rules.ca008_broken_expectation import end_of

pytestmark = pytest.mark.sampled(every=2)


def ending(model: Mesh, client: str = "a/ui") -> tuple[Outcome, Verdict, tuple[str, ...]]:
    place, _, name = client.partition("/")
    (call,) = model.calls(model.workload(place, name))
    admission = call.delivery.admission
    return call.outcome, call.verdict, admission.decision.requests if admission else ()


def test_without_policies_nothing_is_asked() -> None:
    assert ending(shop()) == (Outcome.OK_MTLS, Verdict.WORKS, ())
    assert shop().admissions.is_empty


@pytest.mark.parametrize("place", ["b", ROOT])
def test_a_policy_without_rules_denies_everybody(place: str) -> None:
    model = shop(policy("deny-all", place))

    for client in ("a/ui", "a/old", "b/cart"):
        assert ending(model, client) == (Outcome.DENIED, Verdict.BROKEN, ())
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

    assert ending(model)[0] is Outcome.OK_MTLS
    assert ending(model, "a/old")[0] is Outcome.DENIED
    assert ending(model, "b/cart")[0] is Outcome.DENIED
    # Plaintext proves nothing, also of a client with a sidecar.
    plain = destination_rule("d", "a", "cart.b.svc.cluster.local", "DISABLE")
    assert ending(shop(plain, allow(source={"namespaces": ["a"]})))[0] is Outcome.DENIED
    assert ending(shop(plain, allow(source={"notNamespaces": ["x"]})))[0] is Outcome.OK_PLAINTEXT


def test_some_requests_depend() -> None:
    model = shop(allow(methods=["GET"], paths=["/orders/*"]))

    assert ending(model) == (Outcome.OK_MTLS, Verdict.DEPENDS, ("GET /orders/*",))
    (call,) = model.calls(model.workload("a", "ui"))
    assert call.delivery.admission is not None
    assert call.delivery.admission.allows is Allows.SOME


def test_what_strict_refuses_is_no_matter_of_policies() -> None:
    model = shop(peer_authentication("s", "b", "STRICT"), policy("deny-all"))

    assert ending(model, "a/old")[0] is Outcome.REFUSED


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
    assert ending(model) == (Outcome.OK_MTLS, Verdict.DEPENDS, ("all but /admin*",))
    denied = policy("d", action="DENY", rules=[{"to": [{"operation": {"methods": ["PUT"]}}]}])
    assert ending(shop(CUSTOM, denied, extension_providers=GUARD))[1] is Verdict.DEPENDS
    everything = allow(paths=["/admin/*"])
    assert ending(shop(CUSTOM, everything, extension_providers=GUARD))[1] is Verdict.UNKNOWN
    assert ending(shop(CUSTOM, policy("deny-all"), extension_providers=GUARD))[1] is Verdict.BROKEN


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
    assert ending(mesh(*plain, rule))[0] is Outcome.DENIED
    either = shop_of("other:80")
    outcome, verdict, _ = ending(mesh(*either, rule))
    assert (outcome, verdict) == (Outcome.UNKNOWN, Verdict.UNKNOWN)


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
