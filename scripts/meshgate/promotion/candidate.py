"""What the guards judge: one event of one environment, with all that was found out about it."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

from msgspec import Struct, field

from meshgate.effect import Effect
from meshgate.model import Environment, Finding, GateEntry, Pause, Resource
from meshgate.promotion.clocks import Clocks
from meshgate.promotion.environment_state import Event, Source
from meshgate.promotion.files import FileChange
from meshgate.promotion.forges import PullRequest, Review
from meshgate.promotion.ledger import EnvironmentFiles
from meshgate.promotion.policy import EnvironmentPolicy
from meshgate.promotion.records import PromotionRecord
from meshgate.promotion.status import EnvironmentStatus
from meshgate.repository import Signed


class SourceContent(Struct, frozen=True):
    """What a commit holds: the content id of its inputs, and git's ids of them."""

    release: str
    source: Source


class Ancestry(Struct, frozen=True):
    """Where the release's source commit lies.

    on_main     it is on the first-parent line of the base
    newest      the newest source of this environment's ledger that is on main; None: there is none
    is_newer    the source holds `newest`, or is it
    """

    on_main: bool
    newest: str | None
    is_newer: bool


class Reviews(Struct, frozen=True):
    """What a forge says of the pull request. Everything here was read for this judgement."""

    pull_request: PullRequest
    reviews: tuple[Review, ...]


class Candidate(Struct, frozen=True):
    """One event as it is judged. A part that is None was not found out, which is never a pass.

    policy, environment, paused, upstream
                     from the base commit, with waivers, inventory and evidence
    configured_from  the commit they were read at
    today            what expiry dates are judged by
    clocks           what others say of the clock that `now` is from
    base, head       the environment's files before and after
    changed          every file that differs between base and head, of any folder
    source           what the record's source commit holds
    expected         the files of rendered/<environment> that head must have, by whole path
    before, after    the objects of these files
    effect           of the change, with this environment's inventory
    ports            how many server ports the environment has afterwards
    findings         of the whole target render
    undecided        what cannot be decided of the whole target render beside findings, where the
                     environment refuses that
    rejecting        the releases that the environments further up the line rejected
    status           this environment itself
    reviews          what the forge says; None with `without_forge`, the reason, where it is not
                     asked
    signature        of the head commit
    reasons          why a part was not found out, in words
    is_draft         the record is judged before it can tell effects and gates
    """

    record: PromotionRecord
    policy: EnvironmentPolicy
    environment: Environment
    configured_from: str
    now: datetime.datetime
    today: datetime.date
    base: EnvironmentFiles
    head: EnvironmentFiles
    changed: tuple[FileChange, ...]
    clocks: Clocks = Clocks()
    paused: Pause | None = None
    source: SourceContent | None = None
    expected: Mapping[str, bytes] | None = None
    ancestry: Ancestry | None = None
    before: tuple[Resource, ...] | None = None
    after: tuple[Resource, ...] | None = None
    effect: Effect | None = None
    ports: int = 0
    findings: tuple[Finding, ...] | None = None
    undecided: tuple[str, ...] = ()
    upstream: tuple[EnvironmentStatus, ...] = ()
    rejecting: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    status: EnvironmentStatus | None = None
    reviews: Reviews | None = None
    without_forge: str = ""
    signature: Signed | None = None
    reasons: tuple[str, ...] = ()
    is_draft: bool = False

    @property
    def release(self) -> str:
        """The content id of what is proposed."""
        return self.record.release

    @property
    def event(self) -> Event:
        return self.record.event

    @property
    def name(self) -> str:
        """The environment's name."""
        return self.policy.name

    @property
    def gates(self) -> tuple[GateEntry, ...]:
        """The gates of the environment."""
        return self.policy.gates
