"""Where things are written: places and documents of the judged folder."""

from __future__ import annotations

from typing import NamedTuple


class Position(NamedTuple):
    """A place a person can open: file relative to the judged folder; line and column from 1."""

    file: str
    line: int
    column: int


class Origin(NamedTuple):
    """The document an object was written in: file relative to the judged folder; index from 0."""

    file: str
    document: int = 0
