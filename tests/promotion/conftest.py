"""Clients of two forges that several files of these tests start from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes import github, gitlab
from forge_clients import Hub, Lab
from forge_worlds import LocalWorld, repository
from meshgate.promotion.forges import retry


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("forge") / "template"


@pytest.fixture
def world(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> LocalWorld:
    monkeypatch.setattr(retry, "PAUSES", (0.01, 0.01, 0.01))
    return LocalWorld(*repository(tmp_path, template))


@pytest.fixture
def hub(world: LocalWorld) -> Iterator[Hub]:
    fake = github.GitHub(world.seen_by)
    with fake.running():
        yield Hub(world, fake)


@pytest.fixture
def lab(world: LocalWorld) -> Iterator[Lab]:
    fake = gitlab.GitLab(world.seen_by)
    with fake.running():
        yield Lab(world, fake)


@pytest.fixture(params=["hub", "lab"])
def either(request: pytest.FixtureRequest) -> Hub | Lab:
    found: Hub | Lab = request.getfixturevalue(request.param)
    return found
