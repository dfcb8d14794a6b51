"""Sources are followed once for their survey and their build, and never from an older run."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from fleet_repository import write_fleet
from meshgate import config
from meshgate.pipeline import Folder, Settings, judge
from meshgate.source import build
from meshgate.source.tree import Tree

HOW = Settings(datetime.date(2026, 8, 1), "jsonschema")
COUNT = 6


@pytest.fixture
def followed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The overlays that were followed, in order."""
    overlays: list[str] = []
    real = Tree._follow  # noqa: SLF001

    def noted(self: Tree) -> None:
        overlays.append(self.overlay)
        real(self)

    monkeypatch.setattr(Tree, "_follow", noted)
    return overlays


def test_each_overlay_is_followed_once(tmp_path: Path, followed: list[str]) -> None:
    root = write_fleet(tmp_path / "root", COUNT, broken=False)
    environments = config.load(root).environments
    judged = judge(environments, Folder(root, cache=None), HOW)
    assert all(each.context is not None for each in judged.values())
    assert sorted(followed) == sorted(each.overlay or "" for each in environments)


@pytest.mark.parametrize("most", [0, 2, 100])
def test_files_that_come_later_are_seen(
    most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a base is written out of git in part, and then as a whole."""
    monkeypatch.setattr(build, "MOST_KEPT", most)
    root = write_fleet(tmp_path / "root", COUNT, broken=False)
    environments = config.load(root).environments
    policies = root / "policies/mesh-wide/policies.yaml"
    text = policies.read_text("utf-8")
    # An error of the sources: they are surveyed, and not built.
    policies.write_text(text.replace("mode: STRICT", "mode: STRICT, mode: STRICT"), "utf-8")
    files = Folder(root, cache=None)
    assert all(each.failure is not None for each in judge(environments, files, HOW).values())
    policies.write_text(text, encoding="utf-8")
    judged = judge(environments, files, HOW)
    expected = judge(environments, Folder(root, cache=None), HOW)
    assert all(each.failure is None for each in judged.values())
    assert {name: each.findings for name, each in judged.items()} == {
        name: each.findings for name, each in expected.items()
    }
