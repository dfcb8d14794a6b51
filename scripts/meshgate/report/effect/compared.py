"""One change, as the reports on it get it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec import Struct

from meshgate.effect import Effect
from meshgate.effect.observed import Replay
from meshgate.model import Position, Report, Resource, Traffic


class Compared(NamedTuple):
    """One environment, and what a change does to it; where its objects are written on each side."""

    environment: str
    effect: Effect
    before: Callable[[Resource, str], Position | None]
    after: Callable[[Resource, str], Position | None]
    # The calls that were seen there, and what the change does to them.
    seen: tuple[Traffic, Replay] | None = None


class Diff(Struct, frozen=True):
    """What lies between two revisions, or between two environments.

    `report` has the findings on it, and what could not be judged. `is_drift`: two environments are
    compared, of which nobody comes from the other.
    """

    base: str
    head: str
    environments: Sequence[Compared]
    report: Report
    is_drift: bool = False
