"""Questions to a person at a terminal: which of several things are to be left out."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

from meshgate.cli.terminal import printable

ALL = "all"
SEPARATOR = re.compile(r"[\s,]+")


def can_ask() -> bool:
    """Whether somebody is there who reads a question and can answer it."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def ask_which(what: str, names: Sequence[str]) -> list[str] | None:
    """Those of the names that a person does not leave out, in their order.

    `what` they are, in the plural. Left out is by number or name, several separated by spaces or
    commas; `all` leaves out every one, nothing none. An answer that names something else is asked
    for again. None: the terminal's input ended, which is no answer.
    """
    print(f"{what}:")
    for number, name in enumerate(names, 1):
        print(printable(f"  {number}. {name}"))
    while True:
        try:
            answer = input(f"leave out which {what}? [numbers or names, {ALL}; Enter: none] ")
        except EOFError:
            print()
            return None
        words = [word for word in SEPARATOR.split(answer) if word]
        if words == [ALL]:
            return []
        by_word = {str(number): name for number, name in enumerate(names, 1)}
        by_word |= {name: name for name in names}
        if unknown := [word for word in words if word not in by_word]:
            print(printable(f"there is no {' and no '.join(unknown)} in the list"))
            continue
        left_out = {by_word[word] for word in words}
        return [name for name in names if name not in left_out]
