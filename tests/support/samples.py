"""Of what is long and repeats, the tests try a sample; `nox -s whole` tries all of it.

A sample is the same in every run: what is in it follows from the name of each thing alone.
"""

from __future__ import annotations

import os
import zlib

# Whether all is tried.
WHOLE = os.environ.get("WHOLE") == "1"


def sample(whole: int, tried: int) -> int:
    """How many of a whole are tried."""
    return whole if WHOLE else tried


def in_sample(name: str | bytes, every: int) -> bool:
    """Whether a thing of this name is tried: about one of so many, and every one by WHOLE."""
    content = name.encode() if isinstance(name, str) else name
    return WHOLE or zlib.crc32(content) % every == 0
