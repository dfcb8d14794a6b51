"""Repositories of six shapes become policy repositories: two commands, and no file is moved."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from meshgate import config
from meshgate.cli import main
from meshgate.promotion.release import Releases
from meshgate.repository import Repository
from promoted import git

pytestmark = pytest.mark.sampled(every=2)

REPOSITORIES = Path(__file__).parent / "repositories"
SHAPES = sorted(each.name for each in REPOSITORIES.iterdir())
# What is proposed of each: environments with their sources, how many findings go into the baseline.
EXPECTED = {
    "argocd-kustomize": (
        {
            "staging": "apps/shop/overlays/staging and platform/mesh/overlays/staging",
            "prod": "apps/shop/overlays/prod and platform/mesh/overlays/prod",
        },
        10,
    ),
    "flux-substitution": ({"staging": "apps/staging", "production": "apps/production"}, 4),
    "helm-umbrella": (
        {"staging": "the chart charts/platform", "prod": "the chart charts/platform"},
        2,
    ),
    "kubebuilder": ({"default": "config/default"}, 2),
    "name-suffix": (
        {"staging": "deploy/overlays/staging", "production": "deploy/overlays/production"},
        8,
    ),
    "rendered-manifests": ({"staging": "manifests/staging", "prod": "manifests/prod"}, 7),
}


@pytest.fixture(params=SHAPES)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return clone(str(request.param), tmp_path)


def clone(shape: str, tmp_path: Path) -> Path:
    """The repository of a shape, as it is cloned."""
    folder = tmp_path / shape
    shutil.copytree(REPOSITORIES / shape, folder)
    git(folder, "init", "--quiet", "-b", "main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "start")
    return folder


def run(folder: Path, *arguments: str) -> int:
    return main(["-C", str(folder), *arguments])


def test_from_clone_to_a_green_validate(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    environments, findings = EXPECTED[folder.name]

    assert run(folder, "init", "--here", "--yes") == 0
    shown = capsys.readouterr().out
    assert run(folder, "validate", "--format", "json") == 0

    report = json.loads(capsys.readouterr().out)
    for name, sources in environments.items():
        assert f"Environment {name}: {sources}" in shown
    assert [each["environment"] for each in report["summary"]["environments"]] == [*environments]
    assert all(each["policies"] for each in report["summary"]["environments"])
    assert report["summary"]["baseline"] == findings
    # Nothing that was there is another now.
    assert not git(folder, "diff", "--stat", "HEAD")
    assert f"{findings} go into baseline.yaml" in shown


def test_a_second_run_has_nothing_new(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(folder, "init", "--here", "--yes")
    before = git(folder, "status", "--short", "--untracked-files=all")
    capsys.readouterr()

    assert run(folder, "init", "--here", "--yes") == 0

    shown = capsys.readouterr().out
    assert "Environment" not in shown
    assert "Nothing is new." in shown or "is there and is not touched" in shown
    assert git(folder, "status", "--short", "--untracked-files=all") == before


def test_a_new_finding_fails_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = clone("rendered-manifests", tmp_path)
    run(folder, "init", "--here", "--yes")
    policy = folder / "manifests" / "prod" / "shop" / "peerauthentication.yaml"
    policy.write_text(
        "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n"
        "metadata: {name: default, namespace: shop}\nspec: {mtls: {mode: DISABLE}}\n"
    )

    assert run(folder, "validate", "prod") == 1
    assert "manifests/prod/shop/peerauthentication.yaml:4" in capsys.readouterr().out


def test_nothing_is_written_that_nobody_asked_for(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, "init", "--here") == 0

    assert "--yes writes these files" in capsys.readouterr().out
    assert not git(folder, "status", "--short")


def test_what_comes_later_is_proposed_beside_what_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = clone("rendered-manifests", tmp_path)
    run(folder, "init", "--here", "--yes")
    environments = (folder / "environments.yaml").read_text()
    shutil.copytree(folder / "manifests" / "prod", folder / "manifests" / "qa")
    capsys.readouterr()

    assert run(folder, "init", "--here", "--yes") == 0

    shown = capsys.readouterr().out
    assert "Environment qa: manifests/qa" in shown
    assert "+  - name: qa" in shown
    assert "Environment prod" not in shown
    assert (folder / "environments.yaml").read_text() == environments
    assert (folder / "waivers" / "qa.yaml").is_file()


APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: {name}, namespace: argocd}}
spec:
  source: {{repoURL: https://git.example.com/x.git, path: {path}{more}}}
  destination: {{namespace: shop}}
"""
POLICY = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
"""
CHART = "apiVersion: v2\nname: shop\nversion: 0.1.0\n"
TROUBLE = {
    "applications in a circle": (
        {
            "argocd/a/one.yaml": APPLICATION.format(name="one", path="argocd/b", more=""),
            "argocd/b/two.yaml": APPLICATION.format(name="two", path="argocd/a", more=""),
        },
        "lead round in a circle",
    ),
    "application of itself": (
        {"argocd/one.yaml": APPLICATION.format(name="one", path="argocd", more="")},
        "one (argocd/one.yaml) -> one (argocd/one.yaml)",
    ),
    "missing file of values": (
        {
            "charts/shop/Chart.yaml": CHART,
            "argocd/shop-prod.yaml": APPLICATION.format(
                name="shop-prod", path="charts/shop", more=", helm: {valueFiles: [prod.yaml]}"
            ),
        },
        "names the file of values charts/shop/prod.yaml: not there",
    ),
    "an application of every manifest": (
        {"argocd/all.yaml": APPLICATION.format(name="all", path=".", more="")},
        "syncs every manifest of the repository",
    ),
    "another repository": (
        {"argocd/prod.yaml": APPLICATION.format(name="prod", path="deploy", more="")},
        "there is no such folder here",
    ),
    "a folder that an ApplicationSet leaves out": (
        {
            "set.yaml": "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\n"
            "metadata: {name: all}\nspec:\n  generators: [{git: {directories: [{path: 'apps/*'}, "
            "{path: apps/old, exclude: true}]}}]\n"
            "  template: {metadata: {name: x}, spec: {source: {path: '{{path}}'}}}\n",
            "apps/old/kustomization.yaml": "resources: [a.yaml]\n",
            "apps/old/a.yaml": POLICY,
        },
        "apps/old is left out by ApplicationSet all",
    ),
    "an application that patches": (
        {
            "deploy/kustomization.yaml": "resources: [a.yaml]\n",
            "deploy/a.yaml": POLICY.replace("shop", "bank"),
            "argocd/qa.yaml": APPLICATION.format(
                name="qa", path="deploy", more=", kustomize: {namePrefix: x-, patches: [{}]}"
            ),
        },
        "changes what the folder builds (namePrefix, patches)",
    ),
    "an application of a plugin": (
        {
            "deploy/a.yaml": POLICY.replace("shop", "bank"),
            "argocd/qa.yaml": APPLICATION.format(
                name="qa", path="deploy", more=", plugin: {name: tanka}"
            ),
        },
        "built by a plugin",
    ),
    "an application of one level": (
        {
            "deploy/a.yaml": POLICY.replace("shop", "bank"),
            "deploy/inner/b.yaml": POLICY.replace("shop", "cafe"),
            "argocd/qa.yaml": APPLICATION.format(
                name="qa", path="deploy", more=", directory: {exclude: x}"
            ),
        },
        "none of the folders in it, such as deploy/inner",
    ),
    "Flux that moves it to a namespace": (
        {
            "deploy/kustomization.yaml": "resources: [a.yaml]\n",
            "deploy/a.yaml": POLICY.replace("shop", "bank"),
            "flux/qa.yaml": "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n"
            "metadata: {name: qa}\nspec: {path: ./deploy, targetNamespace: other}\n",
        },
        "changes what the folder builds (targetNamespace)",
    ),
    "several files of values": (
        {
            "charts/shop/Chart.yaml": CHART,
            "charts/shop/templates/a.yaml": POLICY.replace("shop", "bank"),
            "charts/shop/values-qa.yaml": "a: b\n",
            "values/qa/values.yaml": "a: c\n",
        },
        "correct their order in `helm.values`",
    ),
    "values of another chart": (
        {
            "charts/shop/Chart.yaml": CHART,
            "charts/shop/values-qa.yaml": "a: b\n",
            "charts/shop/templates/a.yaml": POLICY.replace("shop", "bank"),
            "charts/web/Chart.yaml": CHART.replace("shop", "web"),
            "charts/web/templates/a.yaml": POLICY.replace("shop", "web"),
        },
        "whose environment charts/web is",
    ),
    "a chart that depends on what is not here": (
        {
            "charts/shop/Chart.yaml": CHART
            + "dependencies: [{name: redis, version: 1.0.0, repository: https://x.example}]\n",
            "charts/shop/values-prod.yaml": "a: b\n",
        },
        "helm dependency build charts/shop",
    ),
    "one folder for two environments": (
        {
            "deploy/kustomization.yaml": "resources: [a.yaml]\n",
            "deploy/a.yaml": POLICY,
            **{
                f"argocd/{name}.yaml": APPLICATION.format(
                    name=f"web-{name}", path="deploy", more=""
                )
                for name in ("dev", "staging")
            },
        },
        "staging is built from deploy, as dev is",
    ),
    "a remote base": (
        {"overlays/dev/kustomization.yaml": "resources: [https://github.com/x/y?ref=main]\n"},
        "does not build: dev: overlays/dev",
    ),
    "clusters that no file lists": (
        {
            "argocd/all.yaml": "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\n"
            "metadata: {name: all}\nspec:\n  generators: [{clusters: {}}]\n"
            "  template: {metadata: {name: x}, spec: {source: {path: a}}}\n"
        },
        "makes its Applications of clusters",
    ),
    "a variable without a value": (
        {
            "overlays/stage/kustomization.yaml": "resources: [vs.yaml]\n",
            "overlays/stage/vs.yaml": "apiVersion: networking.istio.io/v1\nkind: VirtualService\n"
            'metadata: {name: a, namespace: b}\nspec: {hosts: ["a.${DOMAIN}"]}\n',
        },
        "values of ${DOMAIN}, under `substitute:`",
    ),
    "an object that no server takes": (
        {"manifests/dev/a.yaml": POLICY.replace("STRICT", "SOMETIMES")},
        "no baseline takes it: manifests/dev/a.yaml:4:15: SH002",
    ),
}


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


@pytest.mark.parametrize("name", TROUBLE)
def test_what_cannot_be_told_is_said_with_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    files, words = TROUBLE[name]
    for file, text in {**files, "manifests/prod/a.yaml": POLICY}.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)

    assert run(tmp_path, "init", "--here", "--yes") == 0

    assert words in capsys.readouterr().out
    assert run(tmp_path, "validate", "prod") == 0


def test_names_of_files_are_no_yaml(tmp_path: Path) -> None:
    folder = tmp_path / "manifests\n  evil: true" / "prod"
    folder.mkdir(parents=True)
    (folder / "a.yaml").write_text(POLICY)

    run(tmp_path, "init", "--here", "--yes")

    (environment,) = config.load(tmp_path).environments
    assert environment.manifests == "manifests\n  evil: true/prod"
    assert run(tmp_path, "validate") == 0


def test_nothing_is_written_through_a_link(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, elsewhere = tmp_path / "repository", tmp_path / "elsewhere"
    (folder / "manifests" / "prod").mkdir(parents=True)
    elsewhere.mkdir()
    (folder / "manifests" / "prod" / "a.yaml").write_text(POLICY)
    (folder / "waivers").symlink_to(elsewhere)

    assert run(folder, "init", "--here", "--yes") == 2
    assert "waivers is a link" in capsys.readouterr().err
    assert not list(elsewhere.iterdir())


@pytest.mark.parametrize("arguments", [[], ["x", "--here"]])
def test_init_takes_a_folder_or_here(tmp_path: Path, arguments: list[str]) -> None:
    assert run(tmp_path, "init", *arguments) == 2


def test_an_empty_repository_is_no_policy_repository(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "init", "--here", "--yes") == 5
    assert "nothing here could be made an environment" in capsys.readouterr().err


POLICY = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
"""


def test_one_file_at_the_top_is_an_environment(tmp_path: Path) -> None:
    (tmp_path / "mesh.yaml").write_text(POLICY)

    assert run(tmp_path, "init", "--here", "--yes") == 0
    assert "manifests: mesh.yaml" in (tmp_path / "environments.yaml").read_text()
    assert run(tmp_path, "validate") == 0


def test_several_files_at_the_top_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("mesh.yaml", "other.yaml"):
        (tmp_path / name).write_text(POLICY)

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
