"""One line of a source file, with a mark under the place a finding is about."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Position
from meshgate.report.escape.terminal import ELLIPSIS, columns, end, plain, start
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
    rest = line[index : index + room].rstrip("\r\n")
    before = plain(line[max(0, index - room) : index])
    after = plain(rest)
    cut = index + room < len(line)
    if cut or index > room or columns(before) + columns(after) > room:
        if index > room or columns(before) > room // 2:
            before = ELLIPSIS + end(before, BEFORE)
        after = start(after, room - columns(before) - len(ELLIPSIS)) + ELLIPSIS
    length = min(columns(plain(word(rest))), room - columns(before))
    return before + after, columns(before), max(1, length)


def word(text: str) -> str:
    """The text up to its first blank."""
    return text.split(maxsplit=1)[0] if text[:1].strip() else ""
