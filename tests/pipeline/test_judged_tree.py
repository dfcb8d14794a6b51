"""What is known of one tree holds for the next one where nothing that decides differs."""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changing_repository import FILES, NAMES, TEXTS, git, made, write
from examples import examples
from meshgate import config, repository
from meshgate.model import Environment
from meshgate.pipeline.affected import unaffected
from meshgate.pipeline.input_index import InputIndex
from meshgate.pipeline.judged import Settings
from meshgate.pipeline.judged_tree import JudgedTree
from meshgate.pipeline.verdict import EnvironmentVerdict
from meshgate.pipeline.verdict_key import KeyPlace, own_key
from meshgate.pipeline.verdicts import VerdictQuestion
from policy_repository import commit_all, copy_policies

DAY = datetime.date(2026, 8, 1)
ENVIRONMENTS = FILES["environments.yaml"]
WAIVERS = """\
waivers:
- rule: PA001
  resource: PeerAuthentication/istio-system/default
  owner: platform
  reason: {reason}
  expires: 2026-08-05
"""
# What is said of environments beside their sources.
RECORDS = (
    ("environments.yaml", ENVIRONMENTS),
    (
        "environments.yaml",
        f"{ENVIRONMENTS}- {{name: more, overlays: [overlays/dev, overlays/stage]}}\n",
    ),
    (
        "environments.yaml",
        ENVIRONMENTS.replace(
            "environments:\n",
            "environments:\n- {name: more, overlays: [overlays/dev, overlays/stage]}\n",
        ),
    ),
    ("environments.yaml", ENVIRONMENTS.replace("overlays/stage}", "overlays/stage, ring: 1}")),
    ("waivers/dev.yaml", WAIVERS.format(reason="moving")),
    ("waivers/dev.yaml", WAIVERS.format(reason="moving on")),
    ("waivers/dev.yaml", None),
    ("baseline.yaml", "findings: []\n"),
    ("promotion/toolchain.yaml", "renderer: {kustomize: v5.8.1}\n"),
)
EDITS = st.one_of(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(TEXTS)), st.sampled_from(RECORDS)
)
STEPS = st.tuples(st.lists(EDITS, min_size=1, max_size=3), st.booleans())


class Here:
    """A repository with a cache beside it, as `diff` looks at it."""

    def __init__(self, root: Path, cache: Path, day: datetime.date = DAY) -> None:
        self.root, self.cache = root, cache
        self.environments = config.load(root).environments
        self.how = Settings(day, "jsonschema")
        self.change = repository.changed(root, "HEAD")
        self.index = InputIndex(root, cache, self.change)

    def keys(self) -> dict[str, str]:
        place = KeyPlace(self.root, self.cache, self.how)
        every = {each.name: own_key(each, place) for each in self.environments}
        return {name: key for name, key in every.items() if key is not None}

    def same(self) -> list[Environment]:
        """Those of which nothing differs from the commit."""
        differing = self.change.files | self.change.ignored
        names = unaffected(self.root, self.environments, differing, self.index.inputs)
        return [each for each in self.environments if each.name in names]

    def tree(self) -> JudgedTree:
        question = VerdictQuestion(
            self.root, self.environments, self.environments, self.how, self.cache
        )
        tree = JudgedTree(question, self.change.tree)
        tree.carry_over(self.same(), self.index.inputs)
        return tree

    def learn(self, names: Mapping[str, str]) -> None:
        here = {each.name for each in self.same()} & names.keys()
        self.tree().add([EnvironmentVerdict(name) for name in sorted(here)])


@given(st.lists(STEPS, min_size=1, max_size=4))
@examples(25)
def test_what_is_carried_over_has_the_key_that_it_had(
    steps: list[tuple[list[tuple[str, str | None]], bool]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root, cache = Path(folder, "root"), Path(folder, "cache")
        root.mkdir()
        made(root)
        here = Here(root, cache)
        # The key that each had when it was judged, and is believed by since: by the tree that it
        # was judged in, which may come back, or by the last one.
        judged = here.keys()
        by_tree = {here.change.tree: judged}
        here.learn(judged)
        for edits, links in steps:
            for name, text in edits:
                write(root, name, FILES.get(name) if text == "as it was" else text)
            if links:
                (root / "shared/link").unlink()
                (root / "shared/link").symlink_to("two")
            git(root, "add", ".")
            git(root, "commit", "-qm", "next", "--allow-empty")
            here = Here(root, cache)
            keys = here.keys()
            found = here.tree().found
            judged = by_tree.get(here.change.tree, judged)
            assert {name: keys.get(name) for name in found} == {n: judged[n] for n in found}
            here.learn(keys)
            # What is learned of a tree is what was judged in it, or what held for it.
            judged = by_tree[here.change.tree] = keys


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    root = copy_policies(tmp_path / "root")
    commit_all(root, "base")
    return root


def test_only_what_changed_between_two_trees_is_forgotten(policies: Path, tmp_path: Path) -> None:
    here = Here(policies, tmp_path / "cache")
    here.learn(here.keys())
    assert {*here.tree().found} == {"dev", "staging", "prod"}
    file = policies / "overlays/prod/kustomization.yaml"
    file.write_text(file.read_text("utf-8") + "# changed\n", encoding="utf-8")
    commit_all(policies, "prod")
    assert {*Here(policies, tmp_path / "cache").tree().found} == {"dev", "staging"}
    # Of what ends on a day nothing is known on another one.
    later = Here(policies, tmp_path / "cache", DAY + datetime.timedelta(days=1))
    dated = {each.name for each in later.environments if each.waivers or each.differences}
    assert dated
    assert {*later.tree().found} == {"dev", "staging"} - dated


def test_an_environment_that_is_added_leaves_the_others_known(
    policies: Path, tmp_path: Path
) -> None:
    here = Here(policies, tmp_path / "cache")
    here.learn(here.keys())
    file = policies / "environments.yaml"
    text = file.read_text("utf-8")
    more = "\nenvironments:\n  - {name: more, overlays: [overlays/dev, overlays/staging]}\n"
    file.write_text(text.replace("\nenvironments:\n", more), encoding="utf-8")
    commit_all(policies, "one more")
    assert {*Here(policies, tmp_path / "cache").tree().found} == {"dev", "staging", "prod"}


def test_a_tree_that_git_no_longer_has_says_nothing(policies: Path, tmp_path: Path) -> None:
    here = Here(policies, tmp_path / "cache")
    here.learn(here.keys())
    git(policies, "checkout", "-q", "--orphan", "other")
    (policies / "README.md").write_text("other\n", encoding="utf-8")
    commit_all(policies, "no parent")
    git(policies, "branch", "-qD", "main")
    git(policies, "reflog", "expire", "--expire=now", "--all")
    git(policies, "gc", "-q", "--prune=now")
    assert Here(policies, tmp_path / "cache").tree().found == {}
