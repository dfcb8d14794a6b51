"""Colour and weight of terminal text, by ANSI escapes (ECMA-48, SGR)."""

from __future__ import annotations

from meshgate.effect.describe import Tone

CODES = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "cyan": "36",
}
# How a change of an effect is painted.
TONES = {Tone.BAD: "red", Tone.DOUBTFUL: "yellow", Tone.GOOD: "green", Tone.NEUTRAL: ""}


class Style:
    """Paints text, or leaves it as it is where colour is not wanted."""

    __slots__ = ("_color",)

    def __init__(self, *, color: bool) -> None:
        self._color = color

    def __call__(self, name: str, text: str) -> str:
        """The text in the style of that name; the empty name is no style."""
        if not self._color or not name or not text:
            return text
        return f"\x1b[{CODES[name]}m{text}\x1b[0m"
