"""What a release is the content of, in folders of any name."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import yaml

from meshgate.cli import main
from meshgate.errors import RepositoryError
from meshgate.model.sources import sources_of
from meshgate.promotion.files import sha256, state_path
from meshgate.promotion.ledger import read_state
from meshgate.promotion.release import Releases, changes
from meshgate.promotion.release_inputs import INPUTS, ReleaseInputs, leads_elsewhere
from meshgate.promotion.rendering import render
from meshgate.repository import Repository
from meshgate.tools import installed, pinned
from pipeline import ENVIRONMENTS
from places import REPOSITORY
from promoted import FILES, commit, git, start, write

pytestmark = pytest.mark.sampled(every=2)

LAYOUT = REPOSITORY / "tests" / "field" / "repositories" / "19-layout"
TOOLCHAIN = "promotion/toolchain.yaml"


def moved(text: str) -> str:
    return text.replace("policies/", "base/").replace("overlays/", "clusters/")


ELSEWHERE = {moved(name): moved(text) for name, text in FILES.items()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository with other folders."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet", "-b", "main")
    commit(folder, ELSEWHERE, "start")
    return folder


def test_it_is_what_environments_are_built_from(folder: Path) -> None:
    with Repository(folder) as repository:
        assert ReleaseInputs(repository).at("main") == (
            *("base/mesh", "base/shop"),
            *("clusters/dev", "clusters/prod", "clusters/staging"),
            TOOLCHAIN,
        )
        release = Releases(repository, "main").newest()
        files = render(repository, "main", "prod", "clusters/prod", cache=None)
    assert release.source.policies_tree == git(folder, "rev-parse", "HEAD^{tree}").strip()
    assert len(files) == 2


def test_it_renders_as_in_the_usual_folders(folder: Path, tmp_path: Path) -> None:
    usual = start(tmp_path / "usual")
    with Repository(folder) as there, Repository(usual) as here:
        found = render(there, "main", "prod", "clusters/prod", cache=None)
        assert found == render(here, "main", "prod", "overlays/prod", cache=None)


def test_nothing_else_counts_and_every_input_does(folder: Path) -> None:
    def newest() -> tuple[str, str]:
        with Repository(folder) as repository:
            release = Releases(repository, "main").newest()
        return release.id, release.source.commit

    before = newest()
    commit(folder, {"base/other/x.yaml": "x", "inventory/dev/x.yaml": "x"}, "else", day=1)
    assert newest() == before
    name = "base/mesh/peerauthentication-default.yaml"
    changed = commit(folder, {name: ELSEWHERE[name] + "# x\n"}, "edit", day=2)
    assert newest()[1] == changed
    assert newest()[0] != before[0]
    with Repository(folder) as repository:
        (told,) = changes(repository, before[1], changed)
    assert told.subject == "edit"


def test_another_overlay_is_another_release(folder: Path) -> None:
    commit(folder, {"other/kustomization.yaml": "resources: [../base/mesh]\n"}, "more", day=1)
    text = ELSEWHERE["environments.yaml"].replace("clusters/prod", "other")
    last = commit(folder, {"environments.yaml": text}, "moved", day=2)
    with Repository(folder) as repository:
        releases = Releases(repository, "main")
        assert "other" in releases.inputs.at("main")
        assert [each.source.commit == last for each in releases] == [True, False]


def test_a_base_beside_the_usual_folders_is_an_input(tmp_path: Path) -> None:
    folder = start(tmp_path / "repository")
    base = {
        "vendor/x/kustomization.yaml": "resources: [../y]\n",
        "vendor/y/kustomization.yaml": "{}",
    }
    name = "overlays/prod/kustomization.yaml"
    commit(folder, {**base, name: FILES[name] + "  - ../../vendor/x\n"}, "more", day=1)
    with Repository(folder) as repository:
        before, after = (ReleaseInputs(repository).at(each) for each in ("main~1", "main"))
    assert before == INPUTS
    assert after == ("policies", "overlays", "vendor/x", "vendor/y", TOOLCHAIN)


def test_releases_of_before_a_move_are_found(folder: Path, tmp_path: Path) -> None:
    folder = start(tmp_path / "usual")
    with Repository(folder) as repository:
        first = Releases(repository, "main").newest()
    git(folder, "mv", "policies", "base")
    git(folder, "mv", "overlays", "clusters")
    write(folder, ELSEWHERE)
    commit(folder, {}, "moved", day=1)
    with Repository(folder) as repository:
        releases = Releases(repository, "main")
        assert releases.find(first.id) == first
        assert releases.newest().id != first.id


def test_what_promotion_writes_is_no_input(folder: Path) -> None:
    name = "clusters/prod/kustomization.yaml"
    commit(
        folder,
        {"rendered/dev/kustomization.yaml": "{}", name: "resources: [../../rendered/dev]\n"},
        "circle",
        day=1,
    )
    with Repository(folder) as repository, pytest.raises(RepositoryError, match="rendered/dev"):
        ReleaseInputs(repository).at("main")


def test_an_environment_is_adopted_and_promoted(folder: Path) -> None:
    text = moved(ENVIRONMENTS)
    commit(folder, {"environments.yaml": text}, "let both modes stand")
    assert main(["-C", str(folder), "adopt", "staging", "--direct"]) == 0
    state = read_state((folder / state_path("staging")).read_bytes(), "staging")
    assert state.rendered.overlay == "clusters/staging"
    name = "base/mesh/peerauthentication-default.yaml"
    commit(folder, {name: ELSEWHERE[name].replace("name:", "labels: {a: b}, name:")}, "edit", day=1)
    git(folder, "switch", "-qc", "elsewhere")

    assert main(["-C", str(folder), "promote", "staging"]) == 0
    (branch,) = git(folder, "branch", "--list", "promote/*", "--format=%(refname:short)").split()
    git(folder, "branch", "-f", "main", branch)
    git(folder, "switch", "-q", "main")
    assert main(["-C", str(folder), "audit", "staging", "--deep"]) == 0


CHART = {
    "deploy/mesh/Chart.yaml": "apiVersion: v2\nname: mesh\nversion: 0.1.0\n",
    "deploy/mesh/values.yaml": "mode: STRICT\n",
    "deploy/values/prod.yaml": "mode: STRICT\n",
    "deploy/mesh/templates/pa.yaml": "apiVersion: security.istio.io/v1\n"
    "kind: PeerAuthentication\nmetadata: {name: {{ .Release.Name }}}\n"
    "spec: {mtls: {mode: {{ .Values.mode }}}}\n",
    "hydrated/staging/pa.yaml": "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n"
    "metadata: {name: default, namespace: istio-system}\nspec: {mtls: {mode: STRICT}}\n",
}
HELM = pinned()["helm"].version
WITH_HELM = FILES[TOOLCHAIN] + f'  helm: "{HELM}"\n'
OTHER_SOURCES = """\
environments:
  - {name: staging, manifests: hydrated/staging, mode: pinned, gates: [], gatesWaived: first}
  - name: prod
    after: [staging]
    mode: pinned
    gates: []
    gatesWaived: first
    helm: {chart: deploy/mesh, values: [deploy/values/prod.yaml], release: default,
           namespace: istio-system}
"""


def test_charts_and_plain_manifests_are_adopted_promoted_and_audited(tmp_path: Path) -> None:
    helm = installed("helm")
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet", "-b", "main")
    start = {TOOLCHAIN: WITH_HELM, "environments.yaml": OTHER_SOURCES, **CHART}
    commit(folder, {**start, "README.md": "x"}, "start")
    with Repository(folder) as repository:
        assert ReleaseInputs(repository).at("main") == (
            *("deploy/mesh", "deploy/values/prod.yaml", "hydrated/staging"),
            TOOLCHAIN,
        )
    for name in ("staging", "prod"):
        assert main(["-C", str(folder), "adopt", name, "--direct"]) == 0
    state = read_state((folder / state_path("prod")).read_bytes(), "prod")
    assert state.rendered.resources == 1
    assert sources_of(state.rendered.overlay).helm is not None
    # The record keeps what rendered it: of staging, which has no chart, no helm.
    own, other = (first_tool(folder, name) for name in ("prod", "staging"))
    assert (own["helm"], own["helmSha256"]) == (f"helm {HELM}", sha256(helm.read_bytes()))
    assert not {"helm", "helmSha256"} & other.keys()

    # What no environment is built from is no release; values are, and so is how charts are called.
    first = newest(folder)
    commit(folder, {"README.md": "y", "deploy/values/other.yaml": "mode: DISABLE\n"}, "else", day=1)
    assert newest(folder) == first
    commit(folder, {"deploy/values/prod.yaml": "mode: STRICT # said\n"}, "values", day=2)
    second = newest(folder)
    text = OTHER_SOURCES.replace("release: default", "release: base")
    commit(folder, {"environments.yaml": text}, "how", day=3)
    assert len({first, second, newest(folder)}) == 3
    assert main(["-C", str(folder), "audit", "--deep"]) == 0


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        ("", 2, 'does not say `renderer.helm` as text such as "3.'),
        ("  helm: 3.22\n", 2, "does not say `renderer.helm` as text"),
        ('  helm: "3.22.99"\n', 4, "there is no helm 3.22.99"),
        ('  helm: "2.0.0"\n', 4, "put helm 2.0.0 on PATH"),
    ],
    ids=["none", "number", "patch", "other"],
)
def test_bytes_are_made_by_the_very_helm_of_the_toolchain(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], said: str, code: int, words: str
) -> None:
    installed("helm")
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet", "-b", "main")
    start = {TOOLCHAIN: FILES[TOOLCHAIN] + said, "environments.yaml": OTHER_SOURCES, **CHART}
    commit(folder, start, "start")

    assert main(["-C", str(folder), "adopt", "prod", "--direct"]) == code
    assert words in capsys.readouterr().err
    assert not (folder / "rendered").exists()
    # What has no chart asks for no helm.
    assert main(["-C", str(folder), "adopt", "staging", "--direct"]) == 0
    assert main(["-C", str(folder), "adopt", "prod", "--plan"]) == 8
    assert words in capsys.readouterr().out


def test_an_audit_renders_by_the_helm_of_each_release(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    program = installed("helm")
    folder, there = tmp_path / "repository", tmp_path / "bin"
    folder.mkdir()
    there.mkdir()
    # As an older helm: by the record of its build, and by another result.
    (there / "helm").write_text(
        f'#!/bin/sh\n{program} "$@" | /bin/sed s/default/old/\n'
        "exit\nmod\thelm.sh/helm/v3\tv3.19.0\t\n"
    )
    (there / "helm").chmod(0o755)
    git(folder, "init", "--quiet", "-b", "main")
    first = {TOOLCHAIN: WITH_HELM.replace(HELM, "3.19.0"), "environments.yaml": OTHER_SOURCES}
    commit(folder, {**first, **CHART}, "start")
    old = newest(folder)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{there}{os.pathsep}{os.environ['PATH']}")
        assert main(["-C", str(folder), "adopt", "prod", "--direct", "--no-cache"]) == 0
        assert main(["-C", str(folder), "audit", "prod", "--deep", "--no-cache"]) == 0
    (rendered,) = (folder / "rendered" / "prod").rglob("*.yaml")
    assert "name: old" in rendered.read_text()
    commit(folder, {TOOLCHAIN: WITH_HELM}, "a newer helm", day=1)
    assert newest(folder) != old

    # Its source says 3.19.0: by another helm nothing is proven, and nothing is called wrong.
    capsys.readouterr()
    assert main(["-C", str(folder), "audit", "prod", "--deep", "--no-cache"]) == 4
    assert "there is no helm 3.19.0" in capsys.readouterr().err


def first_tool(folder: Path, environment: str) -> dict[str, str]:
    """What the first record of an environment says of the programs."""
    (file,) = (folder / "promotion" / "ledger" / environment).iterdir()
    tool: dict[str, str] = yaml.safe_load(file.read_text())["tool"]
    return tool


def newest(folder: Path) -> str:
    with Repository(folder) as repository:
        return Releases(repository, "main").newest().id


def test_the_tree_of_other_names_is_adopted(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    shutil.copytree(LAYOUT, folder)
    git(folder, "init", "--quiet", "-b", "main")
    commit(folder, {}, "start")

    assert main(["-C", str(folder), "adopt", "prod", "--direct"]) == 0
    assert main(["-C", str(folder), "audit", "--deep"]) == 0


@pytest.mark.parametrize(
    ("path", "elsewhere"),
    [
        ("../../policies/shop", False),
        ("../staging", False),
        ("./x.yaml", False),
        ("../../base", True),
        ("../..", True),
        ("../../../policies", True),
        ("../../policies/../base", True),
        ("../.././base", True),
        ("..//..//base", True),
        ('"\\x2e./../base"', True),
        ("../../policies2", True),
        ("../../policies-2", True),
        ("'../../policies'", False),
    ],
)
def test_paths_that_leave_the_usual_folders(path: str, *, elsewhere: bool) -> None:
    text = f"resources:\n- {path}\n- [{path}]\n".encode()
    assert leads_elsewhere(text, 2) is elsewhere
