"""Tables for a terminal: aligned by what is seen, long cells folded where the terminal ends.

Drawn here: what the table of a library needs is imported in 0.11 s, a third of `meshgate validate`,
which ends with a table; and cells must fold behind a slash, a dot or a colon, not only at blanks.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from meshgate.report.escape.terminal import columns, start
from meshgate.report.style import Style

GAP = "  "
# A column that gives way to others keeps this much.
LEAST = 12
# Where a cell may go on in the next line: behind these signs.
PIECE = re.compile(r"[^\s/.,:;+]*[\s/.,:;+]?")


class Column(NamedTuple):
    """A heading, whether its cells stand to the right, and whether they are folded first."""

    heading: str
    right: bool = False
    soft: bool = False


class Cell(NamedTuple):
    """Escaped text, and the name of its style."""

    text: str
    style: str = ""


def table(
    headings: Sequence[Column], rows: Sequence[Sequence[Cell]], style: Style, width: int
) -> Iterator[str]:
    """The lines of a table of at most this many columns, save where there are too many.

    A row of one cell is a title over the rows after it.
    """
    widths = _widths(headings, [row for row in rows if len(row) > 1], width)
    for row in itertools.chain([[Cell(heading.heading, "dim") for heading in headings]], rows):
        if len(row) > 1:
            yield from _lines(headings, widths, row, style)
        else:
            yield style(row[0].style, row[0].text)


def _widths(headings: Sequence[Column], rows: Sequence[Sequence[Cell]], room: int) -> list[int]:
    widths = [
        max([len(heading.heading), *(columns(row[index].text) for row in rows)])
        for index, heading in enumerate(headings)
    ]
    excess = sum(widths) + len(GAP) * (len(widths) - 1) - room
    soft = [index for index, heading in enumerate(headings) if heading.soft]
    for indexes in (soft, range(len(widths))):
        excess = _shrink(widths, indexes, excess)
    return widths


def _shrink(widths: list[int], indexes: Sequence[int], excess: int) -> int:
    """Take from the widest of some columns until nothing exceeds; what still does."""
    while excess > 0 and indexes:
        index = max(indexes, key=widths.__getitem__)
        if widths[index] <= LEAST:
            break
        # Down to the next widest at once, so that the columns end up alike.
        below = max([LEAST, *(widths[i] for i in indexes if widths[i] < widths[index])])
        cut = max(1, min(excess, widths[index] - below))
        widths[index] -= cut
        excess -= cut
    return excess


def _lines(
    headings: Sequence[Column], widths: Sequence[int], row: Sequence[Cell], style: Style
) -> Iterator[str]:
    folded = [list(_fold(cell.text, width)) for cell, width in zip(row, widths, strict=True)]
    for texts in itertools.zip_longest(*folded, fillvalue=""):
        cells = []
        for heading, width, text, cell in zip(headings, widths, texts, row, strict=True):
            padding = " " * (width - columns(text))
            painted = style(cell.style, text)
            cells.append(padding + painted if heading.right else painted + padding)
        yield GAP.join(cells).rstrip()


def _fold(text: str, width: int) -> Iterator[str]:
    """The text in pieces of at most this width, broken behind a blank, slash or dot if possible."""
    if columns(text) <= width:
        yield text
        return
    indent = text[: len(text) - len(text.lstrip())]
    room = max(1, width - len(indent))
    line = ""
    for piece in PIECE.findall(text.lstrip()):
        if line and columns(line) + columns(piece.rstrip()) > room:
            yield indent + line.rstrip()
            line = ""
        line += piece
        while columns(line.rstrip()) > room:
            head = start(line, room) or line[:1]
            yield indent + head
            line = line[len(head) :]
    if line.strip():
        yield indent + line.rstrip()
