"""`diff` judges what nothing has changed once, and says the same as if it had judged it twice."""

from __future__ import annotations

import contextlib
import datetime
import io
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from fleet_repository import write_fleet
from meshgate import config
from meshgate.cli import main
from meshgate.pipeline import change as change_module
from meshgate.pipeline import unchanged
from meshgate.pipeline.base_folder import BaseFolder
from meshgate.pipeline.change import ProposedChange
from meshgate.pipeline.judged import Settings, judge
from meshgate.pipeline.judged_tree import JudgedTree
from meshgate.pipeline.verdict import EnvironmentRefusal, EnvironmentVerdict
from meshgate.pipeline.verdicts import VerdictQuestion
from meshgate.source import Renderer
from policy_repository import commit_all, copy_policies
from samples import sample

pytestmark = pytest.mark.sampled(every=3)

CHANGES = {
    "one environment": "overlays/prod/kustomization.yaml",
    "an inventory": "inventory/staging/namespaces.yaml",
    "a base": "policies/mesh-wide/kustomization.yaml",
    "waivers": "waivers/prod.yaml",
    "nothing": "",
}
FORMATS = ("json", "text", "markdown", "junit", "sarif")[: sample(5, 1)]


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


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.sampled
@pytest.mark.parametrize("name", CHANGES)
def test_what_is_judged_once_is_said_as_before(
    name: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(root, name)
    spared: list[frozenset[str]] = []
    real = ProposedChange._same  # noqa: SLF001

    def noted(self: ProposedChange, *arguments: object) -> frozenset[str]:
        spared.append(real(self, *arguments))  # type: ignore[arg-type]
        return spared[-1]

    monkeypatch.setattr(ProposedChange, "_same", noted)
    found = [diff(root, "--format", how) for how in FORMATS]
    monkeypatch.setattr(ProposedChange, "_same", lambda *_: frozenset())
    assert found == [diff(root, "--format", how) for how in FORMATS]
    expected = {
        "one environment": {"dev", "staging"},
        "an inventory": {"dev", "prod"},
        "a base": set(),
        "waivers": {"dev", "staging"},
        "nothing": {"dev", "staging", "prod"},
    }
    assert set(spared[0]) == expected[name]


def change(root: Path, name: str) -> None:
    if file := CHANGES[name]:
        path = root / file
        path = path if path.exists() else next(path.parent.glob("*.yaml"))
        path.write_text(path.read_text("utf-8") + "# changed\n", encoding="utf-8")


@pytest.mark.sampled
@pytest.mark.parametrize("name", CHANGES)
def test_a_base_that_is_written_in_part_is_judged_as_the_whole_of_it(
    name: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(root, name)
    left: list[list[str]] = []
    real = BaseFolder.write_environments

    def noted(self: BaseFolder, *arguments: Any) -> None:
        real(self, *arguments)
        left.append([*self._left])

    monkeypatch.setattr(BaseFolder, "write_environments", noted)
    found = [diff(root, "--no-cache", "--format", how) for how in FORMATS]
    folders = {tuple(file.split("/")[:2]) for file in left[0]}
    others = {"one environment": "dev", "an inventory": "dev", "waivers": "dev", "nothing": "prod"}
    if name in others:
        assert ("overlays", others[name]) in folders
        assert ("inventory", others[name]) in folders
    monkeypatch.setattr(BaseFolder, "write_configuration", lambda self, _: self.write_all())
    assert found == [diff(root, "--no-cache", "--format", how) for how in FORMATS]
    assert left[-1] == []


def test_a_base_is_followed_to_what_the_change_took_away(root: Path) -> None:
    """What only the base reaches is in no list that could be made of the working tree."""
    overlay = root / "overlays/prod/kustomization.yaml"
    text = overlay.read_text("utf-8")
    overlay.write_text(text.replace("resources:", "resources:\n  - ../../more/a"), "utf-8")
    for folder, content in (("a", "resources: [../b]\n"), ("b", "resources: [pa.yaml]\n")):
        (root / "more" / folder).mkdir(parents=True)
        (root / "more" / folder / "kustomization.yaml").write_text(content, "utf-8")
    (root / "more/b/pa.yaml").write_text(
        "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n"
        "metadata: {name: more, namespace: boards}\n"
        "spec: {selector: {matchLabels: {app: boards}}, mtls: {mode: DISABLE}}\n",
        encoding="utf-8",
    )
    commit_all(root, "more")
    overlay.write_text(text, "utf-8")
    code, out, err = diff(root, "--env", "prod", "--no-cache")
    assert (code, err) == (0, "")
    assert "DISABLE" in out


@pytest.mark.sampled
def test_an_environment_that_is_spared_is_told_as_one_that_is_judged(root: Path) -> None:
    for name in CHANGES:
        change(root, name)
        for arguments in ((), ("--env", "prod"), ("--env", "dev", "--env", "staging"))[
            : sample(3, 1)
        ]:
            for how in FORMATS:
                asked = (*arguments, "--format", how)
                assert diff(root, *asked) == diff(root, *asked, "--no-cache")


@pytest.mark.parametrize("kept", [(), ("--no-cache",)])
def test_some_at_a_time_say_what_all_at_once_say(
    kept: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some are broken, on one side or both; some come after them; and what is held is bounded."""
    root = write_fleet(tmp_path / "fleet", 14)
    commit_all(root, "base")
    (root / "overlays/env-4/weak.yaml").write_text("kind: Nothing\n", encoding="utf-8")
    mended = root / "overlays/env-5/kustomization.yaml"
    mended.write_text("resources: [../../policies/mesh-wide]\n", encoding="utf-8")
    policies = root / "policies/mesh-wide/policies.yaml"
    policies.write_text(policies.read_text("utf-8").replace("STRICT", "PERMISSIVE"), "utf-8")
    held: list[int] = []

    def noted(environments: Any, *others: Any) -> Any:
        held.append(len(environments))
        return judge(environments, *others)

    monkeypatch.setattr(change_module, "judge", noted)
    # Kept by the first runs, where anything is: all that follows is asked of the same.
    found = [diff(root, *kept, "--format", how) for how in FORMATS]
    assert max(held) == 14
    for most in (1, 3):
        held.clear()
        monkeypatch.setattr(change_module, "MOST_OF_A_TASK", most)
        assert [diff(root, *kept, "--format", how) for how in FORMATS] == found
        # With those before them: here each has four at most.
        assert max(held) <= most + 4
    assert found[0][0] == 3


@pytest.mark.parametrize("kept", [(), ("--no-cache",)])
@pytest.mark.whole
def test_processes_say_what_one_says(
    kept: tuple[str, ...], cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what nothing has changed nothing is known; some of it is broken, or comes after that."""
    root = write_fleet(tmp_path / "fleet", 14)
    commit_all(root, "base")
    (root / "overlays/env-4/weak.yaml").write_text("kind: Nothing\n", encoding="utf-8")
    (root / "overlays/env-9/kustomization.yaml").write_text("resources: []\n", encoding="utf-8")
    found = [diff(root, "--no-cache", "--jobs", "1", "--format", how) for how in FORMATS]
    judged: list[int] = []

    def noted(environments: Any, *others: Any) -> Any:
        judged.append(len(environments))
        return judge(environments, *others)

    monkeypatch.setattr(change_module, "judge", noted)
    monkeypatch.setattr(unchanged, "FEW", 1)
    for number, how in enumerate(FORMATS):
        shutil.rmtree(cache, ignore_errors=True)
        judged.clear()
        assert diff(root, *kept, "--jobs", "2", "--format", how) == found[number]
        # Here are judged what changed, what is broken, and what comes after either.
        assert max(judged) < 14
    assert diff(root, *kept, "--jobs", "2", "--format", FORMATS[0]) == found[0]
    assert found[0][0] == 3


@pytest.mark.usefixtures("cache")
def test_what_is_not_changed_and_cached_is_not_judged(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[set[str]] = []

    def noted(environments: Any, *others: Any) -> Any:
        judged.append({each.name for each in environments})
        return judge(environments, *others)

    monkeypatch.setattr(change_module, "judge", noted)
    change(root, "an inventory")
    first, second = diff(root), diff(root)
    assert first == second
    # What is compared is staging, with dev before it.
    assert judged == [{"dev", "staging", "prod"}, {"staging"}, {"dev", "staging"}, {"staging"}]


def test_an_entry_that_was_changed_spares_nobody(root: Path, cache: Path) -> None:
    expected = diff(root)
    assert diff(root) == expected
    entries = [
        each
        for section in ("verdicts", "trees", "tree-inputs")
        for each in cache.rglob(f"{section}/*/*")
        if each.is_file()
    ]
    assert {each.parent.parent.name for each in entries} == {"verdicts", "trees", "tree-inputs"}
    contents = [each.read_bytes() for each in entries]
    # Each in the place of another, and each cut short.
    for changed in ([*contents[1:], contents[0]], [each[:-9] for each in contents]):
        for entry, content in zip(entries, changed, strict=True):
            entry.write_bytes(content)
        assert diff(root) == expected


@pytest.mark.whole
def test_what_is_kept_of_a_tree_goes_a_week_after_it_was_asked_for_last(
    root: Path, cache: Path
) -> None:
    def kept() -> set[Path]:
        return {each for name in ("trees", "tree-inputs") for each in cache.rglob(f"{name}/*/*")}

    diff(root)
    first = kept()
    for message in ("second", "third"):
        week_ago = time.time() - 8 * 24 * 60 * 60
        for path in (*kept(), *cache.rglob(".*-last-cleaned")):
            os.utime(path, (week_ago, week_ago))
        change(root, "one environment")
        commit_all(root, message)
        diff(root)
    # Of each its tree, the one before, from which it was carried over, and which one is newest.
    assert len(first) == 4
    assert len(kept()) == 6
    assert len(first & kept()) == 2


@pytest.mark.parametrize(
    "other",
    [
        {"today": datetime.date(2099, 1, 1)},
        {"engine": "kubeconform"},
        {"complete": False},
        {"tree": "0" * 40},
        {"tool": "another"},
        {"renderer": "kustomize 9.9.9"},
        {"cache": "inside"},
    ],
)
def test_what_is_known_of_a_tree_is_known_by_all_that_decides(
    other: dict[str, Any], root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environments = config.load(root).environments
    made: dict[str, Any] = {"today": datetime.date(2026, 8, 1), "engine": "jsonschema"}

    def known(tree: str = "1" * 40, folder: Path = cache, **settings: Any) -> JudgedTree:
        how = Settings(**{**made, **settings})
        return JudgedTree(VerdictQuestion(root, environments, environments, how, folder), tree)

    known().add(
        [
            # Something of it ends on a day.
            EnvironmentVerdict("staging"),
            EnvironmentVerdict("prod", refused=EnvironmentRefusal("BuildError", "broken")),
        ]
    )
    assert [*known().found] == ["staging"]
    if "tool" in other:
        monkeypatch.setattr("meshgate.pipeline.verdict_key.fingerprint", lambda: other["tool"])
        assert not known().found
    elif "renderer" in other:
        monkeypatch.setattr(
            "meshgate.source.renderer", lambda *_: Renderer(("kustomize",), other["renderer"])
        )
        assert not known().found
    elif "cache" in other:
        # What lies in the judged repository may have come with a pull request.
        shutil.copytree(cache, root / "cache")
        assert not known(folder=root / "cache").found
    else:
        assert not known(**other).found


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("asked", [(), ("--env", "prod")])
def test_what_cannot_be_judged_is_told_whoever_is_spared(root: Path, asked: tuple[str]) -> None:
    diff(root)
    (root / "overlays/dev/kustomization.yaml").write_text("resources: [nowhere]\n", "utf-8")
    code, out, err = diff(root, *asked)
    assert (code, out, err) == diff(root, *asked, "--no-cache")
    assert code == 3
    assert "nowhere" in out + err


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
