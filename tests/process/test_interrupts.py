"""An interrupt ends a command within a second, with all it started, wherever it falls.

The moments are random, over the whole time from the first line of the package to the last.
`nox -s interrupts` tries 200 of them; INTERRUPTS says how many, and `nox -s whole` tries each
command.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from conftest import TODAY
from fleet_repository import write_fleet
from meshgate import process
from meshgate.cli import main
from meshgate.interrupts import INTERRUPTED, LINE
from pipeline import Pipeline, copy
from places import REPOSITORY
from promoted import git
from samples import WHOLE

pytestmark = pytest.mark.sampled(every=3)

MOMENTS = int(os.environ.get("INTERRUPTS", "8"))
# Seconds. A machine that does much else at once is given more, so that no test fails by chance.
LIMIT = float(os.environ.get("INTERRUPTS_LIMIT", "15"))

# What each one spends its time in.
COMMANDS = {
    "validate": (),  # renders in threads
    "validate-kubeconform": ("--engine", "kubeconform"),  # renders, then waits for one program
    "validate-jobs": ("--jobs", "2"),  # processes of its own, each with programs
    "lint": (),  # PyYAML, jsonschema-rs, CEL
    "lint-stdin": (),  # a read that nobody answers
    "diff": ("--base", "HEAD~1"),  # git through GitPython, a checkout in the temporary folder
    "report": ("--format", "html"),
    "audit": (),  # much of git
    "promote": ("staging",),  # git, a lock of the forge, refs
}
# One of each kind: threads and processes, a program, a read that waits, and git.
TRIED = tuple(COMMANDS) if WHOLE else ("validate-jobs", "lint-stdin", "promote")


class Running(NamedTuple):
    """A command in a session of its own, and the folder it has for temporary files."""

    process: subprocess.Popen[bytes]
    temporary: Path
    out: Path
    err: Path


class Ended(NamedTuple):
    """How a command ended, `seconds` after the interrupt; bytes `printed` before it and in all."""

    code: int
    errors: str
    seconds: float
    printed: tuple[int, int]


@pytest.fixture(scope="module")
def start(
    tmp_path_factory: pytest.TempPathFactory, pipeline_once: Pipeline, kubeconform: Path
) -> Iterator[Callable[[str], Running]]:
    """Start a command by its name here; each has fresh folders, and is killed with the module."""
    assert kubeconform.is_file()
    folder = tmp_path_factory.mktemp("interrupts")
    manifests = folder / "manifests"
    manifests.mkdir()
    fleet = write_fleet(folder / "fleet", 96, broken=False)
    text = "---\n".join(
        file.read_text("utf-8") for file in sorted((REPOSITORY / "rendered").rglob("*.yaml"))
    )
    for number in range(10):
        (manifests / f"{number}.yaml").write_text(text, encoding="utf-8")
    with contextlib.ExitStack() as running:

        def launch(name: str) -> Running:
            own = Path(os.path.realpath(tmp_path_factory.mktemp(name)))
            temporary = own / "tmp"
            temporary.mkdir()
            work = REPOSITORY if name.startswith("validate") else copy(pipeline_once, own).work
            work = fleet if name == "validate-jobs" else work
            command = name.partition("-")[0]
            arguments = [command, "-C", str(work), "--no-cache", *COMMANDS[name]]
            if command == "lint":
                arguments = ["lint", "-" if name == "lint-stdin" else str(manifests)]
            variables = {
                "TMPDIR": str(temporary),
                "MESHGATE_TODAY": TODAY,
                "MESHGATE_FORGE": "local",
                "MESHGATE_FORGE_URL": str(own / "hub.git"),
            }
            with (own / "out").open("wb") as out, (own / "err").open("wb") as err:
                process = subprocess.Popen(
                    [sys.executable, "-m", "meshgate", *arguments],
                    stdin=subprocess.PIPE,
                    stdout=out,
                    stderr=err,
                    env={**os.environ, **variables},
                    start_new_session=True,
                )
            running.callback(_end, process)
            return Running(process, temporary, own / "out", own / "err")

        yield launch


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def watches(running: Running) -> bool:
    """Whether the first lines of the package have run: it has a handler for SIGTERM."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{running.process.pid}/status").read_text("ascii").splitlines():
            if line.startswith("SigCgt:"):
                return bool(int(line.split()[1], 16) >> (signal.SIGTERM - 1) & 1)
    return False


def begin(start: Callable[[str], Running], name: str) -> Running:
    running = start(name)
    while not watches(running):
        assert running.process.poll() is None, running.err.read_text("utf-8")
        time.sleep(0.005)
    return running


def duration(start: Callable[[str], Running], name: str) -> float:
    """The seconds that a command takes when nobody interrupts it; it must do its work."""
    running = begin(start, name)
    since = time.monotonic()
    if name == "lint-stdin":
        _end(running.process)
        return 0.5
    assert running.process.wait(timeout=60) in {0, 1}, running.err.read_text("utf-8")
    return time.monotonic() - since


def interrupted(running: Running, number: signal.Signals, after: float) -> Ended:
    """Interrupt a command after that many seconds, as a terminal or as a supervisor does."""
    time.sleep(after)
    before = running.out.stat().st_size
    since = time.monotonic()
    with contextlib.suppress(ProcessLookupError):
        if number is signal.SIGINT:
            os.killpg(running.process.pid, number)
        else:
            running.process.send_signal(number)
    code = running.process.wait(timeout=60)
    seconds = time.monotonic() - since
    printed = (before, running.out.stat().st_size)
    return Ended(code, running.err.read_text("utf-8"), seconds, printed)


def left_over(running: Running) -> list[str]:
    """The command lines of processes that a command has left in its session."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, _, _, session = (
                (folder / "stat").read_text("utf-8", "replace").rpartition(") ")[2].split()[:4]
            )
            if int(session) == running.process.pid and state != "Z":
                found.append((folder / "cmdline").read_text("utf-8", "replace"))
    return found


@pytest.mark.sampled
@pytest.mark.parametrize("name", TRIED)
def test_at_random_moments(name: str, start: Callable[[str], Running]) -> None:
    whole = duration(start, name)
    latest = 0.0
    for attempt in range(-(-MOMENTS // len(COMMANDS))):
        moments = random.Random(f"{name} {attempt}")
        number = moments.choice((signal.SIGINT, signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
        # The start is short, and much can go wrong in it.
        after = moments.uniform(0, moments.choice((whole, whole, 0.02)))
        running = begin(start, name)
        ended = interrupted(running, number, after)
        where = f"{number.name} after {after:.3f} of {whole:.3f} s: {ended}"

        assert ended.seconds < LIMIT, where
        assert "Traceback" not in ended.errors, where
        if ended.code == INTERRUPTED:
            assert ended.errors.endswith(LINE), where
            assert ended.errors.count("interrupted") == 1, where
        else:  # it was faster: it had said all it had to say
            assert ended.code in {0, 1}, where
            assert 0 < ended.printed[0] == ended.printed[1], where
        assert left_over(running) == [], where
        assert list(running.temporary.iterdir()) == [], where
        latest = max(latest, ended.seconds)
    print(f"{name}: {latest:.3f} s at most")


def test_a_program_that_ends_by_ctrl_c_is_an_interrupt() -> None:
    with pytest.raises(KeyboardInterrupt):
        process.run([sys.executable, "-c", "import os; os.kill(os.getpid(), 2)"], timeout=30)


def test_a_signal_that_the_parent_ignores_stays_ignored(start: Callable[[str], Running]) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        running = begin(start, "lint-stdin")
    finally:
        signal.signal(signal.SIGHUP, before)
    running.process.send_signal(signal.SIGHUP)
    running.process.communicate(b"", timeout=60)

    assert running.process.returncode == 5
    assert list(running.temporary.iterdir()) == []


def test_an_interrupted_promotion_leaves_no_lock_and_is_ended_by_the_next(
    start: Callable[[str], Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = duration(start, "promote")
    running = begin(start, "promote")
    ended = interrupted(running, signal.SIGTERM, whole * 0.7)
    folder = running.out.parent

    assert ended.code in {0, INTERRUPTED}, ended
    # git's own, which are there while they are held; the forge's is held by the kernel (flock).
    assert [file for file in folder.rglob("*.lock") if file.name != "forge.lock"] == []
    assert git(folder / "work", "status", "--porcelain") == ""
    monkeypatch.setenv("MESHGATE_FORGE", "local")
    monkeypatch.setenv("MESHGATE_FORGE_URL", str(folder / "hub.git"))
    assert main(["promote", "staging", "-C", str(folder / "work"), "--no-cache"]) == 0
    assert git(folder / "hub.git", "branch", "--list", "promote/staging/*").count("promote/") == 1
