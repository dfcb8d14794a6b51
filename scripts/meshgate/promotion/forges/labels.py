"""The labels that promotion owns; those that people add are theirs."""

from __future__ import annotations

from collections.abc import Iterable

OWNED = frozenset({"promotion", "superseded"})
OWNED_PREFIXES = ("env/", "event/", "risk/")
# For a label that a forge wants a colour for; red is for what needs a second look.
COLOR = "1f6feb"
RISK_COLOR = "d93f0b"


def labels_wanted(present: Iterable[str], ours: Iterable[str]) -> tuple[str, ...]:
    """What the labels should be, sorted: ours as given, and those of people."""
    return tuple(sorted({label for label in present if not owned(label)} | set(ours)))


def owned(label: str) -> bool:
    return label in OWNED or label.startswith(OWNED_PREFIXES)


def color(label: str) -> str:
    """Six hex digits."""
    return RISK_COLOR if label.startswith("risk/") else COLOR
