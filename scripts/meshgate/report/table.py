"""Tables for a terminal: aligned by what is seen, long cells folded where the terminal ends.

A name, a word and a time are not broken unless one takes half the terminal. Where it is too narrow
for whole ones, columns that a reader can spare are left out, and a line below the table says which.

Drawn here: what the table of a library needs is imported in 0.11 s, a third of `meshgate validate`,
which ends with a table; and cells must fold behind a slash between two names, not only at blanks.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from meshgate.report.escape.terminal import columns, start, wrap
from meshgate.report.style import Style
from meshgate.wording import joined

GAP = "  "
# A column of whole sentences keeps this much; it may be folded at any blank.
LEAST = 15
# A host name longer than this goes on in the next line behind a dot.
LONG = 20
WORD = re.compile(r"\s*\S+\s?|\s+")
# `namespace/` and `name`, but `10.0.0.0/8`; the alternatives of a path, but no path itself.
NAMES = re.compile(r"(?:[^/]|/(?=\d))*/|.+", re.DOTALL)
PATHS = re.compile(r"[^|]*\||.+", re.DOTALL)
LABELS = re.compile(r"[^.:]*[.:]|.+", re.DOTALL)


class Column(Struct, frozen=True):
    """A heading, whether its cells stand to the right, and whether they are folded first.

    `spare`: left out where the terminal is too narrow, the highest number first; 0: never.
    `whole`: its cells are never folded: times, and signs that are read at a glance.
    """

    heading: str
    right: bool = False
    soft: bool = False
    spare: int = 0
    whole: bool = False


class Cell(Struct, frozen=True):
    """Escaped text, and the name of its style."""

    text: str
    style: str = ""


def table(
    headings: Sequence[Column], rows: Sequence[Sequence[Cell]], style: Style, width: int
) -> Iterator[str]:
    """The lines of a table of at most this many columns, unless whole names need more.

    A row of one cell is a title over the rows after it.
    """
    lines = [row for row in rows if len(row) > 1]
    shown, widths = _fitted(headings, lines, width)
    titles = [Cell(heading.heading, "dim") for heading in headings]
    for row in itertools.chain([titles], rows):
        if len(row) > 1:
            cells = [row[index] for index in shown]
            yield from _lines([headings[index] for index in shown], widths, cells, style)
        else:
            yield style(row[0].style, row[0].text)
    hidden = [headings[index].heading for index in range(len(headings)) if index not in shown]
    if hidden:
        note = f"(not shown in {width} columns: {joined(hidden)})"
        yield from (style("dim", line) for line in wrap(note, width))


def _fitted(
    headings: Sequence[Column], rows: Sequence[Sequence[Cell]], room: int
) -> tuple[list[int], list[int]]:
    """Which columns are shown, and how wide."""
    widest, least = [], []
    for index, heading in enumerate(headings):
        cells = {row[index].text for row in rows}
        widest.append(max([len(heading.heading), *map(columns, cells)]))
        whole = max([len(heading.heading), *map(_longest, cells)])
        limit = widest[-1] if heading.whole else max(min(whole, room // 2), LEAST)
        least.append(min(widest[-1], limit))
    shown = list(range(len(headings)))
    # What says nothing goes first.
    spared = sorted(
        (index for index in shown if headings[index].spare),
        key=lambda index: (_is_empty(rows, index), headings[index].spare),
    )
    while spared and sum(least[i] for i in shown) + len(GAP) * (len(shown) - 1) > room:
        shown.remove(spared.pop())
    widths = [widest[i] for i in shown]
    excess = sum(widths) + len(GAP) * (len(widths) - 1) - room
    soft = [place for place, i in enumerate(shown) if headings[i].soft]
    limits = [least[i] for i in shown]
    for places in (soft, range(len(shown))):
        excess = _shrink(widths, limits, places, excess)
    return shown, widths


def _is_empty(rows: Sequence[Sequence[Cell]], index: int) -> bool:
    return all(row[index].text in {"", "-"} for row in rows)


def _shrink(widths: list[int], limits: Sequence[int], places: Sequence[int], excess: int) -> int:
    """Take from the widest of some columns until nothing exceeds; what still does."""
    while excess > 0:
        free = [place for place in places if widths[place] > limits[place]]
        if not free:
            break
        place = max(free, key=widths.__getitem__)
        # Down to the next widest at once, so that the columns end up alike.
        others = [widths[i] for i in free if widths[i] < widths[place]]
        cut = max(1, min(excess, widths[place] - max([limits[place], *others])))
        widths[place] -= cut
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


def _pieces(text: str) -> Iterator[str]:
    """The text in pieces that stay whole, each with the blank behind it."""
    for word in WORD.findall(text):
        for piece in (PATHS if word.startswith("/") else NAMES).findall(word):
            if columns(piece.rstrip()) > LONG:
                yield from LABELS.findall(piece)
            else:
                yield piece


def _longest(text: str) -> int:
    indent = len(text) - len(text.lstrip())
    return indent + max((columns(piece.rstrip()) for piece in _pieces(text.lstrip())), default=0)


def _fold(text: str, width: int) -> Iterator[str]:
    """The text in lines of at most this width, each of whole pieces."""
    if columns(text) <= width:
        yield text
        return
    indent = text[: len(text) - len(text.lstrip())]
    room = max(1, width - len(indent))
    line = ""
    for piece in _pieces(text.lstrip()):
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
