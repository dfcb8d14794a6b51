"""What people accept or assert of an environment: `waivers/` and `expectations/`."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from meshgate.model.origin import Position
from meshgate.model.resource import ResourceRef


@dataclass(frozen=True, slots=True)
class Waiver:
    """An accepted finding, written in `waivers/<environment>.yaml`."""

    rule: str
    resource: str  # Kind/namespace/name, Kind/name for cluster-wide objects
    owner: str
    reason: str
    expires: datetime.date
    path: str | None = None
    source: Position | None = None

    def covers(self, rule: str, resource: ResourceRef | None, path: str) -> bool:
        """Whether this waiver names that finding: rule and object equal; path equal or above it."""
        if self.rule != rule or resource is None or str(resource) != self.resource:
            return False
        if self.path is None or self.path == path:
            return True
        return path.startswith(self.path) and path[len(self.path)] in ".["


@dataclass(frozen=True, slots=True)
class Difference:
    """A declared difference to the environment before: one port may be weaker here."""

    workload: str  # NS/WORKLOAD
    port: int | None
    owner: str
    reason: str
    expires: datetime.date
    source: Position | None = None


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """An accepted break: exactly this set of calls may stop to work with this release."""

    release: str
    breaks: str  # digest of the set
    owner: str
    reason: str
    until: datetime.date
    source: Position | None = None


@dataclass(frozen=True, slots=True)
class Expectation:
    """A user-written assertion: a call from `client` to `host`:`port` ends in `outcome`."""

    client: str  # NS/WORKLOAD
    host: str
    port: int
    outcome: str
    source: Position | None = None
