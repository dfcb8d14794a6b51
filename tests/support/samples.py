"""Of what is long and repeats, the tests try a sample; `nox -s whole` tries all of it.

A sample is the same in every run: what is in it follows from the name of each thing alone. A module
or a test with the mark `sampled(every=3)` has a third of its tests in the suite, which is to take
two minutes at most, and one with the mark `whole` none; they are all tried by `nox -s whole`, and
wherever tests are named. A test with the mark `decisive` is in every sample: the fault that it sees
would pass the suite without it.
"""

from __future__ import annotations

import os
import zlib

import pytest

# In the environment of a run that tries the suite as a whole.
SUITE = "MESHGATE_SUITE"
# Whether all is tried.
WHOLE = os.environ.get("WHOLE") == "1"


def sample(whole: int, tried: int) -> int:
    """How many of a whole are tried."""
    return whole if WHOLE else tried


def in_sample(name: str | bytes, every: int) -> bool:
    """Whether a thing of this name is tried: about one of so many, and every one by WHOLE."""
    content = name.encode() if isinstance(name, str) else name
    return WHOLE or zlib.crc32(content) % every == 0


def is_of_suite(item: pytest.Item) -> bool:
    """Whether the suite tries a test, by the marks of it and of its module."""
    if item.get_closest_marker("whole"):
        return WHOLE
    if item.get_closest_marker("decisive"):
        return True
    marks = item.iter_markers("sampled")
    every = max((int(mark.kwargs.get("every", 1)) for mark in marks), default=1)
    return in_sample(item.nodeid, every)
