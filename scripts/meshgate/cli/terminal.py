"""Text for a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text with control characters escaped: an error may quote what a manifest contains."""
    return "".join(
        character
        if character == "\n" or character.isprintable()
        else character.encode("unicode_escape").decode()
        for character in text
    )
