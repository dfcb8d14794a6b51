"""One line of a source file, with a mark under the place a finding is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshgate.report.escape.terminal import ELLIPSIS, columns, plain, start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshgate.model import Position
    from meshgate.report.style import Style

# The least that is shown before the mark when a line is longer than the terminal.
BEFORE = 20
INDENT = 4


def excerpt(line: str, position: Position, width: int, style: Style) -> Iterator[str]:
    """The line with its number, and a line that marks the word at the position."""
    number = str(position.line)
    gutter = " " * (INDENT + len(number))
    text, indent, length = window(line, position.column - 1, width - len(gutter) - len(" | "))
    if text.strip():
        bar = style("dim", "|")
        yield f"{' ' * INDENT}{style('dim', number)} {bar} {text}"
        yield f"{gutter} {bar} {' ' * indent}{style('red', '^' * length)}"


def window(line: str, index: int, room: int) -> tuple[str, int, int]:
    """What fits of a line around an index, and where in it the word at the index is, in columns.

    Only the part that can be shown is looked at: a minified file is one line of megabytes.
    """
    first = 0 if index <= room // 2 else index - BEFORE
    before = (ELLIPSIS if first else "") + plain(line[first:index])
    rest = line[index : index + room].rstrip("\r\n")
    after = plain(rest)
    indent = columns(before)
    length = columns(plain(word(rest)))
    if indent + columns(after) > room or index + room < len(line):
        after = start(after, room - indent - len(ELLIPSIS)) + ELLIPSIS
    return before + after, indent, max(1, min(length, room - indent))


def word(text: str) -> str:
    """The text up to its first blank."""
    return text.split(maxsplit=1)[0] if text[:1].strip() else ""
