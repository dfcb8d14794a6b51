"""Charts as sources: where they land, what they get, how they fail."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from meshgate import source
from meshgate.errors import BuildError, ToolError
from meshgate.model.sources import HelmChart, ManifestSources
from source_files import (
    CHART,
    HELM,
    PA,
    place,
    rendered,
    write,
)

pytestmark = pytest.mark.sampled(every=2)


def test_a_chart_lands_in_the_namespace_of_its_release_and_places_are_those_to_edit(
    tmp_path: Path,
) -> None:
    write(
        tmp_path,
        {
            "chart/Chart.yaml": CHART.format(name="shop")
            + "dependencies:\n- {name: store, version: 0.1.0, alias: db}\n",
            "chart/values.yaml": "mode: PERMISSIVE\n",
            "prod.yaml": "policy:\n  tls:\n    mode: DISABLE\ndb:\n  mode: DISABLE\n",
            "chart/charts/store/Chart.yaml": CHART.format(name="store"),
            "chart/charts/store/values.yaml": "mode: STRICT\n",
            "chart/charts/store/templates/pa.yaml": """\
                apiVersion: security.istio.io/v1
                kind: PeerAuthentication
                metadata: {name: store}
                spec:
                  mtls:
                    mode: {{ .Values.mode }}
                """,
            "chart/templates/all.yaml": """\
                {{- if true }}
                apiVersion: security.istio.io/v1
                kind: PeerAuthentication
                metadata:
                  name: web
                spec:
                  mtls:
                    mode: {{ .Values.mode | quote }}
                ---
                apiVersion: networking.istio.io/v1
                kind: DestinationRule
                metadata:
                  name: all
                spec:
                  host: "*.{{ .Release.Namespace }}.svc.cluster.local"
                  trafficPolicy: {{- toYaml .Values.policy | nindent 4 }}
                {{- end }}
                """,
            "chart/templates/NOTES.txt": "hello",
        },
    )
    stated = ManifestSources(
        helm=HelmChart(chart="chart", values=("prod.yaml",), release="r", namespace="shop")
    )

    build = rendered(tmp_path, stated)

    assert {each.name: each.namespace for each in build.resources} == dict.fromkeys(
        ("web", "all", "store"), "shop"
    )
    assert place(tmp_path, build, "web", "spec.mtls.mode") == "chart/values.yaml:1"
    assert place(tmp_path, build, "store", "spec.mtls.mode") == "prod.yaml:5"
    assert place(tmp_path, build, "all", "spec.trafficPolicy.tls.mode") == "prod.yaml:3"
    assert place(tmp_path, build, "all", "spec.host") == "chart/templates/all.yaml:15"
    assert place(tmp_path, build, "all", "metadata.name") == "chart/templates/all.yaml:13"
    assert {"prod.yaml", "chart/templates/all.yaml"} <= source.inputs(tmp_path, stated.sources)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (
            {"chart/templates/a.yaml": "kind: A\nname: {{ .Values.a.b }}\n"},
            ["chart/templates/a.yaml:2", "nil pointer", "give the value that is missing"],
        ),
        ({"chart/templates/a.yaml": "a: {{ if }}\n"}, ["chart/templates/a.yaml:1"]),
        ({"chart/templates/a.yaml": "a: b: c\n"}, ["chart/templates/a.yaml", "does not render"]),
        (
            {"chart/templates/a.yaml": '{{ required "host is needed" .Values.host }}\n'},
            ["host is needed", "give the value that is missing"],
        ),
        (
            {
                "chart/Chart.yaml": CHART.format(name="shop")
                + "dependencies: [{name: redis, version: 1.0.0, repository: 'https://x.example'}]"
            },
            ["not in its charts/: redis", "helm dependency build chart"],
        ),
        (
            {
                "chart/values.schema.json": '{"required": ["host"]}',
                "chart/templates/a.yaml": "a: b\n",
            },
            ["host", "values.schema.json"],
        ),
        ({"chart/templates/a.yaml": "just: text\n"}, ["no Kubernetes object"]),
        ({"chart/charts/x-1.tgz": "no archive"}, ["is no archive of a chart"]),
        ({"chart/Chart.yaml": "[]\n"}, ["chart/Chart.yaml is not one mapping"]),
        ({"chart/templates/a.yaml": '{{ env "HOME" }}\n'}, ['"env" not defined']),
    ],
    ids=[
        *("nil", "syntax", "no-yaml", "required", "dependency", "values-schema", "no-object"),
        *("archive", "description", "env"),
    ],
)
def test_a_chart_that_does_not_render_is_told_with_its_place_and_the_way_out(
    tmp_path: Path, files: dict[str, str], words: list[str]
) -> None:
    write(tmp_path, {"chart/Chart.yaml": CHART.format(name="shop"), **files})

    with pytest.raises(BuildError) as caught:
        rendered(tmp_path, HELM)

    for word in words:
        assert word in str(caught.value)
    assert "meshgate-" not in str(caught.value)


def test_a_chart_gets_nothing_of_the_machine_and_nothing_of_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = tmp_path / "plugins" / "evil"
    write(plugin, {"plugin.yaml": "name: evil\nversion: 0.1.0\ncommand: touch ran\n"})
    monkeypatch.setenv("HELM_PLUGINS", str(plugin.parent))
    monkeypatch.setenv("HELM_KUBECONTEXT", "prod")
    asks = (
        '{{ lookup "v1" "Secret" "shop" "a" | toJson }}{{ getHostByName "localhost" }}'
        '{{ .Files.Get "../../secret" }}{{ .Capabilities.KubeVersion.Minor }}'
    )
    write(
        tmp_path,
        {
            "secret": "secret",
            "chart/Chart.yaml": CHART.format(name="shop"),
            "chart/templates/a.yaml": PA.format(name="a", mode="STRICT")
            + f"# \n---\nkind: ConfigMap\napiVersion: v1\nmetadata: {{name: b}}\n"
            f"data: {{a: '{asks}'}}\n",
        },
    )

    build = rendered(tmp_path, HELM)

    (made,) = [each.value["data"]["a"] for each in build.resources if each.kind == "ConfigMap"]
    assert made == "{}37"
    assert [each.kind for each in build.record.defects] == ["unsettled-template"] * 2


@pytest.mark.parametrize(
    "text",
    [
        '{{ range until 900000000 }}{{ repeat 100000 "x" }}{{ end }}',
        '{{ range $i := until 300000 }}---\n{{ repeat 1000 "x" }}: 1\n{{ end }}',
    ],
    ids=["memory", "output"],
)
def test_a_chart_without_end_ends(
    tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from meshgate.process import Limits  # noqa: PLC0415 - smaller than the real ones, for speed
    from meshgate.source.charts import rendering  # noqa: PLC0415

    monkeypatch.setattr(rendering, "LIMITS", Limits(memory=2 << 30, output=1 << 20))
    monkeypatch.setattr(rendering, "TIMEOUT", 20.0)
    write(
        tmp_path,
        {"chart/Chart.yaml": CHART.format(name="shop"), "chart/templates/a.yaml": text},
    )

    with pytest.raises((BuildError, ToolError)) as caught:
        rendered(tmp_path, HELM)

    assert "does not render within" in str(caught.value) or "did not end" in str(caught.value)


def test_without_helm_the_way_to_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    write(tmp_path, {"chart/Chart.yaml": CHART.format(name="shop")})

    with pytest.raises(ToolError) as caught:
        rendered(tmp_path, HELM)

    assert caught.value.exit_code == 4
    assert "nox -s tools" in str(caught.value)
    assert os.environ["PATH"] == str(tmp_path)


def test_packaged_charts_and_crds_are_part_of_the_render(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "chart/Chart.yaml": CHART.format(name="shop"),
            "chart/crds/robots.yaml": """\
                apiVersion: apiextensions.k8s.io/v1
                kind: CustomResourceDefinition
                metadata: {name: robots.example.com}
                spec: {group: example.com, scope: Cluster, names: {kind: Robot, plural: robots}}
                """,
            "chart/templates/robot.yaml": "apiVersion: example.com/v1\nkind: Robot\n"
            "metadata: {name: one}\n",
        },
    )
    files = {
        "store/Chart.yaml": CHART.format(name="store"),
        "store/templates/a.yaml": PA.format(name="store", mode="STRICT"),
        "store/templates/_secret.tpl": "{{ uuidv4 }}",
    }
    (tmp_path / "chart" / "charts").mkdir()
    with tarfile.open(tmp_path / "chart/charts/store-0.1.0.tgz", "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))

    build = rendered(tmp_path, HELM)

    assert {each.kind: each.namespace for each in build.resources} == {
        "CustomResourceDefinition": None,
        # Its own CRD says that it has no namespace.
        "Robot": None,
        "PeerAuthentication": "shop",
    }
    assert place(tmp_path, build, "store", "spec.mtls.mode") == "chart/charts/store-0.1.0.tgz:1"
    assert place(tmp_path, build, "one", "metadata.name") == "chart/templates/robot.yaml:3"
    (defect,) = build.record.defects
    assert defect.why == "`uuidv4` in store/templates/_secret.tpl, line 1, is made by chance"


def test_an_archive_of_zeros_is_no_chart(tmp_path: Path) -> None:
    write(tmp_path, {"chart/Chart.yaml": CHART.format(name="shop"), "chart/charts/x.yaml": ""})
    with tarfile.open(tmp_path / "chart/charts/zeros-1.tgz", "w:gz") as archive:
        member = tarfile.TarInfo("zeros/templates/a.yaml")
        member.size = 80 << 20
        archive.addfile(member, io.BytesIO(bytes(member.size)))

    with pytest.raises(BuildError, match="holds more than 64 MiB"):
        rendered(tmp_path, HELM)
