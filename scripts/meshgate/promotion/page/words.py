"""How long the texts of a page may be."""

from __future__ import annotations

from meshgate.report.escape.visible import visible

# The longest text out of a file, in characters: a long one must not push others out.
LONG = 400
SHORT = 90


def cut(text: str, length: int = LONG) -> str:
    """The text with every character visible, or its start."""
    shown = visible(text[:length])
    return shown if len(shown) <= length and len(text) <= length else shown[:length] + "..."
