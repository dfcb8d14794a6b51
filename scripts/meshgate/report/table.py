"""Tables for a terminal: aligned by what is seen, cut where the terminal ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from meshgate.report.escape.terminal import columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from meshgate.report.style import Style

GAP = "  "


class Column(NamedTuple):
    """A heading, and whether its cells stand to the right."""

    heading: str
    right: bool = False


def table(
    headings: Sequence[Column], rows: Sequence[Sequence[tuple[str, str]]], style: Style
) -> Iterator[str]:
    """The lines of a table. A cell is escaped text and the name of its style."""
    widths = [
        max([len(heading.heading), *(columns(row[index][0]) for row in rows)])
        for index, heading in enumerate(headings)
    ]
    yield _line(headings, widths, [(heading.heading, "dim") for heading in headings], style)
    for row in rows:
        yield _line(headings, widths, row, style)


def _line(
    headings: Sequence[Column],
    widths: Sequence[int],
    row: Sequence[tuple[str, str]],
    style: Style,
) -> str:
    cells = []
    for heading, width, (text, name) in zip(headings, widths, row, strict=True):
        padding = " " * (width - columns(text))
        painted = style(name, text)
        cells.append(padding + painted if heading.right else painted + padding)
    return GAP.join(cells).rstrip()
