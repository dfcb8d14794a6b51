"""The page of a pull request: sections in order, within what a forge accepts."""

from __future__ import annotations

from collections.abc import Callable

from meshgate.promotion.page import summary
from meshgate.promotion.page.contents import PageContents, WeakenedPort, page_contents
from meshgate.promotion.page.details import details, hint
from meshgate.report.budget import LIMITS, Section, fit, size

__all__ = [
    "FIRST_SECTIONS",
    "PageContents",
    "WeakenedPort",
    "first_sections",
    "page_contents",
    "render",
]

# The first sections, and the room of each where all are long: what one leaves over goes to the
# next. Together 3,500 bytes.
FIRST_SECTIONS: tuple[tuple[Callable[[PageContents], Section], int], ...] = (
    (summary.verdict, 850),
    (summary.reason, 250),
    (summary.alarms, 450),
    (summary.ports, 400),
    (summary.access, 300),
    (summary.calls, 250),
    (summary.breaks, 350),
    (summary.gates, 400),
    (summary.history, 250),
)


def render(contents: PageContents, limit: int = LIMITS["github"]) -> str:
    """The Markdown of a pull request, within `limit` bytes of UTF-8.

    The first sections are within 3,500 bytes: whole, or with the rows left out counted.
    """
    opening = first_sections(contents)
    room = limit - size(opening) - size(hint(contents, opening))
    page = opening + fit(details(contents), room)
    return page + hint(contents, page)


def first_sections(contents: PageContents) -> str:
    """The first sections, each within its own room and what those before it left over."""
    text = ""
    room = 0
    for build, share in FIRST_SECTIONS:
        room += share
        section = build(contents)
        shown = section.within(room)
        if shown is None:
            shown = section.head + section.rest.format(section.number) + section.tail
        text += shown
        room -= size(shown)
    return text
