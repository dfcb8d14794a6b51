"""What is said of a cluster, short enough to be read: a few are named, the others counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from meshgate.wording import plural

# How many of one sort are named one by one.
NAMED = 10
# How many names a folded sentence gives.
EXAMPLES = 3
# `Deployment/shop/cart: what is to be known of it`.
_ABOUT = re.compile(r"(\w+)/(\S+): (.*)", re.DOTALL)


def first(lines: Sequence[str], more: str = "; --format json has all") -> Iterator[str]:
    """The first lines, and how many more there are."""
    yield from lines[:NAMED]
    if len(lines) > NAMED:
        yield f"and {len(lines) - NAMED:,} more{more}"


def folded(notes: Iterable[str]) -> Iterator[str]:
    """Notes; what is said of many objects of one kind is one sentence with a few of them."""
    groups: dict[tuple[str, str], list[str]] = {}
    for note in notes:
        about = _ABOUT.fullmatch(note)
        key = (about[1], about[3]) if about else ("", note)
        groups.setdefault(key, []).append(about[2] if about else "")
    for (kind, text), names in groups.items():
        if not kind:
            yield text
        elif len(names) <= NAMED:
            yield from (f"{kind}/{name}: {text}" for name in names)
        else:
            yield f"{plural(len(names), kind)}: {text}: {some(names)}"


def some(names: Sequence[str]) -> str:
    """`a, b, c and 7 more`."""
    more = f" and {len(names) - EXAMPLES:,} more" if len(names) > EXAMPLES else ""
    return ", ".join(names[:EXAMPLES]) + more


def by_kind(kinds: Iterable[str]) -> str:
    """`300 Services, 2 VirtualServices`, the most first."""
    counted = Counter(kinds)
    return ", ".join(
        plural(count, kind) for kind, count in sorted(counted.items(), key=lambda e: (-e[1], e[0]))
    )
