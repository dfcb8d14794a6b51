"""Everything that an environment is excused from, each with its last day."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import NamedTuple

from meshgate.model import Environment, Position


class Granted(NamedTuple):
    """One waiver or declared difference."""

    what: str
    owner: str
    reason: str
    expires: datetime.date
    source: Position | None

    def __str__(self) -> str:
        return self.what


def granted(environment: Environment) -> Iterator[Granted]:
    """The waivers, then the declared differences."""
    for waiver in environment.waivers:
        place = f"{waiver.resource} {waiver.path}" if waiver.path else waiver.resource
        what = f"the waiver of {waiver.rule} for {place}"
        yield Granted(what, waiver.owner, waiver.reason, waiver.expires, waiver.source)
    for difference in environment.differences:
        port = f" port {difference.port}" if difference.port is not None else ""
        what = f"the declared difference of {difference.workload}{port}"
        owner, reason = difference.owner, difference.reason
        yield Granted(what, owner, reason, difference.expires, difference.source)
