"""A repository as `meshgate init` makes it, and an API server with a module's own objects."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshgate.cli import init as init_command
from meshgate.model import JSONObject
from recorded_api import RecordedApi, recorded_api


@pytest.fixture(scope="session")
def new_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shared one: never change it."""
    folder = tmp_path_factory.mktemp("new") / "repository"
    init_command.init(folder)
    return folder


@pytest.fixture
def repository(new_repository: Path, tmp_path: Path) -> Path:
    """A copy of the test's own."""
    return Path(shutil.copytree(new_repository, tmp_path / "repository", symlinks=True))


@pytest.fixture
def never_synced(repository: Path) -> None:
    """Take away the objects for clusters that a new repository has."""
    shutil.rmtree(repository / "sync")


@pytest.fixture
def api(running_objects: list[JSONObject], tmp_path: Path) -> Iterator[RecordedApi]:
    """A cluster that has the objects of the module's fixture `running_objects`."""
    with recorded_api(tmp_path, running_objects) as running:
        yield running
