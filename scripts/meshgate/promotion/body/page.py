"""The page of a pull request: sections in order, within what a forge accepts."""

from __future__ import annotations

from collections.abc import Callable

from meshgate.promotion.body import opening, verdict
from meshgate.promotion.body.contents import Contents
from meshgate.promotion.body.details import details, hint
from meshgate.report.budget import LIMITS, Section, fit, size

# The first sections, and the room of each where all are long: what one leaves over goes to the
# next. Together 3,500 bytes.
FIRST_SECTIONS: tuple[tuple[Callable[[Contents], Section], int], ...] = (
    (verdict.verdict, 850),
    (verdict.reason, 250),
    (verdict.alarms, 450),
    (opening.ports, 450),
    (opening.calls, 350),
    (opening.breaks, 450),
    (opening.gates, 450),
    (opening.history, 250),
)


def render(contents: Contents, limit: int = LIMITS["github"]) -> str:
    """The Markdown of a pull request, within `limit` bytes of UTF-8.

    The first sections are within 3,500 bytes: whole, or with the rows left out counted.
    """
    first = opened(contents)
    room = limit - size(first) - size(hint(contents, first))
    page = first + fit(details(contents), room)
    return page + hint(contents, page)


def opened(contents: Contents) -> str:
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
