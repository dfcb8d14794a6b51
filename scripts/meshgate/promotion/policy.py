"""How this repository promotes, as plain values: graph of environments, gates, approvals."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

from msgspec import Struct, field

from meshgate.errors import UsageError
from meshgate.model import GateEntry, Pause
from meshgate.model.environment import RequiredApprovals
from meshgate.promotion.environment_state import Event
from meshgate.promotion.windows import Window
from meshgate.wording.nearest import hint

FILE = "environments.yaml"
UNSEEN_FIELDS = 25


class EnvironmentPolicy(Struct, frozen=True):
    """How one environment is promoted to.

    after          the environments before it: all of them (`after_all`), or any one
    gates          empty only with `gates_waived`, the reason
    windows        every window of the repository; `windows.applying` picks
    soak           how long a release stays in an environment before, by event
    clusters       their names, whose word evidence needs
    allowed_signers  file of those who may sign; empty: signatures are not asked for
    """

    name: str
    sources: str
    pinned: bool
    after: tuple[str, ...] = ()
    after_all: bool = True
    select: str = "newest-eligible"
    merge: str = "manual"
    gates: tuple[GateEntry, ...] = ()
    gates_waived: str = ""
    windows: tuple[Window, ...] = ()
    soak: Mapping[Event, datetime.timedelta] = field(default_factory=dict)
    approvals: RequiredApprovals = field(default_factory=RequiredApprovals)
    clusters: tuple[str, ...] = ()
    unseen_fields: int = UNSEEN_FIELDS
    allowed_signers: str = ""


class Policy(Struct, frozen=True):
    """How this repository promotes; in the order of environments.yaml."""

    environments: tuple[EnvironmentPolicy, ...]
    gates: Mapping[str, GateEntry] = field(default_factory=dict)
    windows: tuple[Window, ...] = ()
    paused: Pause | None = None

    def of(self, name: str) -> EnvironmentPolicy:
        """An environment by its name. Raises UsageError."""
        for environment in self.environments:
            if environment.name == name:
                return environment
        names = [environment.name for environment in self.environments]
        raise UsageError(f"{FILE} has no environment {name!r}", hint=hint(name, names))

    def pinned(self, name: str) -> EnvironmentPolicy:
        """An environment that promotion writes. Raises UsageError for one that follows main."""
        environment = self.of(name)
        if not environment.pinned:
            raise UsageError(
                f"{name} is floating: it follows {environment.sources} on main",
                hint=f"set `mode: pinned` and run `meshgate adopt {name}`",
            )
        return environment

    def before(self, name: str) -> tuple[EnvironmentPolicy, ...]:
        """Every environment that a change passes on its way to this one, nearest first."""
        passed: dict[str, EnvironmentPolicy] = {}
        queue = list(self.of(name).after)
        while queue:
            other = self.of(queue.pop(0))
            if other.name not in passed:
                passed[other.name] = other
                queue += other.after
        return tuple(passed.values())
