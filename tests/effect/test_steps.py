"""Safe steps to unsafe changes: found by the model, judged again by brute force, and written."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from hostile_repository import HOSTILE, rewrite
from markdown_page import Page, rendered
from meshes import (
    ROOT,
    deployment,
    destination_rule,
    istio,
    peer_authentication,
    shop,
    shop_inventory,
    thing,
)
from meshgate import source
from meshgate.cli import main
from meshgate.effect import effect
from meshgate.effect.steps import NoPlan, Plan, Purpose, Why, plan
from meshgate.effect.steps.oracle import Oracle
from meshgate.effect.steps.planning import LIMIT
from meshgate.errors import UsageError
from meshgate.mesh import Mode
from meshgate.model import MeshFacts, Resource
from meshgate.pipeline.step_waivers import WAIVERS, StepNumber, waivers_of, with_entries
from meshgate.report import Options
from meshgate.report.steps import FORMATS, EnvironmentSteps, Steps
from places import REPOSITORY
from policy_repository import commit_all, copy_policies
from safe_steps import judged_by_brute_force, unsafe_changes
from samples import sample

pytestmark = pytest.mark.sampled(every=2)

# `nox -s steps` judges 200.
SAMPLE = sample(9, 3)
SAME_LINE = """\
waivers: # ours
- rule: PA002
  resource: A/b/c
  owner: o
  reason: r
  expires: 2027-01-01
differences: []
"""
# How many changes each strategy judges here, so that the sample takes seconds.
QUICK = 30
OVERLAY = "overlays/dev"
MODES = ("boards-permissive.yaml", "mesh-wide-permissive.yaml")
SHOP = [Resource.of(each) for each in shop_inventory()]


def planned(
    before: Sequence[Any], after: Sequence[Any], *more: Resource, limit: int = LIMIT
) -> Plan | NoPlan:
    """The plan for these policies around the shop."""
    old, new = ([Resource.of(each) for each in side] for side in (before, after))
    return plan(old, new, [*SHOP, *more], MeshFacts(), limit=limit)


def mode(text: str, **fields: Any) -> Any:
    return peer_authentication("default", ROOT, text, **fields)


@pytest.mark.sampled
def test_every_step_of_random_changes_is_safe_by_brute_force() -> None:
    found = [(case, case.plan(QUICK)) for case in unsafe_changes(SAMPLE, seed=1, rows=40)]
    plans = [(case, each) for case, each in found if isinstance(each, Plan)]

    # So short a search gives up on many; how many are planned is for `nox -s steps` to tell.
    assert len(plans) >= SAMPLE / 3
    for case, each in plans:
        assert list(judged_by_brute_force(case, each)) == [], case.name


@pytest.mark.parametrize(("old", "new"), [("DISABLE", "STRICT"), ("STRICT", "DISABLE")])
def test_between_disable_and_strict_clients_are_held_and_servers_soften(old: str, new: str) -> None:
    found = planned([mode(old)], [mode(new)])

    assert isinstance(found, Plan)
    purposes = [step.purposes for step in found.steps]
    assert {(Purpose.HOLD,), (Purpose.SOFTEN,), (Purpose.RELEASE,), (Purpose.SERVERS,)} >= set(
        purposes
    )
    assert len(purposes) == 4
    assert all(step.effect.is_safe for step in found.steps)
    assert not any(step.exposed for step in found.steps)


def test_from_permissive_to_strict_clients_come_first() -> None:
    plaintext = destination_rule("c", "b", "cart", "DISABLE")
    mutual = destination_rule("c", "b", "cart", "ISTIO_MUTUAL")

    found = planned([mode("PERMISSIVE"), plaintext], [mode("STRICT"), mutual])

    assert isinstance(found, Plan)
    assert [step.purposes for step in found.steps] == [(Purpose.CLIENTS,), (Purpose.SERVERS,)]


def test_a_safe_change_is_its_own_plan() -> None:
    found = planned([], [mode("STRICT")])

    assert isinstance(found, Plan)
    assert [edit.action for edit in found.steps[0].edits] == ["create"]


def test_a_subset_is_there_before_its_route_in_a_plan() -> None:
    def rule(tls: str, *names: str) -> Any:
        subsets = [{"name": name, "labels": {"app": "cart"}} for name in names]
        return destination_rule("c", "b", "cart", tls, subsets=subsets)

    def route(subset: str) -> Any:
        destination = {"host": "cart", "subset": subset}
        return istio(
            "VirtualService", "v", "b", hosts=["cart"],
            http=[{"route": [{"destination": destination}]}],
        )  # fmt: skip

    before = [mode("PERMISSIVE"), rule("DISABLE", "old"), route("old")]
    after = [mode("STRICT"), rule("ISTIO_MUTUAL", "new"), route("new")]
    found = planned(before, after)

    assert isinstance(found, Plan)
    for here, there in itertools.pairwise([before, *(s.policies for s in found.steps)]):
        had, has = (names(each) for each in (here, there))
        wanted = [value(each)["spec"]["http"][0]["route"][0]["destination"]["subset"]
                  for side in (here, there) for each in side
                  if value(each)["kind"] == "VirtualService"]  # fmt: skip
        assert set(wanted) <= had & has


def names(policies: Sequence[Any]) -> set[str]:
    return {
        subset["name"] for each in policies for subset in value(each)["spec"].get("subsets", ())
    }


def value(each: Any) -> Any:
    return each.value if isinstance(each, Resource) else each


def test_no_step_opens_what_is_closed_at_both_ends() -> None:
    # Were it made PERMISSIVE on the way, the namespace would be open, though it is STRICT twice.
    own = peer_authentication("own", "b", "STRICT")
    found = planned(
        [mode("DISABLE"), own, destination_rule("c", "b", "*.svc.cluster.local", "ISTIO_MUTUAL")],
        [mode("STRICT"), destination_rule("c", "b", "*.svc.cluster.local", "ISTIO_MUTUAL")],
    )

    assert isinstance(found, Plan)
    for step in found.steps:
        assert not [each for each in step.effect.loosened if each.namespace == "b"]


def test_no_step_lets_in_what_both_ends_deny() -> None:
    def deny(name: str, place: str) -> Resource:
        rule = {"from": [{"source": {"namespaces": [place]}}]}
        spec = {"action": "DENY", "rules": [rule]}
        return Resource.of(
            thing("security.istio.io/v1", "AuthorizationPolicy", name, "b", spec=spec)
        )

    oracle = Oracle(([deny("old", "a")], [deny("new", "a")]), SHOP, MeshFacts())

    # Both together deny as each end does; none at all opens.
    assert oracle.holds(oracle.state([deny("old", "a"), deny("new", "a")]))
    assert not oracle.holds(oracle.state([]))
    # What one of the ends lets in may come early, or stay late.
    other = Oracle(([deny("old", "a")], [deny("new", "b")]), SHOP, MeshFacts())
    assert other.holds(other.state([deny("old", "a"), deny("new", "b")]))
    assert other.holds(other.state([]))


def test_what_the_inventory_does_is_no_matter_of_steps() -> None:
    before, after = shop(mode("DISABLE")), shop(mode("STRICT"))
    same = [Resource.of(mode("STRICT"))]

    found = plan(same, same, SHOP, MeshFacts(), whole=effect(before, after))

    assert isinstance(found, NoPlan)
    assert found.why is Why.NOT_POLICY


def test_a_search_that_is_cut_short_says_so() -> None:
    found = planned([mode("DISABLE")], [mode("STRICT")], limit=1)

    assert isinstance(found, NoPlan)
    assert found.why is Why.GAVE_UP
    assert "1 at most" in found.reason


def test_where_one_port_needs_plaintext_and_another_endpoint_mtls_there_is_no_way() -> None:
    # Both workloads stand behind one port: whatever clients are held to, one of them refuses.
    closed = peer_authentication("closed", "b", "STRICT", selector={"version": "one"})

    def other(text: str) -> Any:
        return peer_authentication("other", "b", text, selector={"version": "two"})

    found = planned(
        [closed, other("DISABLE")], [closed, other("STRICT")], *map(twin, ("one", "two"))
    )

    assert isinstance(found, NoPlan)
    assert found.why is Why.NO_WAY


def twin(version: str) -> Resource:
    return Resource.of(deployment(f"cart-{version}", "b", {"app": "cart", "version": version}))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """This repository without its wildcard rule, dev on DISABLE on main, and on STRICT now."""
    root = copy_policies(tmp_path / "repository")
    rewrite(
        root / "policies/mesh-wide/kustomization.yaml", "  - destinationrule-mesh-wide.yaml\n", ""
    )
    (root / "policies/mesh-wide/destinationrule-mesh-wide.yaml").unlink()
    # Who may call is decided elsewhere: here every call is let in.
    for file in (root / "policies/boards").glob("authorizationpolicy-*.yaml"):
        rewrite(file.parent / "kustomization.yaml", f"  - {file.name}\n", "")
        file.unlink()
    for name in MODES:
        rewrite(root / OVERLAY / name, "PERMISSIVE", "DISABLE")
    commit_all(root, "base")
    for name in MODES:
        rewrite(root / OVERLAY / name, "DISABLE", "STRICT")
    return root


def asked(root: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    code = main(["-C", str(root), *arguments, "--env", "dev", "--format", "json"])
    return code, json.loads(capsys.readouterr().out)


def test_steps_of_a_repository_are_written_as_overlay_patches_that_diff_judges_safe(
    repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = tmp_path / "steps"
    code, jump = asked(repository, capsys, "diff")
    assert code == 1
    assert "TR001" in {finding["rule"] for finding in jump["findings"]}

    code, told = asked(repository, capsys, "steps", "--write", str(written))

    schema = json.loads((REPOSITORY / "schemas/meshgate/steps.schema.json").read_text("utf-8"))
    jsonschema_rs.validator_for(schema).validate(told)
    (dev,) = told["environments"]
    assert code == 0
    assert [step["purposes"] for step in dev["steps"]] == [
        ["hold"], ["soften"], ["release"], ["servers"]
    ]  # fmt: skip
    target = {each.ref: each.value for each in rendered_as(repository)}
    before = based(repository)
    for step in dev["steps"]:
        assert {str(Path(name).parent) for name in step["files"]} <= {
            OVERLAY.rstrip("/"),
            "waivers",
        }
        for name in step["removed"]:
            (repository / name).unlink()
        shutil.copytree(written / f"step-{step['number']}", repository, dirs_exist_ok=True)
        now = {each.ref: each.value for each in rendered_as(repository)}
        assert now == applied(before, step["edits"])
        _, judged = asked(repository, capsys, "diff", "--base", "HEAD")
        assert judged["environments"][0]["transition"]["safe"]
        assert not unwaived(repository, capsys, "DR001")
        commit_all(repository, f"step {step['number']}")
        before = now
    assert before == target
    assert not list((repository / OVERLAY).glob("on-the-way-*"))
    assert "safe steps" not in waivers_of_dev(repository)


def waivers_of_dev(root: Path) -> str:
    file = root / "waivers/dev.yaml"
    return file.read_text("utf-8") if file.exists() else ""


def unwaived(root: Path, capsys: pytest.CaptureFixture[str], rule: str) -> list[Any]:
    """The findings of a rule in dev that nobody has accepted."""
    main(["-C", str(root), "validate", "dev", "--format", "json"])
    findings = json.loads(capsys.readouterr().out)["findings"]
    return [each for each in findings if each["rule"] == rule and each["waiver"] is None]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing is accepted\n",
        "waivers: []\n",
        "waivers:\n  - {rule: PA002, resource: A/b/c, owner: o, reason: r, expires: 2027-01-01}\n",
        SAME_LINE,
        "acknowledgements: []\n",
    ],
)
def test_waivers_of_a_step_are_put_beside_those_there_are(text: str) -> None:
    held = Resource.of(destination_rule("hold-plaintext-cart", "b", "cart", "DISABLE", age=None))
    day = dt.date(2026, 8, 1)
    (waiver,) = waivers_of([held], [], StepNumber(1, 4, day))
    assert waiver["expires"] == "2026-08-31"
    new = with_entries(text, WAIVERS, [waiver], "waivers/dev.yaml")
    found = yaml.safe_load(new)
    assert str(held) in {each["resource"] for each in found["waivers"]}
    assert [line for line in text.splitlines() if "rule: PA002" in line] == [
        line for line in new.splitlines() if "rule: PA002" in line
    ]
    assert waivers_of([held], [held], StepNumber(1, 4, day)) == []


def test_waivers_in_one_line_are_not_added_to() -> None:
    with pytest.raises(UsageError, match="cannot be added to"):
        with_entries("waivers: [{rule: X}]\n", WAIVERS, [{"rule": "DR001"}], "waivers/dev.yaml")


def rendered_as(root: Path) -> list[Resource]:
    return source.render(root, OVERLAY, cache=None).resources


def based(root: Path) -> dict[Any, Any]:
    """What the commit renders to that the change starts from."""
    for name in MODES:
        rewrite(root / OVERLAY / name, "STRICT", "DISABLE")
    found = {each.ref: each.value for each in rendered_as(root)}
    for name in MODES:
        rewrite(root / OVERLAY / name, "DISABLE", "STRICT")
    return found


def applied(before: dict[Any, Any], edits: Any) -> dict[Any, Any]:
    """The objects after the edits of a step."""
    found = {str(ref): (ref, each) for ref, each in before.items()}
    for edit in edits:
        parts = edit["resource"]
        ref = type(next(iter(before)))(
            parts["apiVersion"], parts["kind"], parts["namespace"], parts["name"]
        )
        if edit["object"] is None:
            del found[str(ref)]
        else:
            found[str(ref)] = ref, edit["object"]
    return dict(found.values())


def test_a_deleted_and_a_new_object_are_held_back_by_files_of_the_overlay(tmp_path: Path) -> None:
    root = tmp_path / "repository"
    for part in ("policies", "overlays"):
        shutil.copytree(REPOSITORY / part, root / part)
    there = rendered_as(root)
    gone = next(each for each in there if each.kind == "VirtualService")
    rule = next(each for each in there if each.name == "mesh-wide")
    kept = {key: inner for key, inner in rule.metadata.items() if key != "annotations"}
    edited = Resource.of({**rule.value, "metadata": kept})
    new = Resource.of(destination_rule("more", "b", "cart", "DISABLE", age=None))
    wanted = [*(each for each in there if each not in (gone, rule)), edited, new]

    overlay = source.patched(root, OVERLAY, there, wanted, comment="a test", cache=None)

    for name, text in overlay.files.items():
        (root / name).write_text(text, encoding="utf-8")
    assert {each.ref: each.value for each in rendered_as(root)} == {
        each.ref: each.value for each in wanted
    }
    assert len(overlay.temporary) == 3


def test_there_is_nothing_to_do_where_nothing_changes(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    commit_all(repository, "all of it")

    code, told = asked(repository, capsys, "steps")

    assert code == 0
    assert told["environments"][0]["steps"] == []


def test_a_folder_that_is_in_use_is_not_written_to(
    repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-C", str(repository), "steps", "--write", str(tmp_path)]) == 2
    assert "is not empty" in capsys.readouterr().err


def test_reports_escape_what_manifests_say() -> None:
    hostile = destination_rule(HOSTILE, "b", "cart", "DISABLE", note=HOSTILE)
    found = planned([mode("DISABLE"), hostile], [mode("STRICT")])
    assert isinstance(found, Plan)
    steps = Steps(HOSTILE, "head", [EnvironmentSteps(HOSTILE, found)], [HOSTILE])

    text = FORMATS["text"]([steps], Options(color=False))
    page = FORMATS["markdown"]([steps], Options())

    assert "step 1 of" in text
    assert "\x1b" not in text
    assert "\x1b" not in page
    assert "script" not in Page(rendered(page)).tags


def test_a_plan_says_what_to_wait_for_before_servers_refuse_plaintext() -> None:
    found = planned([mode("DISABLE")], [mode("STRICT")])
    assert isinstance(found, Plan)
    steps = Steps("base", "head", [EnvironmentSteps("dev", found)])

    page = FORMATS["markdown"]([steps], Options())

    assert any(each.after.mode is Mode.STRICT for each in found.steps[-1].effect.ports)
    assert page.count("proxy-status") == len(found.steps) - 1
    assert page.count("no client sends plaintext") == 1
