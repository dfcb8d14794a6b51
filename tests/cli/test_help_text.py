"""Help fits the terminal, whatever a docstring's lines are long."""

from __future__ import annotations

import shlex

import pytest

from meshgate.cli import COMMANDS, main
from meshgate.cli.help_text import Help

TEXT = """\
One line.

Prose that is written in lines of a hundred letters, as docstrings are, is filled to fit.

examples:
  meshgate who-can shop/web          which clients get in at a service of whom it is said here
  meshgate gate --all --evidence "probe one=artifacts/probe" --expect promotion-check=github-actions
"""


def shown(width: int) -> list[str]:
    # argparse keeps two columns for itself.
    return Help("meshgate", width=width)._fill_text(TEXT, width, "").splitlines()  # noqa: SLF001


@pytest.mark.parametrize("width", [60, 78, 90])
def test_no_line_is_longer_than_the_terminal(width: int) -> None:
    lines = shown(width)

    assert all(len(line) <= width for line in lines)
    assert lines[:2] == ["One line.", ""]
    words = [word for line in lines for word in line.split() if word != "\\"]
    assert words == TEXT.split()


def test_an_example_can_be_pasted() -> None:
    lines = shown(60)
    start = next(n for n, line in enumerate(lines) if "gate --all" in line)

    pasted = "\n".join(lines[start:]).replace("\\\n", "")

    assert shlex.split(pasted) == shlex.split(TEXT.splitlines()[-1])
    assert not any(line.endswith(("--expect \\", "--evidence \\")) for line in lines)


def test_what_fits_is_left_as_it_is() -> None:
    assert shown(105) == TEXT.splitlines()


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    assert main([command, "--help"]) == 0

    assert [line for line in capsys.readouterr().out.splitlines() if len(line) > 80] == []
