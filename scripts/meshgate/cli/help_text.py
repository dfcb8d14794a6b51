"""Help that fits the terminal: prose is filled, examples keep their lines."""

from __future__ import annotations

import argparse
import itertools
import re
import textwrap
from collections.abc import Iterator

# `  meshgate lint -       what stands beside it`.
EXAMPLE = re.compile(r"(?P<what>\s+\S.*?)(?P<gap>\s{2,})(?P<words>\S.*)")
# Beside an example there is room for so many letters, or its words stay in one line.
NARROWEST = 12
# A word of a command, an option with its value.
TEXT = r"(?:\"[^\"]*\"|[^\s\"])+"
WORD = re.compile(rf"--[\w-]+ (?!-|\||>){TEXT}|{TEXT}")
CONTINUED = " \\"


class Help(argparse.RawDescriptionHelpFormatter):
    """As argparse's own, whose descriptions run over the edge of a narrow terminal."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines = text.splitlines()
        if all(len(line) <= width - len(indent) for line in lines):
            return super()._fill_text(text, width, indent)
        filled: list[str] = []
        for is_prose, block in itertools.groupby(lines, _is_prose):
            if is_prose:
                filled += _filled(list(block), width - len(indent))
            else:
                filled += (part for line in block for part in _example(line, width - len(indent)))
        return "".join(f"{indent}{line}\n" for line in filled)


def _is_prose(line: str) -> bool:
    return bool(line.strip()) and not line[0].isspace()


def _filled(lines: list[str], width: int) -> list[str]:
    """A paragraph; as it is where it fits."""
    if all(len(line) <= width for line in lines):
        return lines
    return textwrap.wrap(" ".join(lines), width, break_long_words=False, break_on_hyphens=False)


def _example(line: str, width: int) -> Iterator[str]:
    """An example, with what is said of it in as many lines as it needs."""
    matched = EXAMPLE.fullmatch(line)
    if len(line) <= width:
        yield line
        return
    if matched is None:
        yield from _command(line, width)
        return
    before = matched["what"] + matched["gap"]
    if width - len(before) < NARROWEST:
        yield line
        return
    wrapped = textwrap.wrap(matched["words"], width - len(before), break_long_words=False)
    yield before + wrapped[0]
    yield from (" " * len(before) + each for each in wrapped[1:])


def _command(line: str, width: int) -> Iterator[str]:
    """A command that may still be pasted: each line but the last goes on in the next."""
    indent = line[: len(line) - len(line.lstrip())]
    first, *words = WORD.findall(line)
    current = indent + first
    for word in words:
        if len(current) + 1 + len(word) > width - len(CONTINUED):
            yield current + CONTINUED
            current = f"{indent}  {indent}{word}"
        else:
            current += f" {word}"
    yield current
