"""Read the plainest YAML line by line, several times as fast as libyaml's nodes can be made.

Only what every reader of YAML takes alike is read here: block mappings and lists with one key or
item on each line, in plain ASCII. Anything else (a flow, an anchor, a tag, a scalar of several
lines, a repeated key, a scalar that readers disagree on) is left to the parser, the whole document.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from meshgate.model import JSON, JSONObject
from meshgate.yamldoc import scalars

VALUE = re.compile(r"[!-~][ -~]{0,600}")
LINE = re.compile(
    r"(?P<indent> {0,200})(?P<dash>- )?"
    r"(?:(?:(?P<key>[A-Za-z_][A-Za-z0-9_./-]{0,300})|\"(?P<quoted>[A-Za-z0-9_./-]{1,300})\"):"
    rf"(?: (?P<value>{VALUE.pattern}))?"
    rf"|(?P<item>{VALUE.pattern}))"
)
# No colon before a space or the end, no `#`, no quote, no indicator at the start.
PLAIN = re.compile(
    r"(?:[A-Za-z0-9_./]|-[0-9])(?:[A-Za-z0-9_./@+=,*~%&()<>-]|:(?=[A-Za-z0-9_./-]))*"
    r"(?: (?:[A-Za-z0-9_./@+=*~%&()<>]|:(?=[A-Za-z0-9_./-]))"
    r"(?:[A-Za-z0-9_./@+=,*~%&()<>-]|:(?=[A-Za-z0-9_./-]))*)*"
)
QUOTED = re.compile(r"\"[ !#-\[\]-~]*\"|'[ -&(-~]*'")
NOTHING = re.compile(r" *(?:#[ -~]*)?")

# As deep as documents that are parsed may nest.
DEEPEST = 100
MOST_LINES_KEPT = 1 << 13


class Line(NamedTuple):
    """What one line says."""

    indent: int
    dash: bool
    key: str | None
    value: JSON
    # A mapping or a list may follow, deeper or with dashes.
    opens: bool


class _Other:
    """A line that is not of this plain kind, or says nothing."""


OTHER, BLANK = _Other(), _Other()
_known: dict[str, Line | _Other] = {}
# What stands before a value, of which there are far fewer than lines: indent, dash and key.
_heads: dict[str, tuple[int, bool, str]] = {}


# One loop without calls: a call for each line would take longer than all the rest.
def value(text: str) -> JSONObject | None:  # noqa: C901, PLR0912 - one loop over lines
    """The mapping that a document's text is; None where it is not of the plain kind."""
    lines = text.split("\n")
    if lines[0] == "---":
        del lines[0]
    root: JSONObject = {}
    current: JSON = root
    indent = 0
    outer: list[tuple[JSON, int]] = []
    pending: str | None = None
    known = _known
    for text_line in lines:
        line = known.get(text_line) or _line(text_line)
        if type(line) is not Line:
            if line is BLANK:
                continue
            return None
        at, dash, key, item, opens = line
        if pending is not None:
            if at > indent or (dash and at == indent):
                child: JSON = [] if dash else {}
                current[pending] = child
                outer.append((current, indent))
                current, indent = child, at
            pending = None
        while at < indent and outer:
            current, indent = outer.pop()
        if not dash and at == indent and type(current) is list and outer:
            # A list may stand as far left as the key it belongs to.
            current, indent = outer.pop()
        if at != indent or len(outer) > DEEPEST or dash is not (type(current) is list):
            return None
        if dash:
            if key is None:
                current.append(item)
                continue
            entry: JSONObject = {}
            current.append(entry)
            outer.append((current, indent))
            current, indent = entry, at + 2
        elif key in current:
            return None
        current[key] = item
        if opens:
            pending = key
    return root or None


def _line(text: str) -> Line | _Other:
    """One line, kept for the next of its kind: manifests repeat most of their lines.

    Of a line that is new, what stands before its value was mostly read before.
    """
    before, _, after = text.partition(": ")
    head = _heads.get(before)
    line: Line | _Other
    if head is not None and VALUE.fullmatch(after):
        scalar = _scalar(after)
        line = OTHER if scalar is OTHER else Line(*head, scalar, opens=False)
    else:
        line = _parsed(text)
    if len(_known) >= MOST_LINES_KEPT:
        _known.clear()
        _heads.clear()
    _known[text] = line
    return line


def _parsed(text: str) -> Line | _Other:
    if NOTHING.fullmatch(text):
        return BLANK
    match = LINE.fullmatch(text)
    if match is None:
        return OTHER
    key, written = match["key"], match["value"]
    if key is not None and not _is_text(key):
        return OTHER
    key = key or match["quoted"]
    if key is None:
        if not match["dash"]:
            return OTHER
        written = match["item"]
    opens = written is None
    if not opens and key is not None:
        _heads[text[: match.start("value") - 2]] = len(match["indent"]), bool(match["dash"]), key
    item: JSON = None if written is None else _scalar(written)
    if isinstance(item, _Other):
        return item
    return Line(len(match["indent"]), bool(match["dash"]), key, item, opens)


def _is_text(text: str) -> bool:
    return isinstance(scalars.plain(text), str) and not scalars.AMBIGUOUS.fullmatch(text)


def _scalar(text: str) -> JSON:
    """The value of a scalar on one line; OTHER where readers could differ."""
    if text[0] in "\"'" and QUOTED.fullmatch(text):
        return text[1:-1]
    if not PLAIN.fullmatch(text) or scalars.AMBIGUOUS.fullmatch(text):
        return OTHER
    item = scalars.plain(text)
    # What is text to Go is text in the core of YAML 1.2, too.
    if isinstance(item, str) or item == scalars.core_plain(text):
        return item
    return OTHER
