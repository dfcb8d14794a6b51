"""Overlays, plain manifests and charts of one environment, through the commands that read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshgate import source
from meshgate.errors import BuildError, UsageError
from meshgate.model.sources import HelmChart, ManifestSources, sources_of
from meshgate.tools import installed
from source_files import (
    CHART,
    HELM,
    PA,
    place,
    rendered,
    write,
)

pytestmark = pytest.mark.sampled(every=2)


@pytest.fixture(scope="module", autouse=True)
def helm() -> Path:
    return installed("helm")


@pytest.mark.parametrize(
    "stated",
    [
        ManifestSources(overlay="overlays/prod"),
        ManifestSources(overlay='{"helm": {"chart": "x"}}'),
        ManifestSources(overlays=("a", "b")),
        ManifestSources(manifests="out"),
        ManifestSources(helm=HelmChart(chart="c", values=("v.yaml",), release="r", namespace="n")),
    ],
    ids=lambda stated: stated.sources,
)
def test_the_text_of_sources_says_all_of_them(stated: ManifestSources) -> None:
    assert sources_of(stated.sources) == stated


def test_several_overlays_are_one_environment_and_an_object_in_two_is_in_it_twice(
    tmp_path: Path,
) -> None:
    for folder, names in (("a", "ab"), ("b", "bc")):
        kustomization = "resources: [" + ", ".join(f"{name}.yaml" for name in names) + "]\n"
        write(tmp_path, {f"{folder}/kustomization.yaml": kustomization})
        for name in names:
            write(tmp_path, {f"{folder}/{name}.yaml": PA.format(name=name, mode="STRICT")})

    build = rendered(tmp_path, ManifestSources(overlays=("a", "b")))

    assert [each.name for each in build.resources] == ["a", "b", "b", "c"]
    assert source.inputs(tmp_path, ManifestSources(overlays=("a", "b")).sources) >= {
        "a/a.yaml",
        "b/c.yaml",
    }


def test_manifests_are_read_as_they_are_and_notes_are_passed_over(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "out/a.yaml": PA.format(name="a", mode="STRICT"),
            "out/deep/b.yml": PA.format(name="b", mode="STRICT"),
            "out/README.md": "# what this is\n",
            "out/.hidden.yaml": "no: manifest\n",
        },
    )

    build = rendered(tmp_path, ManifestSources(manifests="out"))

    assert [each.name for each in build.resources] == ["a", "b"]
    assert place(tmp_path, build, "b", "spec.mtls.mode") == "out/deep/b.yml:4"
    assert rendered(tmp_path, ManifestSources(manifests="out/a.yaml")).resources[0].name == "a"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"out/values.yaml": "replicas: 2\n"}, "no Kubernetes object"),
        ({"out/kustomization.yaml": "resources: [a.yaml]\n"}, "write `overlay: out`"),
        ({"out/a.yaml": "a: {{ .Values.b }}\n"}, "out/a.yaml"),
        ({"other/a.yaml": ""}, "no such folder or file"),
    ],
    ids=["values", "kustomization", "template", "missing"],
)
def test_manifests_that_no_cluster_would_take_are_refused(
    tmp_path: Path, files: dict[str, str], words: str
) -> None:
    write(tmp_path, files)

    with pytest.raises(BuildError) as caught:
        rendered(tmp_path, ManifestSources(manifests="out"))

    assert words in str(caught.value)


@pytest.mark.parametrize("folder", ["out", "chart"])
def test_a_link_in_a_folder_of_manifests_or_of_a_chart_is_never_followed(
    tmp_path: Path, folder: str
) -> None:
    write(tmp_path, {"secret": "kind: Secret\n", f"r/{folder}/Chart.yaml": CHART.format(name="c")})
    (tmp_path / "r" / folder / "x.yaml").symlink_to(tmp_path / "secret")
    stated = HELM if folder == "chart" else ManifestSources(manifests=folder)

    with pytest.raises(BuildError, match=r"x\.yaml is a link"):
        rendered(tmp_path / "r", stated)


SOURCES = {
    "two": ("    overlay: a\n    manifests: a\n", "`overlay` and `manifests` both say"),
    "none": ("    mode: floating\n", "`overlay` is missing"),
    "twice": ("    overlays: [a, ./a/]\n", "has the overlay './a/' twice"),
    "out": ("    manifests: ../a\n", "is not inside this repository"),
    "own-output": ("    manifests: rendered/prod\n", "which meshgate writes"),
    "no-chart": ("    helm: {values: [v.yaml]}\n", "`helm.chart` is missing"),
    "not-a-chart": ("    helm: {chart: a}\n", "has no Chart.yaml"),
    "no-values": ("    helm: {chart: chart, values: [v.yaml]}\n", "'v.yaml' is no file"),
    "values-out": ("    helm: {chart: chart, values: [/etc/passwd]}\n", "is not inside"),
    "one-source": (
        "    overlay: a\n  - name: edge\n    overlay: a\n",
        "edge is built from the same as prod, and both follow main",
    ),
    "unknown-key": ("    helm: {chart: chart, valuesFiles: [v.yaml]}\n", "did you mean `values`?"),
}


@pytest.mark.parametrize("name", SOURCES)
def test_sources_that_lead_nowhere_are_refused_with_the_line(tmp_path: Path, name: str) -> None:
    from meshgate import config  # noqa: PLC0415 - only here

    text, words = SOURCES[name]
    write(
        tmp_path,
        {
            "environments.yaml": "environments:\n  - name: prod\n" + text,
            "a/kustomization.yaml": "resources: []\n",
            "chart/Chart.yaml": CHART.format(name="c"),
            "rendered/prod/a.yaml": "",
        },
    )

    with pytest.raises(UsageError) as caught:
        config.load(tmp_path)

    assert words in str(caught.value)
    assert str(caught.value).startswith("environments.yaml:")
