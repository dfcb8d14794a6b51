"""The one place that starts programs: every way one can end."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from meshgate.errors import ToolError
from meshgate.process import run

PYTHON = sys.executable


def test_gives_what_a_program_printed_and_its_code() -> None:
    done = run([PYTHON, "-c", "import sys; print('out'); sys.exit('err')"], timeout=30)

    assert (done.code, done.stdout, done.stderr) == (1, b"out\n", "err\n")


def test_a_missing_program_is_an_error_with_the_way_out() -> None:
    with pytest.raises(ToolError, match="no-such-program") as raised:
        run(["no-such-program"], timeout=1)
    assert "nox -s tools" in str(raised.value)


def test_a_file_that_cannot_run_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "tool").write_text("", encoding="utf-8")

    with pytest.raises(ToolError, match="cannot start"):
        run([str(tmp_path / "tool")], timeout=1)


def test_a_program_that_hangs_is_stopped() -> None:
    with pytest.raises(ToolError, match=r"did not end within 0.2 seconds"):
        run([PYTHON, "-c", "import time; time.sleep(60)"], timeout=0.2)


def test_a_killed_program_is_never_a_result() -> None:
    with pytest.raises(ToolError, match="signal 9"):
        run([PYTHON, "-c", "import os; os.kill(os.getpid(), 9)"], timeout=30)


def test_variables_of_git_are_not_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/elsewhere")

    told = run(
        [PYTHON, "-c", "import os; print(os.environ.get('GIT_DIR'), os.environ['MINE'])"],
        timeout=30,
        environment={"MINE": "1"},
    )

    assert told.stdout.split() == [b"None", b"1"]


def test_standard_input_is_empty_unless_given() -> None:
    code = "import sys; print(len(sys.stdin.read()))"

    assert run([PYTHON, "-c", code], timeout=30).stdout.strip() == b"0"
    assert run([PYTHON, "-c", code], timeout=30, stdin=os.linesep.encode()).stdout.strip() == b"1"
