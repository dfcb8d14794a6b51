"""Trees of other shapes become policy repositories, and are adopted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from meshgate import config
from meshgate.promotion.release import Releases
from meshgate.repository import Repository
from promoted import git
from tree_manifests import (
    APPLICATION,
    CHART,
    POLICY,
    SHAPES,
    TOP_POLICY,
    clone,
    run,
)

pytestmark = pytest.mark.sampled(every=2)


@pytest.fixture(params=SHAPES)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return clone(str(request.param), tmp_path)


KUSTOMIZATION = """\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: {name}, namespace: flux-system}}
spec: {{path: ./{path}, sourceRef: {{kind: GitRepository, name: home}}}}
"""
GENERATED = """\
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: web, namespace: argocd}
spec:
  goTemplate: true
  generators:
    - matrix:
        generators:
          - git: {repoURL: x, revision: main, files: [{path: "clusters/*/config.json"}]}
          - list: {elements: [{app: web}]}
  template:
    metadata: {name: "{{.app}}-{{.cluster.name}}"}
    spec:
      source: {repoURL: x, path: "apps/{{.app}}/{{.cluster.env}}"}
      destination: {name: "{{.cluster.name}}", namespace: shop}
"""
BUILT = "resources: [a.yaml]\n"
APPS, ENVS = ("web", "cart"), ("dev", "prd")


# Further trees, each with the environments that are proposed.
TREES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "a matrix of files and a list": (
        {
            "appset.yaml": GENERATED,
            **{
                f"clusters/{env}-1/config.json": json.dumps({"cluster": {"name": env, "env": env}})
                for env in ENVS
            },
            **{f"apps/web/{env}/kustomization.yaml": BUILT for env in ENVS},
            **{f"apps/web/{env}/a.yaml": POLICY for env in ENVS},
        },
        {"dev": "apps/web/dev", "prd": "apps/web/prd"},
    ),
    "one cluster, and a Flux object an application": (
        {
            **{
                f"apps/{name}/ks.yaml": KUSTOMIZATION.format(name=name, path=f"apps/{name}/default")
                for name in APPS
            },
            **{f"apps/{name}/default/a.yaml": POLICY.replace("shop", name) for name in APPS},
            **{f"apps/{name}/default/kustomization.yaml": BUILT for name in APPS},
        },
        {"default": "apps/cart/default and apps/web/default"},
    ),
    "a chart, its library, and values elsewhere": (
        {
            "charts/common/Chart.yaml": CHART + "type: library\n",
            "charts/common/templates/_x.tpl": '{{ define "x" }}{{ end }}',
            "charts/shop/Chart.yaml": CHART,
            "charts/shop/templates/a.yaml": POLICY.replace("STRICT", "{{ .Values.mode }}"),
            "environments/qa/values.yaml": "mode: STRICT\n",
            "environments/values.live.yaml": "mode: STRICT\n",
        },
        {"qa": "the chart charts/shop", "live": "the chart charts/shop"},
    ),
    "overlays of clusters by other names": (
        {
            "base/a.yaml": POLICY,
            "base/kustomization.yaml": BUILT,
            "clusters/eu-west/kustomization.yaml": "resources: [../../base]\n",
            "clusters/us-east/kustomization.yaml": "resources: [../../base]\nnamespace: us\n",
        },
        {"eu-west": "clusters/eu-west", "us-east": "clusters/us-east"},
    ),
    "applications in folders, for clusters with labels": (
        {
            "appset.yaml": """\
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: all, namespace: argocd}
spec:
  goTemplate: true
  generators:
    - matrix:
        generators:
          - git:
              repoURL: x
              directories: [{path: "apps/*"}, {path: apps/old, exclude: true}]
          - clusters:
              selector: {matchExpressions: [{key: env, operator: In, values: [dev, prd]}]}
  template:
    metadata: {name: "{{.path.basename}}-{{.name}}"}
    spec:
      source: {repoURL: x, path: '{{.path.path}}/{{index .metadata.labels "env"}}'}
      destination: {name: "{{.name}}", namespace: shop}
""",
            **{
                f"clusters/{env}.yaml": "apiVersion: v1\nkind: Secret\nmetadata:\n"
                f"  name: {env}-1\n  namespace: argocd\n  labels: {{env: {env}, "
                "argocd.argoproj.io/secret-type: cluster}\n"
                for env in (*ENVS, "lab")
            },
            **{f"apps/{app}/{env}/a.yaml": POLICY for app in ("web", "old") for env in ENVS},
            **{f"apps/{app}/{env}/kustomization.yaml": BUILT for app in ("web",) for env in ENVS},
        },
        {"dev": "apps/web/dev", "prd": "apps/web/prd"},
    ),
    "values by other names, and a chart beside": (
        {
            "deploy/all/Chart.yaml": CHART + "dependencies: [{name: web, version: 0.1.0}]\n",
            "deploy/all/charts/web/Chart.yaml": CHART.replace("shop", "web"),
            "deploy/all/charts/web/templates/a.yaml": POLICY.replace(
                "STRICT", "{{ .Values.mode }}"
            ),
            "config/stage/overrides.yaml": "web: {mode: PERMISSIVE}\n",
            "config/prod/overrides.yaml": "web: {mode: STRICT}\n",
            "config/prod/dashboard.yaml": "panels: []\n",
        },
        dict.fromkeys(("stage", "prod"), "the chart deploy/all"),
    ),
    "clusters of Flux with their variables": (
        {
            **{
                f"clusters/{env}/{file}.yaml": text
                for env in ENVS
                for file, text in {
                    "apps": KUSTOMIZATION.format(name="apps", path=f"apps/{env}").replace(
                        "spec: {",
                        "spec: {postBuild: {substituteFrom: [{kind: ConfigMap, "
                        "name: vars}]}, dependsOn: [{name: infra}], ",
                    ),
                    "flux": KUSTOMIZATION.format(name="flux-system", path=f"clusters/{env}"),
                    "vars": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: vars}\n"
                    "data: {MODE: STRICT}\n",
                    "secret": "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nsops: {}\n",
                }.items()
            },
            **{f"apps/{env}/kustomization.yaml": BUILT for env in ENVS},
            **{f"apps/{env}/a.yaml": POLICY.replace("STRICT", '"${MODE}"') for env in ENVS},
        },
        {"dev": "apps/dev", "prd": "apps/prd"},
    ),
    "a name with spaces": (
        {"über lays/prod env/a.yaml": POLICY, "über lays/prod env/kustomization.yaml": BUILT},
        {"prod": "über lays/prod env"},
    ),
    "a kustomization at the top": (
        {"kustomization.yaml": "resources: [deploy/a.yaml]\n", "deploy/a.yaml": POLICY},
        {"default": "at the top of the repository"},
    ),
    "a chart at the top, and applications of it": (
        {
            "Chart.yaml": CHART,
            "values.yaml": "mode: STRICT\n",
            "values-qa.yaml": "mode: PERMISSIVE\n",
            "templates/a.yaml": POLICY.replace("STRICT", "{{ .Values.mode }}"),
            "argocd/live.yaml": APPLICATION.format(name="live", path=".", more=""),
            "src/main.go": "package main\n",
        },
        {"live": "the chart at the top of the repository"},
    ),
    "a chart at the top alone": (
        {
            "Chart.yaml": CHART,
            "templates/a.yaml": POLICY.replace("STRICT", "{{ .Values.mode }}"),
            "values-qa.yaml": "mode: PERMISSIVE\n",
            "values-live.yaml": "mode: STRICT\n",
        },
        dict.fromkeys(("qa", "live"), "the chart at the top of the repository"),
    ),
    "Flux that syncs a kustomization at the top": (
        {
            "kustomization.yaml": "resources: [a.yaml]\n",
            "a.yaml": POLICY,
            "flux/prod.yaml": KUSTOMIZATION.format(name="prod", path=""),
        },
        {"prod": "at the top of the repository"},
    ),
    "policies in one folder and nothing else": (
        {"policy/a.yaml": POLICY, "docs/example.json": "{}"},
        {"default": "policy"},
    ),
}


@pytest.mark.parametrize("name", TREES)
def test_trees_of_other_shapes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    files, environments = TREES[name]
    for file, text in files.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)

    assert run(tmp_path, "init", "--here", "--yes") == 0

    shown = capsys.readouterr().out
    assert [each.name for each in config.load(tmp_path).environments] == [*environments]
    assert all(f"Environment {name}: {sources}" in shown for name, sources in environments.items())
    assert run(tmp_path, "validate") == 0


def test_one_file_at_the_top_is_an_environment(tmp_path: Path) -> None:
    (tmp_path / "mesh.yaml").write_text(TOP_POLICY)

    assert run(tmp_path, "init", "--here", "--yes") == 0
    assert "manifests: mesh.yaml" in (tmp_path / "environments.yaml").read_text()
    assert run(tmp_path, "validate") == 0


def test_several_files_at_the_top_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("mesh.yaml", "other.yaml"):
        (tmp_path / name).write_text(TOP_POLICY)

    assert run(tmp_path, "init", "--here", "--yes") == 5
    said = capsys.readouterr().out
    assert "2 files of manifests lie at the top, such as mesh.yaml" in said
    assert "`meshgate lint .`" in said


@pytest.mark.parametrize("kind", ["kustomization", "chart"])
def test_the_top_is_promoted_like_any_folder(tmp_path: Path, kind: str) -> None:
    files, _ = TREES[f"a {kind} at the top" + (" alone" if kind == "chart" else "")]
    for file, text in files.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    git(tmp_path, "init", "--quiet", "-b", "main")
    assert run(tmp_path, "init", "--here", "--yes") == 0
    environments = tmp_path / "environments.yaml"
    pin = "mode: pinned\n    gates: []\n    gatesWaived: first"
    environments.write_text(environments.read_text().replace("mode: floating", pin, 1))
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "-m", "meshgate")
    (environment, *_) = config.load(tmp_path).environments

    assert run(tmp_path, "adopt", environment.name, "--direct") == 0

    removed = tmp_path / ("templates/a.yaml" if kind == "chart" else "deploy/a.yaml")
    removed.unlink()
    assert run(tmp_path, "validate", "--changed-since", "HEAD") != 0
    git(tmp_path, "checkout", "--quiet", "--", ".")
    # What promotion writes is no part of what releases are made of.
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "README.md").write_text("x")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "-m", "beside")
    with Repository(tmp_path) as repository:
        first, last = (Releases(repository, at).newest().id for at in ("main~2", "main"))
    assert first == last
    assert run(tmp_path, "audit", "--deep") == 0
    assert "/./" not in (tmp_path / ".github" / "CODEOWNERS").read_text()


PINNED = "mode: pinned\n    gates: []\n    gatesWaived: the first environment that is pinned"


# What a person adds beside it, as `adopt --plan` says.
ADOPTED = {
    "applications in folders, for clusters with labels": "",
    "values by other names, and a chart beside": "",
    "clusters of Flux with their variables": "\n    substitute: {MODE: STRICT}",
    "a name with spaces": "",
}


@pytest.mark.parametrize("name", ADOPTED)
def test_trees_of_other_shapes_are_adopted(tmp_path: Path, name: str) -> None:
    files, environments = TREES[name]
    for file, text in files.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    git(tmp_path, "init", "--quiet", "-b", "main")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "-m", "start")
    first = next(iter(environments))

    assert run(tmp_path, "init", "--here", "--yes") == 0
    assert run(tmp_path, "validate") == 0
    assert not git(tmp_path, "diff", "--stat", "HEAD")
    entries = tmp_path / "environments.yaml"
    entries.write_text(entries.read_text().replace("mode: floating", PINNED + ADOPTED[name], 1))
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "-m", "pinned")
    assert run(tmp_path, "adopt", first, "--plan") == 0
    assert run(tmp_path, "adopt", first, "--direct") == 0
    assert run(tmp_path, "audit", "--deep") == 0

    rendered = [each.read_text() for each in (tmp_path / "rendered" / first).rglob("*.yaml")]
    assert rendered
    assert not any("${" in text or "{{" in text for text in rendered)
