"""What a change of authorization policies does to calls, and what repairs them."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from authorized_shop import (
    accepted,
    allow,
    crowded,
    key,
    policy,
    shop_of,
)
from meshes import (
    ROOT,
    destination_rule,
    mesh,
    shop,
)
from meshgate.cli import main
from meshgate.effect import Change, Effect, describe, effect
from meshgate.effect.strangers import ANYBODY, OTHERS
from meshgate.mesh import Outcome

pytestmark = pytest.mark.sampled(every=2)


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
