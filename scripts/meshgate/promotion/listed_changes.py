"""The `changes` of a record as text and back, the same bytes as the YAML writer's, only faster.

A release far behind lists thousands of commits; written and read node by node they took most of the
time of `status`. What does not fit here is left to the writer and the reader of YAML.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

from meshgate.promotion.records import InputChange
from meshgate.yamldoc.writing import dump_value

# Several words of visible ASCII, the first of them with a letter in front: no reader takes that for
# something else, and only what follows decides whether it needs quotes (YAML 1.2, 7.3.3).
WORDS = re.compile(r"[A-Za-z][!-~]*(?: [!-~]+)+")
INDICATOR = re.compile(r": | #|:$")
# 40 digits, of which one rules out each kind of number: `12e45` and `0b01` are hexadecimal, too.
SHA = re.compile(r"(?=[0-9be]*[acdf])[0-9a-f]{40}")
# Lines of the writer are folded at 10,000 columns.
LONGEST = 1_000

CHANGE = re.compile(
    r"- sha: ([0-9a-f]{40})\n"
    r"  subject: (.*)\n"
    r"  author: (.*)\n"
    r"  coAuthors:((?: \[\]\n)|\n(?:  - .*\n)+)"
    r"  pullRequest: (null|[1-9][0-9]{0,17})\n"
)


def written(changes: Iterable[InputChange]) -> str | None:
    """The items of the list as `dump_value` writes them; None where that is for it alone to say."""
    pieces = []
    for change in changes:
        sha = change.sha if SHA.fullmatch(change.sha) else scalar(change.sha)
        subject, author = scalar(change.subject), scalar(change.author)
        others = [scalar(name) for name in change.co_authors]
        if sha is None or subject is None or author is None or None in others:
            return None
        number = "null" if change.pull_request is None else change.pull_request
        listed = "".join(f"\n  - {name}" for name in others) or " []"
        pieces.append(
            f"- sha: {sha}\n  subject: {subject}\n  author: {author}\n"
            f"  coAuthors:{listed}\n  pullRequest: {number}\n"
        )
    return "".join(pieces)


def read(text: str) -> tuple[InputChange, ...] | None:
    """The changes that a text may be of: it is for the caller to see whether they are written so.

    None where it is not of the form that `written` gives.
    """
    found = []
    end = 0
    for match in CHANGE.finditer(text):
        if match.start() != end:
            return None
        end = match.end()
        sha, subject, author, others, number = match.groups()
        co_authors = tuple(_value(line[4:]) for line in others.split("\n")[1:-1])
        pull_request = None if number == "null" else int(number)
        found.append(InputChange(sha, _value(subject), _value(author), co_authors, pull_request))
    return tuple(found) if end == len(text) else None


@functools.lru_cache(maxsize=1 << 14)
def scalar(text: str) -> str | None:
    """A text as the YAML writer has it, on one line; None where it takes several or is long."""
    if len(text) > LONGEST:
        return None
    if WORDS.fullmatch(text):
        return _quoted(text) if INDICATOR.search(text) else text
    item = dump_value([text])
    # A line ends at U+2028 and the like, too.
    return item[2:-1] if len(item.splitlines()) == 1 else None


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _value(text: str) -> str:
    """What a scalar says, if `scalar` wrote it: plain, or between single quotes."""
    return text[1:-1].replace("''", "'") if text.startswith("'") else text
