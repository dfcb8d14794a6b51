"""Sources are judged before kustomize runs: what it would misread, fetch, execute or overlook."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshgate import source
from meshgate.errors import BuildError
from meshgate.model import Defect
from written_files import write_files

PA = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
"""
COMPONENT = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"


def overlay(root: Path, text: str, **files: str) -> Path:
    base = {"base/kustomization.yaml": "resources: [pa.yaml]\n", "base/pa.yaml": PA}
    return write_files(root, {**base, "overlay/kustomization.yaml": text, **files})


def told(defects: list[Defect]) -> list[str]:
    return [
        f"{d.position.file}:{d.position.line}:{d.position.column} {d.kind} {d.detail}"
        for d in defects
    ]


def survey(root: Path) -> list[str]:
    return told(source.survey(root, "overlay"))


def test_clean_sources_have_no_defects(tmp_path: Path) -> None:
    assert survey(overlay(tmp_path, "resources: [../base]\n")) == []


def test_every_reached_file_is_looked_at(tmp_path: Path) -> None:
    root = overlay(
        tmp_path,
        "resources: [../base]\nnamePrefix: 010\n"
        "components: [../part]\npatches: [{path: p.yaml}]\nnamePrefix: x\n",
        **{
            "overlay/p.yaml": "kind: A\nspec:\n  portLevelMtls:\n    8080: {}\n",
            "base/pa.yaml": PA + "kind: Other\n",
            "part/kustomization.yaml": COMPONENT + "resources: [x.yaml]\n",
            "part/x.yaml": "kind: A\nmetadata: {labels: {version: 1.10}}\n",
        },
    )

    assert sorted(survey(root)) == [
        "base/pa.yaml:5:1 duplicate-key kind",
        "overlay/kustomization.yaml:2:13 ambiguous-scalar 010",
        "overlay/kustomization.yaml:5:1 duplicate-key namePrefix",
        "overlay/p.yaml:4:5 integer-key 8080",
        "part/x.yaml:2:30 ambiguous-scalar 1.10",
    ]


def test_inline_patches_are_looked_at_where_they_stand(tmp_path: Path) -> None:
    root = overlay(
        tmp_path,
        """\
resources: [../base]
patches:
- patch: |-
    kind: PeerAuthentication
    spec:
      portLevelMtls:
        8080: {mode: STRICT}
  target: {kind: PeerAuthentication}
- patch: "kind: A\\nkind: B"
""",
    )

    assert survey(root) == [
        "overlay/kustomization.yaml:7:9 integer-key 8080",
        "overlay/kustomization.yaml:9:10 duplicate-key kind",
    ]


@pytest.mark.parametrize(
    "reference",
    [
        "https://example.com/pa.yaml",
        "HTTPS://example.com/pa.yaml",
        "http://example.com/pa.yaml",
        "https://github.com/example/policies//base?ref=main",
        "github.com/example/policies",
        "GitHub.com/example/policies/base",
        "github.com:example/policies",
        "git@github.com:example/policies.git",
        "git@example.com:policies.git//base",
        "ssh://git@example.com/policies",
        "git::https://example.com/policies",
        "file:///etc",
        "s3://bucket/base",
        "/etc",
        "/etc/hostname",
        "../..",
        "../../outside",
        "../base/../../outside",
    ],
)
@pytest.mark.parametrize("field", ["resources", "bases", "components", "crds", "configurations"])
def test_what_leads_out_is_refused_unfollowed(tmp_path: Path, field: str, reference: str) -> None:
    root = overlay(tmp_path / "root", f"{field}:\n  - {reference}\n")
    write_files(tmp_path, {"outside/kustomization.yaml": "resources: []\n"})

    assert survey(root) == [f"overlay/kustomization.yaml:2:5 remote-reference {reference}"]
    with pytest.raises(BuildError, match="not a file of this repository"):
        source.render(root, "overlay", cache=None)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("patches: [{path: ../../p.yaml}]\n", "1:12 remote-reference ../../p.yaml"),
        ("patchesStrategicMerge: [https://a/b]\n", "1:25 remote-reference https://a/b"),
        ("patchesJson6902: [{path: /p.yaml}]\n", "1:20 remote-reference /p.yaml"),
        ("replacements: [{path: ../../p}]\n", "1:17 remote-reference ../../p"),
        ("openapi: {path: ../../p}\n", "1:11 remote-reference ../../p"),
        (
            "configMapGenerator: [{name: a, files: [k=/etc/passwd]}]\n",
            "1:40 remote-reference /etc/passwd",
        ),
        ("secretGenerator: [{name: a, envs: [../../e]}]\n", "1:36 remote-reference ../../e"),
        ("secretGenerator: [{name: a, env: ../../e}]\n", "1:29 remote-reference ../../e"),
        ("helmCharts: [{name: a}]\n", "1:1 remote-reference the chart under helmCharts"),
        (
            "helmChartInflationGenerator: [{chartName: a}]\n",
            "1:1 remote-reference the chart under helmChartInflationGenerator",
        ),
        ("generators: [https://a/b]\n", "1:14 remote-reference https://a/b"),
        ("transformers: [x.yaml]\n", None),
        ("validators: [plugins]\n", None),
    ],
)
def test_every_field_is_followed(tmp_path: Path, text: str, place: str | None) -> None:
    plugin = "apiVersion: example.com/v1\nkind: Danger\nmetadata: {name: a}\n"
    root = overlay(
        tmp_path,
        text,
        **{
            "overlay/x.yaml": plugin,
            "overlay/plugins/kustomization.yaml": "resources: [y.yaml]\n",
            "overlay/plugins/y.yaml": plugin,
        },
    )
    found = [line for line in survey(root) if "orphan" not in line]

    if place:
        assert found == [f"overlay/kustomization.yaml:{place}"]
    else:
        assert [line.partition(" ")[2] for line in found] == ["remote-reference the plugin Danger"]


@pytest.mark.parametrize(
    ("plugin", "refused"),
    [
        ("apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: a}\n", False),
        ("apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: a}\n", True),
        ("apiVersion: example.com/v1\nkind: A\nmetadata: {name: a}\n", True),
        ("apiVersion: builtin\nkind: AList\nmetadata: {name: a}\nitems: [{kind: B}]\n", True),
        (
            (
                "apiVersion: builtin\nkind: A\nmetadata: {name: a, annotations: "
                "{config.kubernetes.io/function: 'exec: {path: ./run.sh}'}}\n"
            ),
            True,
        ),
    ],
)
@pytest.mark.parametrize("inline", [True, False])
def test_plugins_must_be_kustomize_s_own(
    tmp_path: Path, plugin: str, *, refused: bool, inline: bool
) -> None:
    indented = "".join(f"    {line}\n" for line in plugin.splitlines())
    entry = f"- |\n{indented}" if inline else "- plugin.yaml\n"
    files = {} if inline else {"overlay/plugin.yaml": plugin}
    root = overlay(tmp_path, f"resources: [../base]\ntransformers:\n{entry}", **files)

    assert any("remote-reference" in line for line in survey(root)) is refused


@pytest.mark.parametrize("key", ["path", "paths", "files"])
def test_a_plugin_of_kustomize_s_own_that_fetches_is_refused(tmp_path: Path, key: str) -> None:
    value = "https://a/b" if key == "path" else "[k=https://a/b]"
    root = overlay(
        tmp_path,
        "resources: [../base]\ntransformers: [x.yaml]\n",
        **{
            "overlay/x.yaml": (
                "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: a}\n"
                f"{key}: {value}\n"
            )
        },
    )

    (found,) = survey(root)
    assert found.endswith(
        "remote-reference the plugin PatchTransformer, which fetches https://a/b,"
    )


def test_a_plugin_that_is_a_resource_too_is_still_a_plugin(tmp_path: Path) -> None:
    root = overlay(
        tmp_path,
        "resources: [x.yaml]\ntransformers: [x.yaml]\n",
        **{"overlay/x.yaml": "apiVersion: example.com/v1\nkind: A\nmetadata: {name: a}\n"},
    )

    assert survey(root) == ["overlay/x.yaml:1:1 remote-reference the plugin A"]


def test_a_folder_of_plugins_that_is_a_base_too_is_still_one_of_plugins(tmp_path: Path) -> None:
    root = overlay(
        tmp_path,
        "resources: [../part]\ngenerators: [../part]\n",
        **{
            "part/kustomization.yaml": "resources: [x.yaml]\n",
            "part/x.yaml": "apiVersion: team/v1\nkind: Maker\nmetadata: {name: x}\n",
        },
    )
    assert survey(root) == ["part/x.yaml:1:1 remote-reference the plugin Maker"]


def test_links_out_of_the_repository_are_refused(tmp_path: Path) -> None:
    write_files(tmp_path, {"outside/kustomization.yaml": "resources: []\n", "outside/pa.yaml": PA})
    root = overlay(tmp_path / "root", "resources: [linked.yaml, ../folder]\n")
    (root / "overlay/linked.yaml").symlink_to(tmp_path / "outside/pa.yaml")
    (root / "folder").symlink_to(tmp_path / "outside")

    assert survey(root) == [
        "overlay/kustomization.yaml:1:13 remote-reference linked.yaml",
        "overlay/kustomization.yaml:1:26 remote-reference ../folder",
    ]


def test_an_overlay_that_is_a_link_out_is_not_built(tmp_path: Path) -> None:
    write_files(tmp_path, {"outside/kustomization.yaml": "resources: []\n"})
    root = overlay(tmp_path / "root", "resources: [../base]\n")
    (root / "linked").symlink_to(tmp_path / "outside")

    with pytest.raises(BuildError, match="no such folder in the repository"):
        source.render(root, "linked", cache=None)
    with pytest.raises(BuildError):
        source.render(root, "../outside", cache=None)


def test_a_linked_kustomization_is_refused(tmp_path: Path) -> None:
    write_files(tmp_path, {"outside/kustomization.yaml": "resources: []\n"})
    root = overlay(tmp_path / "root", "resources: [../base]\n")
    (root / "base/kustomization.yaml").unlink()
    (root / "base/kustomization.yaml").symlink_to(tmp_path / "outside/kustomization.yaml")

    assert "remote-reference" in survey(root)[0]


def test_links_within_the_repository_are_followed(tmp_path: Path) -> None:
    root = overlay(tmp_path, "resources: [../linked]\n")
    (root / "linked").symlink_to(root / "base")

    assert survey(root) == []
    assert len(source.render(root, "overlay", cache=None).resources) == 1
    assert {"linked", "base/pa.yaml"} <= source.inputs(root, "overlay")


def test_what_cannot_be_read_is_left_to_the_build(tmp_path: Path) -> None:
    root = overlay(tmp_path, "resources: [../base, ../gone]\n", **{"base/pa.yaml": "a: [\n"})

    assert survey(root) == []


# Manifests that nothing reaches


def test_a_manifest_beside_a_kustomization_that_does_not_name_it(tmp_path: Path) -> None:
    root = overlay(
        tmp_path,
        "resources: [../base]\n",
        **{
            "base/forgotten.yaml": PA,
            "base/deep/too.yml": PA,
            "base/values.yaml": "a: b\n",
            "base/.hidden.yaml": PA,
            "base/README.md": PA,
            "base/broken.yaml": "a: [\n",
            "base/own/kustomization.yaml": "resources: [x.yaml]\n",
            "base/own/x.yaml": PA,
        },
    )

    assert survey(root) == [
        "base/broken.yaml:1:1 orphan-file base/broken.yaml",
        "base/deep/too.yml:1:1 orphan-file base/deep/too.yml",
        "base/forgotten.yaml:1:1 orphan-file base/forgotten.yaml",
    ]


def test_folders_that_no_kustomization_reaches(tmp_path: Path) -> None:
    root = write_files(
        tmp_path,
        {
            "policies/a/kustomization.yaml": "resources: [pa.yaml]\n",
            "policies/a/pa.yaml": PA,
            "policies/a/left.yaml": PA,
            "policies/b/kustomization.yaml": "resources: [pa.yaml]\n",
            "policies/b/pa.yaml": PA,
            "policies/loose.yaml": PA,
            "overlays/dev/kustomization.yaml": "resources: [../../policies/a]\n",
            "overlays/old/kustomization.yaml": (
                "resources: [../../policies/b]\npatches: [{path: p.yaml}]\n"
            ),
            "overlays/old/p.yaml": PA,
            "inventory/dev/pa.yaml": PA,
        },
    )
    found = source.survey_repository(root, ["overlays/dev"])

    # What a kustomization of no environment reaches is somebody's.
    assert [d.position.file for d in found] == ["policies/loose.yaml"]
    assert told(source.survey(root, "overlays/dev")) == [
        "policies/a/left.yaml:1:1 orphan-file policies/a/left.yaml"
    ]
    assert told(source.survey_repository(root, ["overlays/dev", "overlays/old"])) == [
        "policies/loose.yaml:1:1 orphan-file policies/loose.yaml"
    ]


# What a build depends on


def test_inputs_are_every_file_and_what_could_take_its_place(tmp_path: Path) -> None:
    root = overlay(
        tmp_path,
        "resources: [../base, ../later]\ncomponents: [../part]\npatches: [{path: p.yaml}]\n"
        "configMapGenerator: [{name: a, files: [k=f.txt]}]\n",
        **{
            "part/kustomization.yaml": COMPONENT + "resources: [x.yaml]\n",
            "part/x.yaml": PA,
            "overlay/p.yaml": PA,
            "overlay/f.txt": "text",
            "other/kustomization.yaml": "resources: []\n",
        },
    )
    found = source.inputs(root, "overlay")

    assert {
        "base/kustomization.yaml",
        "base/kustomization.yml",
        "base/pa.yaml",
        "later",
        "later/kustomization.yaml",
        "overlay/f.txt",
        "overlay/kustomization.yaml",
        "overlay/p.yaml",
        "part/kustomization.yaml",
        "part/x.yaml",
    } <= found
    assert not [name for name in found if name.startswith(("other", "/"))]
    assert "gone/kustomization.yaml" in source.inputs(root, "gone")
