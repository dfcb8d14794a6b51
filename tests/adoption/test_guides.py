"""Each guide of docs/adopt/ is followed as it is printed, on a reduced repository."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshgate.cli import main
from places import REPOSITORY
from promoted import git
from tree_manifests import SHAPES, clone

GUIDES = REPOSITORY / "docs" / "adopt"
SHAPE = re.compile(r"<!-- followed on tests/adoption/repositories/([\w-]+) -->")
BLOCK = re.compile(r"^```(console|diff|yaml file=(\S+))\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What a guide shows on the way ends so; anything else ends with 0.
ENDS = {"adopt staging --plan": 8}


def guides() -> list[str]:
    return sorted(path.name for path in GUIDES.glob("*.md") if SHAPE.search(path.read_text()))


def commands(block: str) -> Iterator[tuple[str, list[str]]]:
    """Each command of a block, with the lines that it is said to print."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, *printed = part.rstrip("\n").split("\n")
        yield command, printed


@pytest.mark.parametrize("guide", guides())
def test_a_guide_is_followed_as_it_is_printed(
    guide: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = (GUIDES / guide).read_text()
    (shape,) = SHAPE.findall(text)
    folder = clone(shape, tmp_path)
    monkeypatch.chdir(folder)

    for kind, file, block in BLOCK.findall(text):
        if kind == "diff":
            (tmp_path / "a.patch").write_text(block)
            git(folder, "apply", "--recount", str(tmp_path / "a.patch"))
            continue
        if file:
            (folder / file).write_text(block)
            continue
        for command, printed in commands(block):
            program, *arguments = shlex.split(command)
            if program == "git":
                git(folder, *arguments)
                continue
            assert program == "meshgate"
            capsys.readouterr()
            code = main(["-C", ".", *arguments])
            shown = " ".join(capsys.readouterr().out.split())
            assert code == ENDS.get(" ".join(arguments), 0), command
            for line in printed:
                assert " ".join(line.split()) in shown, (command, line)


def test_every_shape_has_its_guide() -> None:
    followed = {SHAPE.findall((GUIDES / guide).read_text())[0] for guide in guides()}
    assert followed == set(SHAPES)
