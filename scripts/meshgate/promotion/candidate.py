"""What the guards judge: one event of one environment, with all that the shell has found out."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from meshgate.effect import Effect
from meshgate.model import Environment, Finding, JSONObject, Resource
from meshgate.promotion.forges import PullRequest, Review
from meshgate.promotion.gates import Gate
from meshgate.promotion.policy import EnvironmentPolicy
from meshgate.promotion.standing import Standing
from meshgate.promotion.values import EnvironmentState, Event, PromotionRecord, Source
from meshgate.repository import Signed

REGULAR = "100644"


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file that differs between base and head.

    kind  added | modified | deleted
    mode  git's, at the head; empty where deleted
    """

    path: str
    kind: str
    mode: str = REGULAR


@dataclass(frozen=True, slots=True)
class Side:
    """An environment's files at a commit.

    state     None: there is no state file, or `problems` says why it cannot be believed
    records   the ledger, by sequence
    files     the bytes of state, ledger and rendered folder, by whole path
    problems  what is wrong with state and ledger as they stand: digest, chain, order, shape
    """

    commit: str
    state: EnvironmentState | None
    records: tuple[PromotionRecord, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


class Held(NamedTuple):
    """What a commit holds: the content id of its inputs, and git's ids of them."""

    release: str
    source: Source


@dataclass(frozen=True, slots=True)
class Ancestry:
    """Where the release's source commit lies.

    on_main     it is on the first-parent line of the base
    newest      the newest source of this environment's ledger that is on main; None: there is none
    is_newer    the source holds `newest`, or is it
    """

    on_main: bool
    newest: str | None
    is_newer: bool


@dataclass(frozen=True, slots=True)
class Opinions:
    """What a forge says of the pull request. Everything here was read for this judgement."""

    pull_request: PullRequest
    reviews: tuple[Review, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One event as it is judged. A part that is None was not found out, which is never a pass.

    policy, environment, paused, upstream
                     from the base commit, with waivers, inventory and evidence
    configured_from  the commit they were read at
    today            what expiry dates are judged by
    base, head       the environment's files before and after
    changed          every file that differs between base and head, of any folder
    held             what the record's source commit holds
    expected         the files of rendered/<environment> that head must have, by whole path
    before, after    the objects of these files
    effect           of the change, with this environment's inventory
    findings         of the whole target render
    rejecting        the releases that the environments further up the line rejected
    history          this environment itself
    opinions         what the forge says; None with `without_forge`, the reason, where it is not
                     asked
    signature        of the head commit
    reasons          why a part was not found out, in words
    """

    record: PromotionRecord
    policy: EnvironmentPolicy
    environment: Environment
    configured_from: str
    now: datetime.datetime
    today: datetime.date
    base: Side
    head: Side
    changed: tuple[FileChange, ...]
    paused: JSONObject | None = None
    held: Held | None = None
    expected: Mapping[str, bytes] | None = None
    ancestry: Ancestry | None = None
    before: tuple[Resource, ...] | None = None
    after: tuple[Resource, ...] | None = None
    effect: Effect | None = None
    findings: tuple[Finding, ...] | None = None
    upstream: tuple[Standing, ...] = ()
    rejecting: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    history: Standing | None = None
    opinions: Opinions | None = None
    without_forge: str = ""
    signature: Signed | None = None
    reasons: tuple[str, ...] = ()

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
    def gates(self) -> tuple[Gate, ...]:
        """The gates of the environment."""
        return self.policy.gates
