"""One line of a source file, with a mark under the place a finding is about."""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshgate.model import Position
from meshgate.report.escape.terminal import ELLIPSIS, columns, end, plain, start
from meshgate.report.style import Style

# The least that is shown before the mark when a line is longer than the terminal.
BEFORE = 20
INDENT = 4
# `key: value` on one line; a value that is a block, a list or a mapping goes on elsewhere.
PAIR = re.compile(
    r"""(?P<key>"[^"\n]*"|'[^'\n]*'|[^\s:"'#][^\s:]*):[ \t]+"""
    r"""(?P<value>(?P<quoted>"(?:[^"\\\n]|\\.)*"|'[^'\n]*')|(?P<plain>[^\s#{\[|>&*!][^\n#]*))"""
)
# Where an object begins: a finding there is about all of it.
WHOLE = ("apiVersion", "kind")
FLOW_END = re.compile(r"[,}\]]")
# How much of a line is looked at for a value.
LONGEST = 1000


def excerpt(line: str, position: Position, width: int, style: Style) -> Iterator[str]:
    """The line with its number, and a line that marks what is wrong there."""
    number = str(position.line)
    gutter = " " * (INDENT + len(number))
    room = width - len(gutter) - len(" | ")
    text, indent, length = window(line, position.column - 1, room)
    if text.strip():
        bar = style("dim", "|")
        yield f"{' ' * INDENT}{style('dim', number)} {bar} {text}"
        yield f"{gutter} {bar} {' ' * indent}{style('red', '^' * length)}"


def marked(line: str, index: int) -> tuple[int, int]:
    """Where a mark begins and ends: the value of the key at the index, or the word there.

    What is wrong with a key is mostly its value; one that is not on the same line has none here.
    """
    rest = line[index : index + LONGEST]
    pair = PAIR.match(rest)
    if pair is None or pair["key"] in WHOLE:
        return index, index + max(1, len(word(rest.rstrip("\r\n"))))
    value = pair["quoted"] or pair["plain"].rstrip()
    if "{" in line[:index] and not pair["quoted"]:
        value = FLOW_END.split(value, maxsplit=1)[0].rstrip()
    return index + pair.start("value"), index + pair.start("value") + max(1, len(value))


def window(line: str, index: int, room: int) -> tuple[str, int, int]:
    """What fits of a line around an index, and where in it the mark at the index is, in columns.

    Only the part that can be shown is looked at: a minified file is one line of megabytes.
    """
    index, stop = marked(line, index)
    rest = line[index : index + room].rstrip("\r\n")
    before = plain(line[max(0, index - room) : index])
    after = plain(rest)
    cut = index + room < len(line)
    if cut or index > room or columns(before) + columns(after) > room:
        if index > room or columns(before) > room // 2:
            before = ELLIPSIS + end(before, BEFORE)
        after = start(after, room - columns(before) - len(ELLIPSIS)) + ELLIPSIS
    length = min(columns(plain(rest[: stop - index])), room - columns(before))
    return before + after, columns(before), max(1, length)


def word(text: str) -> str:
    """The text up to its first blank."""
    return text.split(maxsplit=1)[0] if text[:1].strip() else ""
