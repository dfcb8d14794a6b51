"""On how many random examples a property is tried, and which."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import settings

from samples import WHOLE

# `nox -s properties` tries twenty times as many as `nox -s whole`, the tests a quarter.
TIMES = float(os.environ.get("EXAMPLES") or (1 if WHOLE else 0.25))
LEAST = 3
# Of a property that says nothing of it: what Hypothesis tries.
USUAL = 100


def steady() -> settings:
    """What holds for every property.

    The tests try the same examples in every run: what random ones find, `whole` and `properties`
    find. How long one takes is the machine's affair: no test fails by chance where it is busy.
    """
    return settings(deadline=None, derandomize=TIMES < 1, max_examples=many(USUAL))


def examples(count: int, **others: Any) -> settings:
    """Settings with that many examples, times EXAMPLES."""
    return settings(max_examples=many(count), **others)


def many(count: int) -> int:
    """So many examples, times EXAMPLES."""
    return max(LEAST, round(count * TIMES))
