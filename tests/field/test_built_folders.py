"""A folder with a kustomization is built before it is judged."""

from __future__ import annotations

from pathlib import Path

import pytest
from field_trees import DISABLED, POD, REPOSITORIES, Capture, lint

from meshgate.cli import main
from written_files import write_files

TO_STRICT = "kind: PeerAuthentication\nmetadata: {name: default}\nspec: {mtls: {mode: STRICT}}\n"
PATCHED = (
    "resources: [../../base]\npatches:\n- path: strict.yaml\n  target: {kind: PeerAuthentication}\n"
)
LAYERED = {
    "base/kustomization.yaml": "resources: [pa.yaml]\n",
    "base/pa.yaml": DISABLED,
    "overlays/prod/kustomization.yaml": PATCHED,
    "overlays/prod/strict.yaml": TO_STRICT,
}


@pytest.mark.parametrize("path", [".", "overlays", "overlays/prod"])
def test_raw_patches_are_no_policies(path: str, tmp_path: Path, capsys: Capture) -> None:
    write_files(tmp_path, LAYERED)

    assert lint(capsys, "-C", tmp_path, path).code == 0
    assert lint(capsys, tmp_path / path).code == 0
    assert lint(capsys, "-C", tmp_path, ".", "--raw").rules


def test_a_named_kustomization_is_its_folder(tmp_path: Path, capsys: Capture) -> None:
    write_files(tmp_path, LAYERED)

    assert lint(capsys, "-C", tmp_path, "overlays/prod/kustomization.yaml").code == 0


def test_findings_point_at_the_line_to_edit(tmp_path: Path, capsys: Capture) -> None:
    write_files(
        tmp_path, {**LAYERED, "overlays/prod/strict.yaml": TO_STRICT.replace("STRICT", "UNSET")}
    )

    linted = lint(capsys, "-C", tmp_path / "overlays", "prod")

    assert linted.code == 1
    assert linted.findings[0]["source"] == {"file": "prod/strict.yaml", "line": 3, "column": 15}


def test_overlays_of_one_object_are_judged_apart(tmp_path: Path, capsys: Capture) -> None:
    write_files(
        tmp_path,
        {
            **LAYERED,
            "overlays/dev/kustomization.yaml": "resources: [../../base]\n",
        },
    )

    linted = lint(capsys, "-C", tmp_path, ".")

    assert linted.code == 1
    found = [(each["environment"], each["rule"]) for each in linted.findings]
    assert found == [("overlays/dev", "PA001")]


def test_a_kustomization_that_does_not_build_is_told_and_the_rest_is_judged(
    tmp_path: Path, capsys: Capture
) -> None:
    write_files(
        tmp_path,
        {
            "broken/kustomization.yaml": "resources: [nothing.yaml]\n",
            "pa.yaml": DISABLED,
        },
    )

    linted = lint(capsys, "-C", tmp_path, ".")

    assert (linted.code, linted.rules) == (1, ["PA001"])
    assert list(linted.unread) == ["broken"]


def test_sources_that_must_not_be_built_are_findings(capsys: Capture) -> None:
    linted = lint(capsys, "-C", REPOSITORIES / "13-pinned-remote", "overlays/prod")

    assert (linted.code, linted.rules) == (1, ["RE006"])


def test_other_commands_build_as_well(tmp_path: Path, capsys: Capture) -> None:
    write_files(tmp_path, {**LAYERED, "base/pa.yaml": f"{DISABLED}---\n{POD}"})

    assert main(["posture", "-C", str(tmp_path), "."]) == 0
    assert "sidecar unknown" in capsys.readouterr().out.replace("\n", " ")
    assert main(["calls", "-C", str(tmp_path), ".", "--raw"]) == 0
