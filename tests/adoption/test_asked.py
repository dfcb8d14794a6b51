"""`init --here` on a terminal: a person leaves out environments and files."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from meshgate import config
from promoted import git
from tree_manifests import TOP_POLICY, clone, run

Answered = Callable[..., tuple[int, str]]
END = "\x04"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return clone("rendered-manifests", tmp_path)


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answered]:
    """Run `init --here` at a pseudo terminal, on which the given lines are typed.

    Gives the exit code and what the terminal showed.
    """
    person, program = os.openpty()
    shown: list[bytes] = []

    def read() -> None:
        while True:
            try:
                part = os.read(person, 4096)
            except OSError:  # the other side is closed
                return
            if not part:
                return
            shown.append(part)

    reader = threading.Thread(target=read)
    reader.start()
    stdin, stdout = os.fdopen(os.dup(program)), os.fdopen(program, "w")

    def at_terminal(root: Path, *lines: str) -> tuple[int, str]:
        # After the last line the input ends: a question too many is none that waits for ever.
        os.write(person, ("".join(f"{each}\n" for each in lines) + END).encode())
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", stdin)
            patch.setattr(sys, "stdout", stdout)
            code = run(root, "init", "--here")
        close()
        return code, b"".join(shown).decode().replace("\r\n", "\n")

    def close() -> None:
        stdin.close()
        stdout.close()
        reader.join(10)

    yield at_terminal
    close()
    os.close(person)


def written(folder: Path) -> list[str]:
    """What lies beside what was cloned."""
    assert not git(folder, "diff", "--stat", "HEAD")
    return sorted(git(folder, "ls-files", "--others").splitlines())


def test_enter_takes_everything(folder: Path, answered: Answered, tmp_path: Path) -> None:
    by_yes = clone("rendered-manifests", tmp_path / "by-yes")
    assert run(by_yes, "init", "--here", "--yes") == 0

    code, shown = answered(folder, "", "")

    assert code == 0
    assert "environments:\n  1. staging\n  2. prod\n" in shown
    assert "leave out which environments?" in shown
    assert "leave out which files?" in shown
    assert written(folder) == written(by_yes)
    for name in written(folder):
        assert (folder / name).read_bytes() == (by_yes / name).read_bytes()
    assert run(folder, "validate") == 0


@pytest.mark.parametrize("answer", ["1", "staging", " staging, ", "1 staging"])
def test_an_environment_is_left_out(folder: Path, answered: Answered, answer: str) -> None:
    code, shown = answered(folder, answer, "")

    assert code == 0
    (environment,) = config.load(folder).environments
    assert environment.name == "prod"
    # What it would come after is not there.
    assert not environment.after
    assert "waivers/staging.yaml" not in written(folder)
    # What was found in it is not accepted, either.
    assert "environment: staging" not in (folder / "baseline.yaml").read_text()
    assert shown.count("Findings of today:") == 2
    assert run(folder, "validate", "prod") == 0


def test_files_are_left_out(folder: Path, answered: Answered) -> None:
    code, shown = answered(folder, "", "9,.github/workflows/meshgate.yml")

    assert code == 0
    assert "9. .gitignore" in shown
    assert ".github/workflows/meshgate.yml" not in written(folder)
    assert ".gitignore" not in written(folder)
    assert {"environments.yaml", "baseline.yaml"} <= {*written(folder)}
    assert "7 files written" in shown
    assert run(folder, "validate") == 0


def test_a_word_that_is_in_no_list_is_asked_for_again(folder: Path, answered: Answered) -> None:
    code, shown = answered(folder, "3 prdo", "0", "n", "2", "all")

    assert code == 0
    assert "there is no 3 and no prdo in the list" in shown
    assert "there is no n in the list" in shown
    assert shown.count("leave out which environments?") == 4
    assert not written(folder)


@pytest.mark.parametrize(
    "lines", [("all",), ("", "all"), (), ("",)], ids=["none", "no file", "end", "late end"]
)
def test_nothing_is_written_that_nobody_wants(
    folder: Path, answered: Answered, lines: tuple[str, ...]
) -> None:
    code, shown = answered(folder, *lines)

    assert code == 0
    assert "nothing is written" in shown
    assert not written(folder)


def test_all_that_is_new_is_left_out_of_what_is_there(folder: Path, answered: Answered) -> None:
    assert run(folder, "init", "--here", "--yes") == 0
    (folder / "manifests" / "qa").mkdir()
    (folder / "manifests" / "qa" / "a.yaml").write_text(TOP_POLICY)
    before = {name: (folder / name).read_bytes() for name in written(folder)}

    code, shown = answered(folder, "qa")

    assert code == 0
    assert "+  - name: qa" not in shown
    assert {name: (folder / name).read_bytes() for name in written(folder)} == before
