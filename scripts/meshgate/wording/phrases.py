"""Values and names as parts of a sentence."""

from __future__ import annotations

import json
from collections.abc import Iterable

from meshgate.model import JSON

SHOWN = 60


def shown(value: JSON) -> str:
    """A value as JSON, shortened."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def listed(words: Iterable[str]) -> str:
    """Words in a row: `a`, `b` and `c`."""
    return joined(f"`{word}`" for word in words)


def joined(words: Iterable[str]) -> str:
    """Words in a row, as they are: a, b and c. Of no word: nothing."""
    *others, last = list(words) or [""]
    return " and ".join(part for part in (", ".join(others), last) if part)


def counted(count: int, noun: str, plural: str) -> str:
    """A number with its noun: 1 entry, 2 entries."""
    return f"{count} {noun if count == 1 else plural}"


def agree(number: int, one: str, many: str) -> str:
    """The form of a word that goes with a number: `takes` of one, `take` of several."""
    return one if number == 1 else many


def plural(number: int, noun: str) -> str:
    """`1 error`, `2 errors`, `1,200 calls`, `2 info`."""
    return f"{number:,} {noun}" if number == 1 or noun == "info" else f"{number:,} {noun}s"
