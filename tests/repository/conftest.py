"""A clone with two commits, and it opened."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from meshgate.repository import Repository
from two_commits import two_commits


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return two_commits(tmp_path / "clone")


@pytest.fixture
def repository(folder: Path) -> Iterator[Repository]:
    with Repository(folder) as repository:
        yield repository
