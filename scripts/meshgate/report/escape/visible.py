"""Show every character as itself or as an escape, so that no text is hidden or reordered."""

from __future__ import annotations


def visible(text: str) -> str:
    r"""The text with each unprintable character as `\n`, `\x1b`, `\u202e`.

    Unprintable by Unicode: controls, format characters (bidi overrides and isolates, zero width),
    lone surrogates, and every separator but the space. What is left has one line and is legal
    in XML.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def visible_lines(text: str) -> str:
    """The same for a text of several lines."""
    return "\n".join(map(visible, text.splitlines()))
