"""Steps written as files: overlay patches, waivers, and what they render to."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from hostile_repository import rewrite
from meshes import (
    destination_rule,
)
from meshgate import source
from meshgate.cli import main
from meshgate.errors import UsageError
from meshgate.model import Resource
from meshgate.pipeline.step_waivers import WAIVERS, StepNumber, waivers_of, with_entries
from places import REPOSITORY
from policy_repository import commit_all, copy_policies

pytestmark = pytest.mark.sampled(every=2)
SAME_LINE = """\
waivers: # ours
- rule: PA002
  resource: A/b/c
  owner: o
  reason: r
  expires: 2027-01-01
differences: []
"""
OVERLAY = "overlays/dev"
MODES = ("boards-permissive.yaml", "mesh-wide-permissive.yaml")


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
