"""How every environment stands today: what it has, what comes next, and what that waits for."""

from __future__ import annotations

import datetime
import enum
from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct

from meshgate.errors import (
    BuildError,
    IntegrityError,
    MeshgateError,
    NothingToPromoteError,
    RefusedError,
    UsageError,
)
from meshgate.mesh import Mesh, Mode
from meshgate.model import Pause
from meshgate.promotion import names
from meshgate.promotion.deployments import status_of
from meshgate.promotion.environment_state import EnvironmentState, Release
from meshgate.promotion.forges import PullRequest
from meshgate.promotion.judge import MergeVerdict
from meshgate.promotion.policy import EnvironmentPolicy
from meshgate.promotion.promote import (
    NoEffectError,
    PromoteOptions,
    newer_releases,
    prepare_promotion,
)
from meshgate.promotion.records import GateResult
from meshgate.promotion.rendering import read_rendered, render
from meshgate.promotion.session import Clock, Session, session_at
from meshgate.repository import Commit


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


class NextRelease(NamedTuple):
    """The release that would come, and what is in its way."""

    outlook: Outlook
    release: str = ""
    alias: str = ""
    reasons: tuple[str, ...] = ()
    gates: tuple[GateResult, ...] = ()


class EnvironmentOverview(Struct, frozen=True):
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
    next: NextRelease | None = None

    def overdue(self, today: datetime.date) -> bool:
        """Whether main lacks what a hotfix set here for too long."""
        pending = self.state.pending_backport if self.state is not None else None
        return pending is not None and pending.due < today


class Overview(Struct, frozen=True):
    """All environments, in the order in which a change passes through them."""

    branch: str
    commit: str
    now: datetime.datetime
    today: datetime.date
    environments: tuple[EnvironmentOverview, ...]
    paused: Pause | None = None


def overview(session: Session) -> Overview:
    """How the environments stand on the base branch as it is now.

    Raises ToolError where the renderer is missing, RepositoryError where git or the forge fails.
    """
    return Overview(
        branch=session.main,
        commit=session.commit,
        now=session.now,
        today=session.today,
        environments=tuple(_environment(session, policy) for policy in session.policy.environments),
        paused=session.policy.paused,
    )


def _environment(session: Session, policy: EnvironmentPolicy) -> EnvironmentOverview:
    name, after = policy.name, policy.after
    if not policy.pinned:
        return _floating(session, policy)
    try:
        state = session.state(name)
    except IntegrityError as error:
        return EnvironmentOverview(name, pinned=True, after=after, broken=error.what)
    if state is None:
        return EnvironmentOverview(name, pinned=True, after=after)
    current = status_of(session, name).current
    return EnvironmentOverview(
        name,
        pinned=True,
        after=after,
        release=state.release,
        alias=state.alias,
        state=state,
        since=current.since if current is not None else None,
        newer=sum(1 for _ in newer_releases(session, state)),
        posture=_posture(session, name, session.rendered(name)),
        pending=_pending(session, name),
        next=_next(session, name),
    )


def _floating(session: Session, policy: EnvironmentPolicy) -> EnvironmentOverview:
    """What follows main has its newest release from the moment that was merged."""
    newest: Release = session.releases.newest()
    current = status_of(session, policy.name).current
    broken, posture = "", None
    try:
        commit, overlay = newest.source.commit, policy.sources
        files = render(session.repository, commit, policy.name, overlay, cache=session.cache)
        posture = _posture(session, policy.name, files)
    except BuildError as error:
        broken = error.what
    return EnvironmentOverview(
        policy.name,
        pinned=False,
        after=policy.after,
        release=newest.id,
        alias=newest.alias,
        since=current.since if current is not None else None,
        broken=broken,
        posture=posture,
    )


def _pending(session: Session, name: str) -> tuple[PullRequest, ...]:
    open_pulls = {
        pull.number: pull
        for prefix in names.prefixes(name)
        for pull in session.forge.list_open(session.main, prefix)
    }
    return tuple(open_pulls[number] for number in sorted(open_pulls))


def _next(session: Session, name: str) -> NextRelease:
    """What the command would say, without writing anything."""
    try:
        prepared = prepare_promotion(session, name, PromoteOptions())
    except NoEffectError as error:
        return NextRelease(Outlook.NO_OP, reasons=(error.what,))
    except NothingToPromoteError as error:
        return NextRelease(Outlook.NOTHING, reasons=(error.what,))
    except UsageError as error:
        return NextRelease(Outlook.MANUAL, reasons=(error.what,))
    except (RefusedError, BuildError) as error:
        return NextRelease(Outlook.REFUSED, reasons=(error.what,))
    verdict = prepared.judgement.verdict
    outlook = {MergeVerdict.PASS: Outlook.READY, MergeVerdict.WAITING: Outlook.WAITING}.get(
        verdict, Outlook.REFUSED
    )
    record = prepared.record
    reasons = dict.fromkeys(
        f"{refusal.guard} {refusal.message}" for refusal in prepared.judgement.refusals
    )
    return NextRelease(
        outlook, record.release, record.alias, tuple(reasons), prepared.judgement.gates
    )


def posture_at(session: Session, name: str, merged: Commit) -> Posture | None:
    """What an environment enforced from a commit on; None where its files cannot be judged now."""
    clock = Clock(merged.committed_at, merged.committed_at.date())
    try:
        then = session_at(
            session.repository, merged.sha, clock, cache=session.cache, engine=session.engine
        )
        return _posture(then, name, then.rendered(name))
    except MeshgateError:
        return None


def _posture(session: Session, name: str, files: Mapping[str, bytes]) -> Posture | None:
    return posture_of(session.judge({name: read_rendered(files)})[name].require_context().mesh)


def posture_of(mesh: Mesh | None) -> Posture | None:
    """What is enforced in a mesh; None without an inventory."""
    if mesh is None:
        return None
    modes = [
        answer
        for workload in mesh.workloads
        for port in mesh.ports(workload)
        if (answer := mesh.mode_at(workload, port)).mode is not None
    ]
    strict = sum(
        answer.mode is Mode.STRICT and answer.decided and answer.captured for answer in modes
    )
    return Posture(len(modes), strict)
