"""Repositories of six shapes become policy repositories: two commands, and no file is moved."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from meshgate import config
from promoted import git
from tree_manifests import (
    APPLICATION,
    CHART,
    SHAPES,
    TOP_POLICY,
    clone,
    run,
)

pytestmark = pytest.mark.sampled(every=2)


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
            "apps/old/a.yaml": TOP_POLICY,
        },
        "apps/old is left out by ApplicationSet all",
    ),
    "an application that patches": (
        {
            "deploy/kustomization.yaml": "resources: [a.yaml]\n",
            "deploy/a.yaml": TOP_POLICY.replace("shop", "bank"),
            "argocd/qa.yaml": APPLICATION.format(
                name="qa", path="deploy", more=", kustomize: {namePrefix: x-, patches: [{}]}"
            ),
        },
        "changes what the folder builds (namePrefix, patches)",
    ),
    "an application of a plugin": (
        {
            "deploy/a.yaml": TOP_POLICY.replace("shop", "bank"),
            "argocd/qa.yaml": APPLICATION.format(
                name="qa", path="deploy", more=", plugin: {name: tanka}"
            ),
        },
        "built by a plugin",
    ),
    "an application of one level": (
        {
            "deploy/a.yaml": TOP_POLICY.replace("shop", "bank"),
            "deploy/inner/b.yaml": TOP_POLICY.replace("shop", "cafe"),
            "argocd/qa.yaml": APPLICATION.format(
                name="qa", path="deploy", more=", directory: {exclude: x}"
            ),
        },
        "none of the folders in it, such as deploy/inner",
    ),
    "Flux that moves it to a namespace": (
        {
            "deploy/kustomization.yaml": "resources: [a.yaml]\n",
            "deploy/a.yaml": TOP_POLICY.replace("shop", "bank"),
            "flux/qa.yaml": "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n"
            "metadata: {name: qa}\nspec: {path: ./deploy, targetNamespace: other}\n",
        },
        "changes what the folder builds (targetNamespace)",
    ),
    "several files of values": (
        {
            "charts/shop/Chart.yaml": CHART,
            "charts/shop/templates/a.yaml": TOP_POLICY.replace("shop", "bank"),
            "charts/shop/values-qa.yaml": "a: b\n",
            "values/qa/values.yaml": "a: c\n",
        },
        "correct their order in `helm.values`",
    ),
    "values of another chart": (
        {
            "charts/shop/Chart.yaml": CHART,
            "charts/shop/values-qa.yaml": "a: b\n",
            "charts/shop/templates/a.yaml": TOP_POLICY.replace("shop", "bank"),
            "charts/web/Chart.yaml": CHART.replace("shop", "web"),
            "charts/web/templates/a.yaml": TOP_POLICY.replace("shop", "web"),
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
            "deploy/a.yaml": TOP_POLICY,
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
        {"manifests/dev/a.yaml": TOP_POLICY.replace("STRICT", "SOMETIMES")},
        "no baseline takes it: manifests/dev/a.yaml:4:15: SH002",
    ),
}


@pytest.mark.parametrize("name", TROUBLE)
def test_what_cannot_be_told_is_said_with_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    files, words = TROUBLE[name]
    for file, text in {**files, "manifests/prod/a.yaml": TOP_POLICY}.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)

    assert run(tmp_path, "init", "--here", "--yes") == 0

    assert words in capsys.readouterr().out
    assert run(tmp_path, "validate", "prod") == 0


def test_names_of_files_are_no_yaml(tmp_path: Path) -> None:
    folder = tmp_path / "manifests\n  evil: true" / "prod"
    folder.mkdir(parents=True)
    (folder / "a.yaml").write_text(TOP_POLICY)

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
    (folder / "manifests" / "prod" / "a.yaml").write_text(TOP_POLICY)
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
