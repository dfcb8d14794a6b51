"""What every test stands on: a fixed day, a clean git, and `--update` for expected output."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

TODAY = "2026-08-01"

# Fixtures of other files.
pytest_plugins = ("tools", "promoted", "judged", "pipeline")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite expected output; read the diff")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--update") and os.environ.get("CI"):
        raise pytest.UsageError("--update is for people: CI must compare, not rewrite")


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    """Whether expected output is to be rewritten."""
    return bool(request.config.getoption("--update"))


@pytest.fixture(scope="session", autouse=True)
def _steady_environment() -> None:
    """The same day, git identity and cache for every test; nothing of the machine's own."""
    for name in [name for name in os.environ if name.startswith(("GIT_", "GITHUB_"))]:
        del os.environ[name]
    os.environ.update(
        MESHGATE_TODAY=TODAY,
        NO_COLOR="1",
        COLUMNS="100",
        GIT_CONFIG_GLOBAL=os.devnull,
        GIT_CONFIG_SYSTEM=os.devnull,
        GIT_AUTHOR_NAME="A Test",
        GIT_AUTHOR_EMAIL="test@example.com",
        GIT_COMMITTER_NAME="A Test",
        GIT_COMMITTER_EMAIL="test@example.com",
    )


def expect(actual: str, file: Path, *, update: bool) -> None:
    """Compare with a file of expected output, or rewrite it."""
    if update:
        file.write_text(actual, encoding="utf-8")
    assert file.is_file(), f"{file} is missing; `pytest --update` writes it"

    assert actual == file.read_text(encoding="utf-8")
