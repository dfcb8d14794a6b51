"""How a release stands in an environment: applied, without effect there, or never seen; since when.

The clock of a soak starts at the later of the merge and, where the gate asks for it, the first
evidence that every cluster had synced. The longest continuous stay counts, over or not: a busy main
must not starve the environments behind it.
"""

from __future__ import annotations

import datetime
import enum
import fnmatch
from collections.abc import Iterable, Iterator

from msgspec import Struct, structs

from meshgate.model import Resource
from meshgate.promotion.environment_state import EnvironmentState
from meshgate.promotion.evidence import Evidence
from meshgate.promotion.forges import CommitStatus

# Two machines' clocks may differ by this much; what lies further ahead is forged or wrong.
SKEW = datetime.timedelta(minutes=5)


class Presence(enum.StrEnum):
    """What an environment has seen of a release."""

    APPLIED = "applied"
    NO_OP = "no-op"  # it would render to what is there already
    UNSEEN = "unseen"


class Deployment(Struct, frozen=True):
    """A time in which one release was an environment's state.

    tree    git's id of rendered/<environment>; empty for a floating environment, which has none
    since   when it was merged: from the forge, else as `record_times` has it
    until   None: it is the environment's state now
    sequence  of the record that began it; 0: floating
    """

    release: str
    tree: str
    since: datetime.datetime
    until: datetime.datetime | None = None
    sequence: int = 0


class EnvironmentStatus(Struct, frozen=True):
    """An environment as the current base has it, with all that promotion out of it asks.

    deployments   oldest first; consecutive ones of one release and tree are one
    clusters      whose word is needed, as `clusters.names` lists them; `*` stands for any text
    would_render  what the judged release renders to here, as `Rendered.sha256`; None: not asked
    objects       those objects; None: not asked
    evidence      of this environment, from wherever it was given
    statuses      newest first, of every first-parent commit that has the current rendered tree (or
                  the release, where floating); None: no forge was asked
    """

    environment: str
    floating: bool
    state: EnvironmentState | None
    deployments: tuple[Deployment, ...] = ()
    clusters: tuple[str, ...] = ()
    would_render: str | None = None
    objects: tuple[Resource, ...] | None = None
    evidence: tuple[Evidence, ...] = ()
    statuses: tuple[CommitStatus, ...] | None = None

    @property
    def rejected(self) -> tuple[str, ...]:
        """The releases that were rolled back from here."""
        return self.state.rejected if self.state else ()

    @property
    def current(self) -> Deployment | None:
        """The deployment that is not over."""
        return next(
            (deployment for deployment in self.deployments if deployment.until is None), None
        )

    def awaited(self, reporting: Iterable[str]) -> list[str]:
        """The clusters whose word is needed, sorted.

        Those that ever reported are missed when they are silent now, listed or not. A pattern that
        nobody fits stands for itself, so that it is missed, too.
        """
        reported = set(reporting)
        unmet = {
            pattern
            for pattern in self.clusters
            if not any(fnmatch.fnmatchcase(name, pattern) for name in reported)
        }
        return sorted(reported | unmet)

    def presence(self, release: str) -> Presence:
        """What this environment has seen of a release."""
        if any(deployment.release == release for deployment in self.deployments):
            return Presence.APPLIED
        same = self.state is not None and self.would_render == self.state.rendered.sha256
        return Presence.NO_OP if same else Presence.UNSEEN

    def deployments_for(self, release: str) -> tuple[Deployment, ...]:
        """The stays that count for a release: its own, and what it would not change."""
        presence = self.presence(release)
        if presence is Presence.APPLIED:
            return tuple(
                deployment for deployment in self.deployments if deployment.release == release
            )
        current = self.current
        return (current,) if presence is Presence.NO_OP and current else ()


class Soak(Struct, frozen=True):
    """The longest continuous stay that counts.

    length      None: no stay's clock has started
    deployment  the one that was measured
    future      a moment that lies ahead of the clock and so counts for nothing; None: there is none
    ends        when the current stay will reach `required`; None: reached, or there is none
    """

    length: datetime.timedelta | None
    deployment: Deployment | None = None
    future: datetime.datetime | None = None
    ends: datetime.datetime | None = None


def soak(
    status: EnvironmentStatus,
    release: str,
    *,
    now: datetime.datetime,
    required: datetime.timedelta,
    synced: str = "",
    reporters: tuple[str, ...] = (),
) -> Soak:
    """How long a release has stayed in an environment.

    `synced` is the type of the evidence that starts the clock (empty: the merge does), from one of
    `reporters`; with several clusters the last of them decides.
    """
    longest, ends = Soak(None), None
    for deployment in status.deployments_for(release):
        # What ended it may say a time that is ahead: a stay is no longer than until now.
        ended = min(deployment.until or now, now)
        started = deployment.since
        if synced:
            seen = _synced_at(status, deployment, synced, reporters)
            if seen is None:
                continue
            started = max(started, seen)
        if started > now + SKEW:
            return Soak(None, deployment, future=started)
        length = max(datetime.timedelta(), ended - started)
        if longest.length is None or length > longest.length:
            longest = Soak(length, deployment)
        if deployment.until is None:
            ends = started + required
    if longest.length is None or longest.length < required:
        return structs.replace(longest, ends=ends)
    return longest


def _synced_at(
    status: EnvironmentStatus, deployment: Deployment, synced: str, reporters: tuple[str, ...]
) -> datetime.datetime | None:
    """When the last of the clusters was first seen synced during a stay."""
    first: dict[str, datetime.datetime] = {}
    for evidence in _evidence_of(status, synced, reporters):
        during = deployment.since <= evidence.observed_at and (
            not deployment.until or evidence.observed_at <= deployment.until
        )
        if during and evidence.passed and evidence.is_about(deployment.release, deployment.tree):
            first[evidence.cluster] = min(
                first.get(evidence.cluster, evidence.observed_at), evidence.observed_at
            )
    awaited = status.awaited(
        evidence.cluster for evidence in _evidence_of(status, synced, reporters)
    )
    if not awaited or any(cluster not in first for cluster in awaited):
        return None
    return max(first[cluster] for cluster in awaited)


def _evidence_of(
    status: EnvironmentStatus, kind: str, reporters: tuple[str, ...]
) -> Iterator[Evidence]:
    for evidence in status.evidence:
        if evidence.type == kind and evidence.reporter in reporters:
            yield evidence
