"""Secrets in what programs say, and in what they are called with."""

from __future__ import annotations

import re

# A job's log is kept for long, and read by many: `token=x`, `--password x`, `Bearer x`; and what is
# as long as a token or a key.
MASK = "***"
NAMED = re.compile(
    r"((?:--?[\w-]*|\b\w*)(?:token|passw(?:or)?d|secret|(?:api|access|private)[-_]?key)\w*)"
    r"([\"']?\s*[=:]\s*[\"']?|(?<=--token)\s+|(?<=--password)\s+|(?<=--secret)\s+)"
    r"[^\s\"',;]+",
    re.IGNORECASE,
)
MIXED = r"\b(?=[\w+=-]*\d)(?=[\w+=-]*[A-Z])(?=[\w+=-]*[a-z])[\w+=-]{40,}"
LONG = re.compile(rf"(?<=Bearer )\S+|\beyJ[\w.-]+|{MIXED}")


def masked(text: str) -> str:
    """A text without what looks like a secret."""
    return LONG.sub(MASK, NAMED.sub(rf"\1\2{MASK}", text))
