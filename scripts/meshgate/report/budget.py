"""Fit a Markdown page into what a forge accepts, without cutting a fence or an element in two."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

# The longest text each forge takes for a comment, or for a pull request where that is shorter.
LIMITS = {
    "github": 65_536,
    "gitlab": 1_000_000,
    "gitea": 1_000_000,
    "azure": 4_000,
    "bitbucket": 32_768,
}
# GitHub Actions takes one mebibyte for each step, which may write more than this page.
STEP_SUMMARY = 1_000_000
# What must be seen at once, on every forge.
FIRST = 3_500

LEFT_OUT = "_Left out for want of space: {} more parts._\n\n"


class Section(Struct, frozen=True):
    """A part of a page: of the items between head and tail, the last ones may be left out."""

    head: str
    items: Iterable[str] = ()
    number: int = 0  # of items, which are rendered only as far as they fit
    tail: str = ""
    # Stands for the items left out; `{}` is how many.
    rest: str = ""

    def within(self, room: int) -> str | None:
        """The section with as many items as there is room for; None where there is too little."""
        rest = self.rest.format(self.number)
        room -= size(self.head) + size(self.tail) + size(rest)
        if room < 0:
            return None
        shown: list[str] = []
        for item in self.items:
            length = size(item)
            # The last item may take the place of the line that would count it.
            if length > room + (size(rest) if len(shown) + 1 == self.number else 0):
                break
            room -= length
            shown.append(item)
        if self.number and not shown:
            return None
        missing = self.number - len(shown)
        end = self.rest.format(missing) if missing else ""
        return self.head + "".join(shown) + end + self.tail


def fit(sections: Iterable[Section], limit: int) -> str:
    """The sections, as far as the limit goes (in bytes of UTF-8: never fewer than characters).

    Each is whole, or lacks its last items and says how many, or is counted as left out.
    """
    parts: list[str] = []
    left_out = 0
    room = limit - size(LEFT_OUT.format("000"))
    for section in sections:
        text = section.within(room)
        if text is None:
            left_out += 1
        else:
            parts.append(text)
            room -= size(text)
    if left_out:
        parts.append(LEFT_OUT.format(left_out))
    return "".join(parts)


def size(text: str) -> int:
    return len(text.encode())
