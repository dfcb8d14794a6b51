"""What every test stands on: a fixed day, a clean git, and `--update` for expected output."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from run_costs import git_settings, keep_bytecode, prefer_memory, spare_what_stays
from samples import SUITE, is_of_suite
from signals import heed_signals

TODAY = "2026-08-01"

# Fixtures of other files.
pytest_plugins = (
    "tools",
    "promoted",
    "judged",
    "pipeline",
    "policy_repository",
    "rendered_overlay",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite expected output; read the diff")


keep_bytecode()
prefer_memory()


def pytest_configure(config: pytest.Config) -> None:
    # 90 modules, compiled to where they are kept.
    from hypothesis import settings  # noqa: PLC0415

    from examples import steady  # noqa: PLC0415

    heed_signals()
    # Whoever names tests wants all of them; the suite tries its sample, in each of its processes.
    is_named = config.args_source is pytest.Config.ArgsSource.ARGS or config.option.keyword
    if not is_named:
        os.environ.setdefault(SUITE, "1")
    settings.register_profile("steady", steady())
    settings.load_profile("steady")
    if config.getoption("--update") and os.environ.get("CI"):
        raise pytest.UsageError("--update is for people: CI must compare, not rewrite")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out of the suite what the marks `sampled` and `whole` leave to `nox -s whole`."""
    if os.environ.get(SUITE) != "1":
        return
    config.hook.pytest_deselected(items=[item for item in items if not is_of_suite(item)])
    items[:] = [item for item in items if is_of_suite(item)]


def pytest_collection_finish() -> None:
    spare_what_stays()


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    """Whether expected output is to be rewritten."""
    return bool(request.config.getoption("--update"))


@pytest.fixture(scope="session", autouse=True)
def _steady_environment(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The same day, git identity and cache for every test; nothing of the machine's own."""
    from meshgate.tools import installed  # noqa: PLC0415 - as above

    for name in [name for name in os.environ if name.startswith(("GIT_", "GITHUB_"))]:
        del os.environ[name]
    # The kustomize of the wheel's kubectl, at an eighth of its start-up; tests of the wheel's own
    # take it out of PATH.
    folder = installed("kustomize").parent
    os.environ.update(
        PATH=f"{folder}{os.pathsep}{os.environ['PATH']}",
        MESHGATE_TODAY=TODAY,
        NO_COLOR="1",
        COLUMNS="100",
        GIT_CONFIG_GLOBAL=str(git_settings(tmp_path_factory.mktemp("git"))),
        GIT_CONFIG_SYSTEM=os.devnull,
        GIT_AUTHOR_NAME="A Test",
        GIT_AUTHOR_EMAIL="test@example.com",
        GIT_COMMITTER_NAME="A Test",
        GIT_COMMITTER_EMAIL="test@example.com",
    )


@pytest.fixture(autouse=True)
def _leaves_no_process() -> Iterator[None]:
    """Every process that a test starts ends with it: what is left is killed, and fails the test.

    Those of fixtures with a wider scope were there before.
    """
    before = _children()
    yield
    # The readers of a repository that a wider fixture keeps open start late, and end with it.
    # Python's own watcher over processes stays until this one ends.
    left = {
        process: command
        for process in _children() - before
        if (command := _command(process))
        and "cat-file --batch" not in command
        and "resource_tracker" not in command
    }
    for process in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    assert not left, f"still running: {left}"


def _children() -> set[int]:
    """The ids of the processes that this one has started and not waited for."""
    found: set[int] = set()
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            found.update(map(int, (thread / "children").read_text("ascii").split()))
    return found


def _command(process: int) -> str:
    """The command line of a process; empty where it has ended."""
    try:
        text = Path(f"/proc/{process}/cmdline").read_text("utf-8", "replace")
    except OSError:
        return ""
    return text.replace("\0", " ")


def expect(actual: str, file: Path, *, update: bool) -> None:
    """Compare with a file of expected output, or rewrite it."""
    if update:
        file.write_text(actual, encoding="utf-8")
    assert file.is_file(), f"{file} is missing; `pytest --update` writes it"

    assert actual == file.read_text(encoding="utf-8")
