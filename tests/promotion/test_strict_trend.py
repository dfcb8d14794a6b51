"""How STRICT coverage grew where nothing was promoted: by git, bounded, and kept."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pytest

from meshgate.pipeline import Settings
from meshgate.promotion import strict_trend
from meshgate.promotion.overview import Posture
from meshgate.promotion.strict_trend import Trend, strict_trends
from promoted import git

SETTINGS = Settings(dt.date(2026, 8, 1), "jsonschema")
PATCH = "overlays/dev/boards-permissive.yaml"


@pytest.fixture
def history(transport_policies: Path) -> Path:
    """A day each, boards of dev are PERMISSIVE, STRICT and open again: that after many a try."""

    def commit(day: int, message: str) -> None:
        git(root, "add", "--all")
        git(root, "commit", "--quiet", "-m", message, day=day)

    root = transport_policies
    shutil.rmtree(root / ".git")
    git(root, "init", "--quiet", "--initial-branch", "main")
    file = root / PATCH
    open_ = file.read_text("utf-8")
    strict = open_.replace("PERMISSIVE", "STRICT")
    commit(0, "begin")
    for day, text, message in (
        (1, strict, "close boards"),
        (2, open_, "open boards"),
        (2, strict, "close boards again"),
        (2, open_, "open boards again"),
    ):
        file.write_text(text, encoding="utf-8")
        commit(day, message)
    (root / "README.md").write_text("no input\n", encoding="utf-8")
    commit(3, "say more")
    return root


def told(trend: Trend) -> list[tuple[str, Posture]]:
    return [(stage.commit.subject, stage.posture) for stage in trend.stages]


def test_the_last_commit_of_each_day_that_changes_it_is_a_point(
    history: Path, tmp_path: Path
) -> None:
    trend = strict_trends(history, ["dev"], SETTINGS, tmp_path)["dev"]

    assert trend.lacking == ""
    # One port stays open to who scrapes it.
    assert told(trend) == [
        ("open boards again", Posture(6, 0)),
        ("close boards", Posture(6, 5)),
        ("begin", Posture(6, 0)),
    ]


def test_only_the_newest_days_are_told(
    history: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strict_trend, "DAYS", 2)

    trend = strict_trends(history, ["dev"], SETTINGS, tmp_path)["dev"]

    assert [subject for subject, _ in told(trend)] == ["open boards again", "close boards"]


def test_what_takes_too_long_is_said_and_what_is_kept_takes_no_time(
    history: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strict_trend, "PATIENCE", -1.0)

    nothing = strict_trends(history, ["dev"], SETTINGS, tmp_path)["dev"]
    assert nothing.stages == []
    assert "not worked out yet" in nothing.lacking

    monkeypatch.setattr(strict_trend, "PATIENCE", 60.0)
    whole = strict_trends(history, ["dev"], SETTINGS, tmp_path)["dev"]
    monkeypatch.setattr(strict_trend, "PATIENCE", -1.0)
    assert strict_trends(history, ["dev"], SETTINGS, tmp_path)["dev"] == whole


def test_a_commit_that_does_not_build_is_no_point(history: Path, tmp_path: Path) -> None:
    (history / PATCH).write_text("kind: [\n", encoding="utf-8")
    git(history, "commit", "--quiet", "-am", "break it", day=3)

    trend = strict_trends(history, ["dev"], SETTINGS, tmp_path)["dev"]

    subjects = [subject for subject, _ in told(trend)]
    assert subjects == ["open boards again", "close boards", "begin"]


def test_a_shallow_clone_and_a_folder_without_git_say_why(history: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--depth", "1", history.as_uri(), str(tmp_path / "shallow"))
    (tmp_path / "folder").mkdir()

    shallow = strict_trends(tmp_path / "shallow", ["dev"], SETTINGS, None)["dev"]
    without = strict_trends(tmp_path / "folder", ["dev"], SETTINGS, None)["dev"]

    assert shallow.lacking == "this clone has no more of the history"
    assert without == Trend((), "git has no history of this folder")
