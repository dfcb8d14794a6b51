"""How many random examples a property is tried on."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import settings

# `nox -s properties` tries twenty times as many.
TIMES = int(os.environ.get("EXAMPLES", "1"))


def examples(count: int, **others: Any) -> settings:
    """Settings with that many examples, times EXAMPLES."""
    return settings(max_examples=count * TIMES, deadline=None, **others)
