"""How every environment stands today: what it has, what comes next, and what that waits for."""

from __future__ import annotations

import datetime
import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from meshgate.errors import (
    BuildError,
    IntegrityError,
    NothingToPromoteError,
    RefusedError,
    UsageError,
)
from meshgate.mesh import Mode
from meshgate.model import JSONObject
from meshgate.promotion import names
from meshgate.promotion.flows.choosing import newer
from meshgate.promotion.flows.ground import Ground
from meshgate.promotion.flows.promoting import Wish, planned
from meshgate.promotion.forges import PullRequest
from meshgate.promotion.judging import Verdict
from meshgate.promotion.policy import EnvironmentPolicy
from meshgate.promotion.rendering import render
from meshgate.promotion.standings import standing
from meshgate.promotion.values import EnvironmentState, GateResult, Release


class Outlook(enum.StrEnum):
    """What `meshgate promote` would do now.

    no-op: newer inputs change nothing there. manual: a person chooses the release.
    """

    READY = "ready"
    WAITING = "waiting"
    REFUSED = "refused"
    NO_OP = "no-op"
    NOTHING = "nothing"
    MANUAL = "manual"


class Posture(NamedTuple):
    """How many server ports there are, and how many take mutual TLS only."""

    ports: int
    strict: int


class Next(NamedTuple):
    """The release that would come, and what is in its way."""

    outlook: Outlook
    release: str = ""
    alias: str = ""
    reasons: tuple[str, ...] = ()
    gates: tuple[GateResult, ...] = ()


@dataclass(frozen=True, slots=True)
class Overview:
    """One environment.

    state    None: floating, not adopted yet, or broken
    since    when its clusters were first told to sync what it has
    newer    releases of main that it does not have
    broken   what is wrong with its files; empty: nothing that can be seen without an audit
    posture  None: the inventory tells of no workload
    next     None: floating, or without a state
    """

    name: str
    pinned: bool
    after: tuple[str, ...]
    release: str = ""
    alias: str = ""
    state: EnvironmentState | None = None
    since: datetime.datetime | None = None
    newer: int = 0
    broken: str = ""
    posture: Posture | None = None
    pending: tuple[PullRequest, ...] = ()
    next: Next | None = None

    def overdue(self, today: datetime.date) -> bool:
        """Whether a hotfix is owed to main for too long."""
        return (
            self.state is not None and self.state.debt is not None and self.state.debt.due < today
        )


@dataclass(frozen=True, slots=True)
class Line:
    """All environments, in the order in which a change passes through them."""

    branch: str
    commit: str
    now: datetime.datetime
    today: datetime.date
    environments: tuple[Overview, ...]
    paused: JSONObject | None = None


def overview(ground: Ground) -> Line:
    """How the environments stand on the base branch as it is now.

    Raises ToolError where the renderer is missing, RepositoryError where git or the forge fails.
    """
    return Line(
        branch=ground.main,
        commit=ground.base.commit,
        now=ground.now,
        today=ground.base.today,
        environments=tuple(_overview(ground, one) for one in ground.policy.environments),
        paused=ground.policy.paused,
    )


def _overview(ground: Ground, policy: EnvironmentPolicy) -> Overview:
    name, after = policy.name, policy.after
    if not policy.pinned:
        return _floating(ground, policy)
    try:
        state = ground.state(name)
    except IntegrityError as error:
        return Overview(name, pinned=True, after=after, broken=error.what)
    if state is None:
        return Overview(name, pinned=True, after=after)
    current = standing(ground.base, name).current
    return Overview(
        name,
        pinned=True,
        after=after,
        release=state.release,
        alias=state.alias,
        state=state,
        since=current.since if current is not None else None,
        newer=sum(1 for _ in newer(ground, state)),
        posture=_posture(ground, name, ground.rendered(name)),
        pending=_pending(ground, name),
        next=_next(ground, name),
    )


def _floating(ground: Ground, policy: EnvironmentPolicy) -> Overview:
    """What follows main has its newest release from the moment that was merged."""
    newest: Release = ground.releases.newest()
    current = standing(ground.base, policy.name).current
    broken, posture = "", None
    try:
        commit, overlay = newest.source.commit, policy.overlay
        files = render(ground.repository, commit, policy.name, overlay, cache=ground.cache)
        posture = _posture(ground, policy.name, files)
    except BuildError as error:
        broken = error.what
    return Overview(
        policy.name,
        pinned=False,
        after=policy.after,
        release=newest.id,
        alias=newest.alias,
        since=current.since if current is not None else None,
        broken=broken,
        posture=posture,
    )


def _pending(ground: Ground, name: str) -> tuple[PullRequest, ...]:
    found = {
        pull.number: pull
        for prefix in names.prefixes(name)
        for pull in ground.forge.list_open(ground.main, prefix)
    }
    return tuple(found[number] for number in sorted(found))


def _next(ground: Ground, name: str) -> Next:
    """What the command would say, without writing anything."""
    try:
        made = planned(ground, name, Wish())
    except NothingToPromoteError as error:
        # A release without effect has a sentence of its own, which tells why it is none.
        return Next(Outlook.NO_OP if error.why else Outlook.NOTHING, reasons=(error.what,))
    except UsageError as error:
        return Next(Outlook.MANUAL, reasons=(error.what,))
    except (RefusedError, BuildError) as error:
        return Next(Outlook.REFUSED, reasons=(error.what,))
    verdict = made.judged.verdict
    outlook = {Verdict.PASS: Outlook.READY, Verdict.WAITING: Outlook.WAITING}.get(
        verdict, Outlook.REFUSED
    )
    record = made.advance.record
    reasons = dict.fromkeys(f"{each.guard} {each.message}" for each in made.judged.refusals)
    return Next(outlook, record.release, record.alias, tuple(reasons), made.judged.gates)


def _posture(ground: Ground, name: str, files: Mapping[str, bytes]) -> Posture | None:
    judged = ground.base.judge({name: ground.objects(files)})[name]
    mesh = judged.held().mesh
    if mesh is None:
        return None
    modes = [
        answer
        for workload in mesh.workloads
        for port in mesh.ports(workload)
        if (answer := mesh.mode_at(workload, port)).mode is not None
    ]
    strict = sum(each.mode is Mode.STRICT and each.decided and each.captured for each in modes)
    return Posture(len(modes), strict)
