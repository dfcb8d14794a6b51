"""Mistakes in sources are told once, at the file and line to edit, in words without a detour."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from field_trees import REPOSITORIES, STRICT, Capture, judged, lint

from written_files import write_files

ENVIRONMENT = "environments:\n  - name: prod\n    overlay: overlays/prod\n"
PATCH = STRICT.replace("name: default", "name: defalt")
PATCHING = "resources: [pa.yaml]\npatches:\n- path: p.yaml\n"


def overlay(root: Path, **files: str) -> Path:
    """A repository with one environment, of these files."""
    own = {f"overlays/prod/{name.replace('_', '.')}": text for name, text in files.items()}
    return write_files(root, {"environments.yaml": ENVIRONMENT, **own})


@pytest.mark.parametrize(
    ("kustomization", "place", "words"),
    [
        (PATCHING, "overlays/prod/p.yaml:3:12", "did you mean"),
        (
            f"resources: [pa.yaml]\npatches:\n- patch: |-\n{PATCH}".replace("\napi", "\n    api")
            .replace("\nkind", "\n    kind")
            .replace("\nmeta", "\n    meta")
            .replace("\nspec", "\n    spec"),
            "overlays/prod/kustomization.yaml:6:16",
            "did you mean",
        ),
        (
            "resources: [pa.yaml]\n\nnamePrefx: a-\n",
            "overlays/prod/kustomization.yaml:3:1",
            "Prefix",
        ),
        ("# all is gone\nresources:\n", "overlays/prod/kustomization.yaml:1:1", "add `resources:`"),
    ],
    ids=["patch", "inline-patch", "field", "empty"],
)
def test_what_kustomize_refuses_is_told_where_it_is_edited(
    kustomization: str, place: str, words: str, tmp_path: Path, capsys: Capture
) -> None:
    overlay(tmp_path, kustomization_yaml=kustomization, pa_yaml=STRICT, p_yaml=PATCH)

    found = judged(capsys, "-C", tmp_path, "validate")

    assert found.code == 3
    message = found.unread["prod"]
    assert message.startswith(f"{place}: overlays/prod does not build")
    assert words in message
    assert "../" not in message
    assert "accumulat" not in message


def test_a_missing_separator_is_one_finding(tmp_path: Path, capsys: Capture) -> None:
    overlay(tmp_path, kustomization_yaml="resources: [pa.yaml]\n", pa_yaml=STRICT + PATCH)

    found = judged(capsys, "-C", tmp_path, "validate")

    assert (found.code, found.rules) == (1, ["SH001"])
    assert "no `---` stands before it" in str(found.findings[0]["message"])
    assert found.findings[0]["source"] == {
        "file": "overlays/prod/pa.yaml",
        "line": 5,
        "column": 1,
    }


def test_a_patch_is_idle_only_where_no_inclusion_needs_it(tmp_path: Path, capsys: Capture) -> None:
    write_files(
        tmp_path,
        {
            "environments.yaml": ENVIRONMENT,
            "overlays/prod/kustomization.yaml": "resources: [../../base/a, ../../base/b]\n",
            "base/a/kustomization.yaml": "resources: [pa.yaml]\ncomponents: [../../strict]\n",
            "base/a/pa.yaml": STRICT.replace("STRICT", "PERMISSIVE"),
            "base/b/kustomization.yaml": "resources: [dr.yaml]\ncomponents: [../../strict]\n",
            "base/b/dr.yaml": (
                "apiVersion: networking.istio.io/v1\nkind: DestinationRule\n"
                "metadata: {name: a, namespace: shop}\n"
                "spec:\n  host: a.shop.svc.cluster.local\n"
                "  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}\n"
            ),
            "strict/kustomization.yaml": (
                "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
                "patches:\n- path: p.yaml\n  target: {kind: PeerAuthentication}\n"
            ),
            "strict/p.yaml": STRICT,
        },
    )

    assert judged(capsys, "-C", tmp_path, "validate").rules == []


def test_a_null_that_the_api_server_prunes_is_no_refusal(tmp_path: Path, capsys: Capture) -> None:
    nulls = STRICT.replace("{mtls", "{selector: null, portLevelMtls: null, mtls")
    unknown = STRICT.replace("{mtls", "{selektor: null, mtls")
    choice = (
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\n"
        "metadata: {name: a, namespace: shop}\n"
        "spec: {host: a.example, trafficPolicy: {loadBalancer: {simple: null}}}\n"
    )
    missing = (
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\n"
        "metadata: {name: a, namespace: shop}\nspec: {host: null, subsets: [null]}\n"
    )

    write_files(tmp_path, {"pa.yaml": nulls})
    assert lint(capsys, tmp_path).rules == []
    write_files(tmp_path, {"pa.yaml": choice})
    assert "SH002" not in lint(capsys, tmp_path).rules
    write_files(tmp_path, {"pa.yaml": unknown})
    assert lint(capsys, tmp_path).rules == ["SH002"]
    write_files(tmp_path, {"pa.yaml": missing})
    found = lint(capsys, tmp_path)
    assert [(each["rule"], each["path"]) for each in found.findings] == [
        ("SH002", "spec"),
        ("SH002", "spec.subsets[0]"),
    ]


def test_a_pinned_remote_base_is_not_said_to_change(capsys: Capture) -> None:
    found = judged(capsys, "-C", REPOSITORIES / "13-pinned-remote", "validate")

    assert (found.code, found.rules) == (1, ["RE006"])
    assert "pinned to a commit" in str(found.findings[0]["message"])
    assert "can change" not in str(found.findings[0]["message"])


def test_a_vendored_remote_base_is_built_from_its_copy(capsys: Capture, tmp_path: Path) -> None:
    vendored = REPOSITORIES / "13-pinned-remote-vendored"
    found = judged(capsys, "-C", vendored, "validate")

    assert found.rules == ["SH008", "PA001"]
    assert "'policies/vendor/repo/deploy/pa.yaml'" in str(found.findings[1]["source"])
    root = tmp_path / "repository"
    shutil.copytree(vendored, root)
    (root / "policies/vendor/repo/deploy/pa.yaml").write_text(STRICT, "utf-8")
    (changed,) = judged(capsys, "-C", root, "validate").findings
    assert changed["rule"] == "RE006"
    assert "policies/vendor/repo is not what overlays/prod/vendored.yaml states" in str(
        changed["message"]
    )
    assert "restore the files of commit 0123456789ab" in str(changed["fix"])


def test_another_layout_is_judged_alike(capsys: Capture) -> None:
    found = judged(capsys, "-C", REPOSITORIES / "19-layout", "validate")

    assert (found.code, found.rules) == (0, [])
