"""A clone with two commits."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from promoted import START, commit, git

WHEN = START + dt.timedelta(days=9)


def two_commits(folder: Path) -> Path:
    """A clone with two commits on main; the second one changes `b` alone."""
    folder.mkdir()
    git(folder, "init", "--quiet", "-b", "main")
    commit(folder, {"a/one": "1\n", "b": "2\n"}, "start")
    commit(folder, {"b": "3\n"}, "change b (#7)", day=1)
    return folder
