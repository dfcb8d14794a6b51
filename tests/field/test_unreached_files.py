"""Files that no kustomization reaches are told, and keep nothing from being judged."""

from __future__ import annotations

from pathlib import Path

from field_trees import DISABLED, REPOSITORIES, STRICT, Capture, judged

from meshgate.cli import main
from written_files import write_files

ENVIRONMENT = "environments:\n  - name: prod\n    overlay: overlays/prod\n"
WAIVER = """\
waivers:
  - rule: RE003
    path: policies/shop
    owner: shop
    reason: applied by hand, see the runbook
    expires: 2099-01-31
"""
LOOSE = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: shop}\n"
TREE = {
    "environments.yaml": ENVIRONMENT,
    "overlays/prod/kustomization.yaml": "resources: [../../policies/shop]\n",
    "policies/shop/kustomization.yaml": "resources: [pa.yaml]\n",
    "policies/shop/pa.yaml": STRICT,
    "policies/shop/job.yaml": LOOSE,
}


def test_an_unreached_file_hides_nothing(capsys: Capture) -> None:
    found = judged(capsys, "-C", REPOSITORIES / "06-orphan-hides", "validate")

    assert found.code == 1
    assert sorted(found.rules) == ["PA001", "PA007", "RE003"] or sorted(found.rules) == [
        "PA001",
        "RE003",
    ]


def test_it_is_a_warning_and_waived_by_path(tmp_path: Path, capsys: Capture) -> None:
    write_files(tmp_path, TREE)
    found = judged(capsys, "-C", tmp_path, "validate")
    assert (found.code, found.rules) == (0, ["RE003"])

    write_files(tmp_path, {"waivers/prod.yaml": WAIVER})
    found = judged(capsys, "-C", tmp_path, "validate")
    assert [each["waiver"] is not None for each in found.findings] == [True]

    write_files(tmp_path, {"waivers/prod.yaml": WAIVER.replace("policies/shop", "policies/sho")})
    assert [each["waiver"] for each in judged(capsys, "-C", tmp_path, "validate").findings] == [
        None
    ]


def test_folders_of_any_name_are_looked_at(tmp_path: Path, capsys: Capture) -> None:
    def elsewhere(text: str) -> str:
        return text.replace("policies", "security").replace("overlays", "clusters")

    write_files(tmp_path, {elsewhere(name): elsewhere(text) for name, text in TREE.items()})
    write_files(
        tmp_path,
        {
            "security/loose.yaml": LOOSE,
            # Whatever it is called, a folder that no environment is built from is somebody else's.
            "policies/x.yaml": LOOSE,
        },
    )

    found = judged(capsys, "-C", tmp_path, "validate")

    assert (found.code, found.rules) == (0, ["RE003", "RE003"])


def test_a_raised_severity_still_blocks_nothing(tmp_path: Path, capsys: Capture) -> None:
    raised = ENVIRONMENT + "    severities: {RE003: error}\n"
    write_files(tmp_path, {**TREE, "environments.yaml": raised, "policies/shop/pa.yaml": DISABLED})

    found = judged(capsys, "-C", tmp_path, "validate")

    assert found.code == 1
    assert {"PA001", "RE003"} <= set(found.rules)


def test_kustomizations_of_nobodys_environment_reach_files(tmp_path: Path, capsys: Capture) -> None:
    folder = REPOSITORIES / "18-other-kustomization"
    assert judged(capsys, "-C", folder, "validate").rules == []

    write_files(
        tmp_path,
        {
            **TREE,
            "policies/kustomization.yaml": "resources: [extra/job.yaml]\n",
            "policies/extra/job.yaml": LOOSE,
            "policies/shop/job.yaml": "a: 1\n",
            "policies/other/left.yaml": LOOSE,
        },
    )
    found = judged(capsys, "-C", tmp_path, "validate")
    files = [each["source"]["file"] for each in found.findings]  # type: ignore[index] # JSON
    assert files == ["policies/other/left.yaml"]


def test_other_layouts_are_looked_at_as_well(tmp_path: Path, capsys: Capture) -> None:
    layout = {
        name.replace("overlays/", "clusters/").replace("policies/", "base/"): text.replace(
            "overlays/", "clusters/"
        ).replace("policies/", "base/")
        for name, text in TREE.items()
    }
    write_files(tmp_path, {**layout, "base/apart/left.yaml": LOOSE})

    found = judged(capsys, "-C", tmp_path, "validate")

    files = [each["source"]["file"] for each in found.findings]  # type: ignore[index] # JSON
    assert sorted(files) == ["base/apart/left.yaml", "base/shop/job.yaml"]


def test_a_waiver_names_an_object_or_a_path(tmp_path: Path, capsys: Capture) -> None:
    nothing = WAIVER.replace("    path: policies/shop\n", "")
    write_files(tmp_path, {**TREE, "waivers/prod.yaml": nothing})

    assert main(["-C", str(tmp_path), "validate"]) == 2
    assert "waivers/prod.yaml" in capsys.readouterr().err
