"""What the README shows is what the commands print, and each command that it names is there."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from meshgate.cli import COMMANDS, main
from places import REPOSITORY
from policy_repository import copy_policies

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
WIDTH = 100


def blocks(language: str) -> list[str]:
    """The code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """This repository's policies in a commit, and the README's change on top of it."""
    copy_policies(tmp_path, "rendered")
    (change,) = blocks("diff")
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "policies"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, check=True, input=change.encode())
    return tmp_path


def without_commits(text: str) -> str:
    return re.sub(r"\b[0-9a-f]{12}\b", "COMMIT", text)


def test_the_output_that_is_shown_is_what_is_printed(
    changed: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    (shown,) = blocks("console")
    command, output = shown.split("\n", 1)

    code = main(["-C", str(changed), *shlex.split(command.removeprefix("$ meshgate "))])

    assert code == 1
    assert without_commits(capsys.readouterr().out) == without_commits(output)


def test_every_command_and_option_of_the_readme_is_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    spans = re.findall(r"`([^`\n]+)`", README.replace("```", ""))
    named = [span.split("meshgate ", 1)[1] for span in spans if "meshgate " in span]

    assert len(named) > 10
    for words in map(str.split, named):
        if words[0] not in ("--help", "COMMAND"):
            assert words[0] in COMMANDS
            assert main([words[0], "--help"]) == 0
            told = capsys.readouterr().out
            assert all(word.split("=")[0] in told for word in words if word.startswith("--"))
