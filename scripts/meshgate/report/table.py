"""Tables for a terminal: aligned by what is seen, long cells folded where the terminal ends.

A name, a word and a time are never broken. Where the terminal is too narrow for whole ones, columns
that a reader can spare are left out, and a line below the table says which; where that is not
enough, each row is told in lines of its own, one for each column.

Drawn here: what the table of a library needs is imported in 0.11 s, a third of `meshgate validate`,
which ends with a table; and the alternatives of a path fold between two of them.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from meshgate.report.escape.terminal import columns, wrap
from meshgate.report.style import Style
from meshgate.wording import joined

GAP = "  "
# A column of whole sentences keeps this much; it may be folded at any blank.
LEAST = 15
WORD = re.compile(r"\s*\S+\s?|\s+")
PATHS = re.compile(r"[^|]*\||.+", re.DOTALL)


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
    """The lines of a table of at most this many columns; only a longer name exceeds them.

    A row of one cell is a title over the rows after it.
    """
    lines = [row for row in rows if len(row) > 1]
    shown, widths = _fitted(headings, lines, width)
    if sum(widths) + len(GAP) * (len(widths) - 1) > width:
        yield from _stacked(headings, rows, style, width)
        return
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
        room_of_words = max(whole, LEAST) if heading.soft else whole
        least.append(widest[-1] if heading.whole else min(widest[-1], room_of_words))
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


def _stacked(
    headings: Sequence[Column], rows: Sequence[Sequence[Cell]], style: Style, width: int
) -> Iterator[str]:
    """The rows one below the other, each of its cells behind its heading; what is empty is not.

    An empty first cell stands for the one above it, which here is not in sight.
    """
    indent = GAP if any(len(row) == 1 for row in rows) else ""
    room = max(len(heading.heading) for heading in headings)
    above = None
    for number, row in enumerate(rows):
        if number and not (len(rows[number - 1]) == 1 < len(row)):
            yield ""
        if len(row) == 1:
            yield style(row[0].style, row[0].text)
            continue
        above = row[0] if above is None or row[0].text.strip() else above
        for heading, cell in zip(headings, [above, *row[1:]], strict=True):
            if cell.text.strip() in {"", "-"}:
                continue
            titles = itertools.chain([heading.heading], itertools.repeat(""))
            texts = _fold(cell.text.strip(), width - len(indent) - room - len(GAP))
            for title, text in zip(titles, texts, strict=False):
                yield indent + style("dim", title.ljust(room)) + GAP + style(cell.style, text)


def _pieces(text: str) -> Iterator[str]:
    """The text in pieces that stay whole, each with the blank behind it."""
    for word in WORD.findall(text):
        yield from PATHS.findall(word) if word.startswith("/") else (word,)


def _longest(text: str) -> int:
    indent = len(text) - len(text.lstrip())
    return indent + max((columns(piece.rstrip()) for piece in _pieces(text.lstrip())), default=0)


def _fold(text: str, width: int) -> Iterator[str]:
    """The text in lines of whole pieces; only a longer piece exceeds the width."""
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
    if line.strip():
        yield indent + line.rstrip()
