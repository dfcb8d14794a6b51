"""`diff` judges what nothing has changed once, and says the same as if it had judged it twice."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest

from meshgate.cli import main
from meshgate.pipeline.change import ProposedChange
from policy_repository import commit_all, copy_policies
from samples import sample

CHANGES = {
    "one environment": "overlays/prod/kustomization.yaml",
    "an inventory": "inventory/staging/namespaces.yaml",
    "a base": "policies/mesh-wide/kustomization.yaml",
    "waivers": "waivers/prod.yaml",
    "nothing": "",
}


def diff(root: Path, *arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["diff", "-C", str(root), "--base", "HEAD", *arguments])
    return code, out.getvalue(), err.getvalue()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = copy_policies(tmp_path / "root")
    commit_all(root, "base")
    return root


@pytest.mark.sampled
@pytest.mark.parametrize("name", CHANGES)
def test_what_is_judged_once_is_said_as_before(
    name: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if file := CHANGES[name]:
        path = root / file
        path = path if path.exists() else next(path.parent.glob("*.yaml"))
        path.write_text(path.read_text("utf-8") + "# changed\n", encoding="utf-8")
    spared: list[frozenset[str]] = []
    real = ProposedChange._same  # noqa: SLF001

    def noted(self: ProposedChange, *arguments: object) -> frozenset[str]:
        spared.append(real(self, *arguments))  # type: ignore[arg-type]
        return spared[-1]

    monkeypatch.setattr(ProposedChange, "_same", noted)
    formats = ("json", "text", "markdown")[: sample(3, 1)]
    found = [diff(root, "--format", how) for how in formats]
    monkeypatch.setattr(ProposedChange, "_same", lambda *_: frozenset())
    assert found == [diff(root, "--format", how) for how in formats]
    expected = {
        "one environment": {"dev", "staging"},
        "an inventory": {"dev", "prod"},
        "a base": set(),
        "waivers": {"dev", "staging"},
        "nothing": {"dev", "staging", "prod"},
    }
    assert set(spared[0]) == expected[name]


def test_what_git_ignores_may_differ(root: Path) -> None:
    (root / ".gitignore").write_text("local.yaml\n", encoding="utf-8")
    file = root / "overlays/dev/kustomization.yaml"
    file.write_text(file.read_text("utf-8") + "components: [../../more]\n", encoding="utf-8")
    more = root / "more"
    more.mkdir()
    kustomization = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
    (more / "kustomization.yaml").write_text(
        kustomization + "patches: [{path: local.yaml}]\n", encoding="utf-8"
    )
    commit_all(root, "a patch that is in no commit")
    patch = "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: default, "
    (more / "local.yaml").write_text(
        patch + "namespace: istio-system}\nspec: {mtls: {mode: DISABLE}}\n", encoding="utf-8"
    )
    code, _, err = diff(root, "--env", "dev")
    # Before, the environment does not build: the file is in no commit.
    assert code == 3
    assert "local.yaml" in err
