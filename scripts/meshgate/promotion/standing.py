"""How a release stands in an environment: applied, without effect there, or never seen; since when.

The clock of a soak starts at the later of the merge and, where the gate asks for it, the first
evidence that every cluster had synced. The longest continuous stay counts, over or not: a busy main
must not starve the environments behind it.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import fnmatch
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from meshgate.model import Resource
    from meshgate.promotion.evidence import Evidence
    from meshgate.promotion.forges import CommitStatus
    from meshgate.promotion.values import EnvironmentState

# Two machines' clocks may differ by this much; what lies further ahead is forged or wrong.
SKEW = datetime.timedelta(minutes=5)


class Presence(enum.StrEnum):
    """What an environment has seen of a release."""

    APPLIED = "applied"
    NO_OP = "no-op"  # it would render to what is there already
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True)
class Stay:
    """A time in which one release was an environment's state.

    tree    git's id of rendered/<environment>; empty for a floating environment, which has none
    since   when it was merged: from the forge, else the first-parent committer date
    until   None: it is the environment's state now
    """

    release: str
    tree: str
    since: datetime.datetime
    until: datetime.datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """An environment as the current base has it, with all that promotion out of it asks.

    stays         oldest first; consecutive ones of one release and tree are one
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
    stays: tuple[Stay, ...] = ()
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
    def current(self) -> Stay | None:
        """The stay that is not over."""
        return next((stay for stay in self.stays if stay.until is None), None)

    def awaited(self, reporting: Iterable[str]) -> list[str]:
        """The clusters whose word is needed, sorted.

        Those that ever reported are missed when they are silent now, listed or not. A pattern that
        nobody fits stands for itself, so that it is missed, too.
        """
        known = set(reporting)
        unmet = {
            pattern
            for pattern in self.clusters
            if not any(fnmatch.fnmatchcase(name, pattern) for name in known)
        }
        return sorted(known | unmet)

    def presence(self, release: str) -> Presence:
        """What this environment has seen of a release."""
        if any(stay.release == release for stay in self.stays):
            return Presence.APPLIED
        same = self.state is not None and self.would_render == self.state.rendered.sha256
        return Presence.NO_OP if same else Presence.UNSEEN

    def stays_for(self, release: str) -> tuple[Stay, ...]:
        """The stays that count for a release: its own, and what it would not change."""
        presence = self.presence(release)
        if presence is Presence.APPLIED:
            return tuple(stay for stay in self.stays if stay.release == release)
        current = self.current
        return (current,) if presence is Presence.NO_OP and current else ()


@dataclass(frozen=True, slots=True)
class Soak:
    """The longest continuous stay that counts.

    length  None: no stay's clock has started
    stay    the one that was measured
    future  a moment that lies ahead of the clock and so counts for nothing; None: there is none
    ends    when the current stay will reach `required`; None: reached, or there is none
    """

    length: datetime.timedelta | None
    stay: Stay | None = None
    future: datetime.datetime | None = None
    ends: datetime.datetime | None = None


def soak(
    standing: Standing,
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
    best, ends = Soak(None), None
    for stay in standing.stays_for(release):
        started = stay.since
        if synced:
            seen = _synced_at(standing, stay, synced, reporters)
            if seen is None:
                continue
            started = max(started, seen)
        if started > now + SKEW:
            return Soak(None, stay, future=started)
        length = max(datetime.timedelta(), (stay.until or now) - started)
        if best.length is None or length > best.length:
            best = Soak(length, stay)
        if stay.until is None:
            ends = started + required
    if best.length is None or best.length < required:
        return dataclasses.replace(best, ends=ends)
    return best


def _synced_at(
    standing: Standing, stay: Stay, synced: str, reporters: tuple[str, ...]
) -> datetime.datetime | None:
    """When the last of the clusters was first seen synced during a stay."""
    first: dict[str, datetime.datetime] = {}
    for one in _of(standing, synced, reporters):
        during = stay.since <= one.observed_at and (not stay.until or one.observed_at <= stay.until)
        if during and one.passed and one.about(stay):
            first[one.cluster] = min(first.get(one.cluster, one.observed_at), one.observed_at)
    wanted = standing.awaited(one.cluster for one in _of(standing, synced, reporters))
    if not wanted or any(cluster not in first for cluster in wanted):
        return None
    return max(first[cluster] for cluster in wanted)


def _of(standing: Standing, kind: str, reporters: tuple[str, ...]) -> Iterator[Evidence]:
    for one in standing.evidence:
        if one.type == kind and one.reporter in reporters:
            yield one
