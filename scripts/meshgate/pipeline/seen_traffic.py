"""Calls that were seen in reality (`--traffic FILE`), and the environment they were seen in."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from meshgate import config
from meshgate.errors import UsageError
from meshgate.model import Traffic

# Days after which calls that were seen say little of those that are made.
OLD = 7


class SeenTraffic(NamedTuple):
    """The calls of one environment."""

    environment: str
    traffic: Traffic


def seen_traffic(file: str | None, environments: Sequence[str]) -> SeenTraffic | None:
    """The seen calls of a file, for one of the environments that are compared; None: no file.

    Raises UsageError as `config.load_traffic` does, and where the calls belong to none of them,
    or it is not told to which.
    """
    if file is None:
        return None
    traffic = config.load_traffic(Path(file))
    name = traffic.environment
    if name is None:
        if len(environments) != 1:
            raise UsageError(
                f"--traffic {file}: the file does not say where the calls were seen",
                why=f"Compared are {', '.join(environments)}.",
                hint="narrow it with --env, or write `environment:` into the file",
            )
        name = environments[0]
    if name not in environments:
        raise UsageError(
            f"--traffic {file}: the calls were seen in {name}, which is not compared",
            why=f"Compared are {', '.join(environments)}.",
            hint=f"add {name} with --env, or capture the calls of what is compared",
        )
    return SeenTraffic(name, traffic)


def age(traffic: Traffic, today: datetime.date) -> Iterator[str]:
    """What to say of when the calls were seen: that it was long ago, or is still to come."""
    days = (today - traffic.end.date()).days
    if days > OLD:
        yield (
            f"the calls were seen until {traffic.end.date()}, {days} days ago: clients that came "
            "since are not among them; capture anew with `meshgate traffic capture`"
        )
    elif days < -1:
        yield f"the calls were seen until {traffic.end.date()}, which is still to come"
