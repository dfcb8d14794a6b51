"""Who can call whom, as commands and the page tell it; this repository is closed by default."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
import yaml

from authorized_shop import (
    accepted,
    allow,
    policy,
    shop_of,
)
from meshes import (
    shop,
    thing,
)
from meshgate.cli import main
from meshgate.config.shape import schema
from meshgate.effect import codec, effect
from meshgate.effect.strangers import ANYBODY, OTHERS
from meshgate.promotion.records import RecordedCall
from meshgate.report.html.access import who_can_call
from meshgate.report.view import View
from places import REPOSITORY
from policy_repository import commit_all, copy_policies
from without_authorization import without_authorization

pytestmark = pytest.mark.sampled(every=2)


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


def shop_objects() -> list[Any]:
    """The shop as any command reads it, with selectors; namespace `a` may GET."""
    objects = [*shop_of("http:80"), allow(source={"namespaces": ["a"]}, methods=["GET"])]
    for each in objects:
        if each["kind"] == "Deployment":
            labels = each["spec"]["template"]["metadata"]["labels"]
            each["spec"]["selector"] = {"matchLabels": dict(labels)}
    return objects


def test_who_can_names_strangers_and_witnesses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mesh.yaml"
    objects = shop_objects()
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
    objects = shop_objects()
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
