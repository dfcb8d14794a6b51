"""Markdown for the comments of a forge, where text can mention people, close issues, load images.

A backslash does not stop a forge from linking `@name` and `#1`, which it looks for after Markdown
is rendered; a zero-width space between the sign and the word does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from meshgate.report.escape.terminal import plain
from meshgate.report.escape.visible import visible

ZERO_WIDTH = "&#8203;"

# Signs with a meaning within a line of Markdown, HTML or TeX; and (`apart`) what a forge would link
# with the word after it: addresses, @user #1 !1 $1 %1 ~label ^alert &1 GH-1 [epic:1].
SPECIAL = re.compile(
    r"""(?P<apart>:(?=//)|\bwww(?=\.)|\bgh(?=-\d)|\[(?=\w+:)|[@#!$%~^&](?=[\w"{]))"""
    r"|[\\`*_\[\]<>&|~$]",
    re.IGNORECASE,
)
SIGNS = frozenset("\\`*_[]|~$")
ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
# At the start of a line: a list, a quote, a heading, a rule, or a command to a bot (`/close`).
BLOCK = re.compile(r"[-+=/#:]|\d+[.)]")
BACKTICKS = re.compile(r"`+")
SHORTEST_FENCE = 3


def prose(text: str) -> str:
    """Text that reads as it is, in a paragraph, a heading, a list item or a table cell."""
    shown = visible(text).strip()
    start = ZERO_WIDTH if BLOCK.match(shown) else ""
    return start + SPECIAL.sub(_in_markdown, shown)


def raw_html(text: str) -> str:
    """Text in an HTML element whose content is not read as Markdown."""
    return SPECIAL.sub(_in_html, plain(text))


def code(text: str) -> str:
    """Text as inline code, which every forge takes literally; not for table cells."""
    shown = plain(text)
    if not shown:
        return ""
    fence = "`" * (_longest_run(shown) + 1)
    padding = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{padding}{shown}{padding}{fence}"


def cell_code(text: str) -> str:
    """Text as inline code in a table cell, where a pipe ends the cell even within backticks."""
    return f"<code>{prose(plain(text))}</code>" if "|" in text else code(text)


def block(lines: Iterable[str], language: str = "") -> str:
    """Lines as a fenced code block that nothing in them can close."""
    shown = "\n".join(map(plain, lines))
    fence = "`" * max(SHORTEST_FENCE, _longest_run(shown) + 1)
    return f"{fence}{language}\n{shown}\n{fence}"


def row(cells: Iterable[str]) -> str:
    """One line of a table, of cells that are Markdown already."""
    return f"| {' | '.join(cells)} |"


def _in_markdown(sign: re.Match[str]) -> str:
    text = sign[0]
    escaped = "\\" + text if text in SIGNS else ENTITIES.get(text, text)
    return escaped + ZERO_WIDTH if sign["apart"] else escaped


def _in_html(sign: re.Match[str]) -> str:
    escaped = ENTITIES.get(sign[0], sign[0])
    return escaped + ZERO_WIDTH if sign["apart"] else escaped


def _longest_run(text: str) -> int:
    return max(map(len, BACKTICKS.findall(text)), default=0)
