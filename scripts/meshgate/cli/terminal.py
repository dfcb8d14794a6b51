"""Text for a terminal."""

from __future__ import annotations

from meshgate.report.escape.terminal import page, plain


def printable(text: str) -> str:
    """The text with control characters escaped, and no line that a CI runner obeys.

    An error may quote what a manifest, a file name or another program says.
    """
    return page(plain(line) for line in text.split("\n")).removesuffix("\n")
