"""Claim: clusters are told what environments.yaml says, and a page says what a rule change does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from judged import base_of
from meshgate.cli import main
from meshgate.promotion.forges import Draft
from meshgate.promotion.forges.local import LocalForge
from meshgate.promotion.statuses import ExpectedChecks, PostedJudgement, gate
from meshgate.repository import Repository
from promoted import ENVIRONMENTS, FILES, RULE, Promoted, commit, git, write

pytestmark = pytest.mark.sampled(every=2)

SYNC = "sync: {repository: https://git.example.com/p/mesh.git, namespaces: [shop, istio-system]}\n"
RULES = "    approvals: {rules: {teams: [security]}}\n"


@pytest.fixture
def told(promoted: Promoted) -> Path:
    """Main, with what clusters are told."""
    folder = promoted.folder
    commit(folder, {"environments.yaml": SYNC + ENVIRONMENTS + RULES}, "sync", day=4)
    for agent in ("argocd", "flux"):
        assert main(["-C", str(folder), "sync", agent]) == 0
    commit(folder, {}, "sync", day=4)
    git(folder, "branch", "--quiet", "base")
    return folder


def edited(path: str, old: str, new: str) -> Callable[[Path], dict[str, str]]:
    def files(folder: Path) -> dict[str, str]:
        text = (folder / path).read_text()
        assert old in text
        return {path: text.replace(old, new)}

    return files


ATTACKS: dict[str, Callable[[Path], dict[str, str]]] = {
    "another repository": edited("sync/argocd/prod.yaml", "git.example.com", "evil.example.com"),
    "another path": edited("sync/argocd/prod.yaml", "rendered/prod", "rendered/staging"),
    "another branch": edited("sync/flux/prod/sync.yaml", "branch: main", "branch: mine"),
    "no pruning": edited("sync/flux/prod/sync.yaml", "prune: true", "prune: false"),
    "more namespaces": edited("sync/argocd/prod.yaml", "shop", "kube-system"),
    "a comment": edited("sync/flux/staging/sync.yaml", "apiVersion", "# x\napiVersion"),
    "what is ignored": edited(".sourceignore", "/*", "/rendered"),
    "gone": lambda _: {"sync/argocd/prod.yaml": ""},
    "an environment that is not there": lambda folder: {
        "sync/argocd/evil.yaml": (folder / "sync/argocd/prod.yaml").read_text()
    },
    "the rules, and not what follows": edited("environments.yaml", "mesh-env: prod", "mesh-env: x"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_what_clusters_are_told_is_what_the_rules_say(
    told: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    commit(told, ATTACKS[name](told), name, day=5)
    assert main(["-C", str(told), "check", "--base", "base"]) == 8
    assert "that clusters are told by would not be" in capsys.readouterr().out


def moved(text: str) -> str:
    return text.replace("policies/", "base/").replace("overlays/", "clusters/")


BESIDE = {
    "a source that Argo CD merges in": "overlays/dev/.argocd-source.yaml",
    "the same for one Application": "overlays/dev/.argocd-source-mesh-policies-dev-x.yaml",
    "in another case": "overlays/dev/.ArgoCD-source.yaml",
    "what Flux leaves out of an overlay": "overlays/dev/.sourceignore",
    "what Flux leaves out of a base": "policies/shop/.sourceignore",
    "one more object for a cluster": "sync/flux/prod/evil.yaml",
    "one more object for Argo CD": "sync/argocd/zz.yml",
    "an object in JSON": "sync/flux/staging/x.json",
    "rights": "sync/rbac/writer.yaml",
}


@pytest.mark.parametrize("name", BESIDE)
def test_what_agents_read_beside_it_needs_the_owners_of_the_rules(
    told: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"
    commit(told, {BESIDE[name]: text}, name, day=5)
    assert main(["-C", str(told), "check", "--base", "base"]) in {8, 10}
    assert "PR23" in capsys.readouterr().out


@pytest.mark.parametrize("name", list(BESIDE)[:2] + list(BESIDE)[3:5])
def test_what_has_agents_build_something_else_is_no_source(
    told: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # What was said before it appeared is not said again.
    assert main(["-C", str(told), "validate", "dev"]) == 0
    write(told, {BESIDE[name]: "kustomize: {namePrefix: x-}\n"})
    assert main(["-C", str(told), "validate", "dev"]) == 1
    assert "RE011" in capsys.readouterr().out
    assert main(["-C", str(told), "validate", "--changed-since", "base"]) == 1


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Main with folders of other names, and what clusters are told."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    git(folder, "init", "--quiet", "-b", "main")
    files = {moved(name): moved(text) for name, text in FILES.items()}
    commit(folder, {**files, "environments.yaml": moved(SYNC + ENVIRONMENTS + RULES)}, "start")
    for agent in ("argocd", "flux"):
        assert main(["-C", str(folder), "sync", agent]) == 0
    commit(folder, {}, "sync", day=1)
    git(folder, "branch", "--quiet", "base")
    return folder


def test_it_follows_from_sources_in_folders_of_any_name(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rule = {"base/shop/destinationrule-cart.yaml": RULE + "  exportTo: ['*']\n"}
    commit(elsewhere, rule, "a policy", day=2)
    assert main(["-C", str(elsewhere), "check", "--base", "base"]) == 0
    capsys.readouterr()

    # The cluster of a floating environment is told of each folder that it is built from.
    name = "clusters/dev/kustomization.yaml"
    more = {
        "more/x/kustomization.yaml": "resources: []\n",
        name: (elsewhere / name).read_text() + "  - ../../more/x\n",
    }
    commit(elsewhere, more, "one folder more", day=3)
    assert main(["-C", str(elsewhere), "check", "--base", "base"]) == 8
    assert "that clusters are told by would not be" in capsys.readouterr().out
    for agent in ("argocd", "flux"):
        assert main(["-C", str(elsewhere), "sync", agent]) == 0
    commit(elsewhere, {}, "sync", day=3)
    assert main(["-C", str(elsewhere), "check", "--base", "base"]) in {0, 10}
    assert "that clusters are told by would not be" not in capsys.readouterr().out


def test_what_follows_from_the_rules_only_needs_their_owners(told: Path) -> None:
    old = ENVIRONMENTS.replace("mesh-env: prod", "mesh-env: production")
    commit(told, {"environments.yaml": SYNC + old + RULES}, "x", day=5)
    for agent in ("argocd", "flux"):
        assert main(["-C", str(told), "sync", agent]) == 0
    commit(told, {}, "sync", day=5)
    assert main(["-C", str(told), "check", "--base", "base"]) == 10


def test_a_policy_alone_is_not_asked_for_what_was_stale_before(told: Path) -> None:
    text = (told / "sync/argocd/prod.yaml").read_text()
    commit(told, {"sync/argocd/prod.yaml": text + "# by an administrator\n"}, "x", day=5)
    git(told, "branch", "--quiet", "--force", "base")
    rule = {"policies/shop/destinationrule-cart.yaml": RULE + "  exportTo: ['*']\n"}
    commit(told, rule, "a policy", day=6)
    assert main(["-C", str(told), "check", "--base", "base"]) == 0


def test_the_page_tells_what_a_change_of_rules_does(told: Path, tmp_path: Path) -> None:
    hub = tmp_path / "hub.git"
    git(tmp_path, "clone", "--quiet", "--bare", str(told), str(hub))
    git(hub, "branch", "--quiet", "--force", "main", "base")
    lower = ENVIRONMENTS.replace("mode: pinned", "require: {mtls: PERMISSIVE}\n    mode: pinned", 1)
    git(told, "switch", "--quiet", "-c", "lower")
    commit(told, {"environments.yaml": SYNC + lower + RULES}, "lower", day=5)
    git(told, "push", "--quiet", str(hub), "lower")

    def forge(login: str) -> LocalForge:
        return LocalForge(hub, login, teams={"security": ["sam"]})

    pull = forge("mallory").create(Draft("lower", "main", "t", "b", ()))

    def page() -> str:
        with Repository(told) as repository:
            session = base_of(repository, "base", forge=forge("gate"), without_forge="")
            found = gate(session, forge("gate").get(pull.number), ExpectedChecks())
        assert isinstance(found, PostedJudgement)
        assert found.degraded == ()
        ((author, body),) = forge("gate").comments(pull.number)
        assert author == "gate"
        return body

    assert "staging: require.mtls goes from nothing to PERMISSIVE" in page()
    assert "needs approval of security" in page()
    forge("sam").review(pull.number)
    assert "The teams that own the rules agreed to this commit." in page()
