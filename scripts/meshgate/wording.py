"""Numbers with their nouns, as every sentence of this package says them."""

from __future__ import annotations


def plural(number: int, noun: str) -> str:
    """`1 error`, `2 errors`, `1,200 calls`, `2 info`."""
    return f"{number:,} {noun}" if number == 1 or noun == "info" else f"{number:,} {noun}s"
