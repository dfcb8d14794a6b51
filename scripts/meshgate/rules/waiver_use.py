"""Everything that an environment is excused from, each with its last day."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from msgspec import Struct

from meshgate.model import Environment, Position
from meshgate.rules.context import Context


class Exemption(Struct, frozen=True):
    """One waiver or declared difference."""

    what: str
    owner: str
    reason: str
    expires: datetime.date
    source: Position | None

    def __str__(self) -> str:
        return self.what


def exemptions(environment: Environment) -> Iterator[Exemption]:
    """The waivers, then the declared differences."""
    for waiver in environment.waivers:
        what = f"the waiver of {waiver.rule} for {waiver.place}"
        yield Exemption(what, waiver.owner, waiver.reason, waiver.expires, waiver.source)
    for difference in environment.differences:
        port = f" port {difference.port}" if difference.port is not None else ""
        what = f"the declared difference of {difference.workload}{port}"
        owner, reason = difference.owner, difference.reason
        yield Exemption(what, owner, reason, difference.expires, difference.source)


def declared_differences(context: Context) -> set[tuple[str, int | None]]:
    """The workloads and ports that may be weaker than elsewhere today; None: every port.

    A declaration holds to the end of its last day.
    """
    return {
        (difference.workload, difference.port)
        for difference in context.environment.differences
        if difference.expires >= context.today
    }
