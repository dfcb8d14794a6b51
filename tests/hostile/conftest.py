"""One small repository that validates, which attacks change a copy of."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from promoted import FILES, write


@pytest.fixture(scope="session")
def hostile_start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shared one: never change it."""
    folder = tmp_path_factory.mktemp("hostile") / "repository"
    write(folder, FILES)
    environments = "environments:\n  - {name: dev, overlay: overlays/dev, mode: floating}\n"
    write(folder, {"environments.yaml": environments})
    for name in ("staging", "prod"):
        shutil.rmtree(folder / "overlays" / name)
        shutil.rmtree(folder / "inventory" / name)
    return folder


@pytest.fixture
def hostile_repository(hostile_start: Path, tmp_path: Path) -> Callable[[str, str], Path]:
    """A copy in which one file says what an attacker wrote."""

    def change(file: str, text: str) -> Path:
        root = tmp_path / "repository"
        shutil.copytree(hostile_start, root)
        write(root, {file: text})
        return root

    return change
