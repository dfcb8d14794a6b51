"""Text for a terminal and for the log of a CI job, which reads commands from what it prints."""

from __future__ import annotations

import re
from collections.abc import Iterable

from meshgate.report.escape.visible import visible

# `##[command]`, `##vso[command]`, `##teamcity[command]`: obeyed anywhere in a line.
LOG_COMMAND = re.compile(r"##(\w*)\[")
# `::command::`: obeyed at the start of a line, leading blanks aside.
LINE_COMMAND = "::"
ELLIPSIS = "..."


def plain(text: str) -> str:
    """The text on one line, with nothing in it that a terminal or a CI runner acts on."""
    if text.isprintable() and "##" not in text:
        return text
    return LOG_COMMAND.sub(r"##\1\\x5b", visible(text))


def plain_lines(text: str) -> str:
    """The same for a text of several lines."""
    return "\n".join(map(plain, text.splitlines()))


def columns(text: str) -> int:
    """How many terminal columns printable text takes: wide signs take two, marks none."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415 - 15 ms, and most text is ASCII

    return cell_len(text)


def clip(text: str, width: int) -> str:
    """Printable text that takes at most this many columns, with an ellipsis where it is cut."""
    return text if columns(text) <= width else start(text, width - len(ELLIPSIS)) + ELLIPSIS


def start(text: str, width: int) -> str:
    """As much of the start of printable text as takes at most this many columns."""
    used = 0
    for index, character in enumerate(text):
        used += columns(character)
        if used > width:
            return text[:index]
    return text


def end(text: str, width: int) -> str:
    """As much of the end of printable text as takes at most this many columns."""
    return start(text[::-1], width)[::-1]


def wrap(text: str, width: int) -> list[str]:
    """Printable text as lines of at most this many columns; only a longer word exceeds them."""
    if columns(text) <= width:
        return [text]
    lines: list[str] = []
    line = ""
    room = width
    for word in text.split(" "):
        needed = columns(word)
        if line and needed + 1 > room:
            lines.append(line)
            line, room = word, width - needed
        else:
            room -= needed + bool(line)
            line = f"{line} {word}" if line else word
    lines.append(line)
    return lines


def page(lines: Iterable[str]) -> str:
    """Lines as one text, none of which a CI runner obeys."""
    return "".join(f"{_inert(line)}\n" for line in lines)


def _inert(line: str) -> str:
    if line.lstrip().startswith(LINE_COMMAND):
        line = line.replace(LINE_COMMAND, r":\x3a", 1)
    return LOG_COMMAND.sub(r"##\1\\x5b", line) if "##" in line else line
