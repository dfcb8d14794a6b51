"""What the page says of git and of promotion: the commit, states, ledgers and their trend."""

from __future__ import annotations

import argparse
import contextlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

from meshgate.cli.options import cache_folder
from meshgate.cli.request import settings
from meshgate.errors import MeshgateError
from meshgate.promotion.history import HistoryEntry, history
from meshgate.promotion.overview import EnvironmentOverview, overview, posture_at
from meshgate.promotion.recorded_effects import counted_effects
from meshgate.promotion.report.status import OUTLOOKS
from meshgate.promotion.session import NO_FORGE, Clock, Session, session_at
from meshgate.promotion.strict_trend import Stage, strict_trends
from meshgate.report.html import Head, PromotionTimeline, TimelineEvent
from meshgate.report.metrics import Lag
from meshgate.repository import Repository, moment

# How far back the page goes; `meshgate history` has all of it.
EVENTS = 12
STATES = "promotion/state"
COMMIT = "commit"
FLOATING = "what the branch has"


def head_of(root: Path) -> Head | None:
    """The commit that is checked out; None without git."""
    try:
        with Repository(root) as repository:
            commit = repository.resolve("HEAD")
            seconds = repository.run("log", "-1", "--format=%ct", commit)
            branch = repository.run("rev-parse", "--abbrev-ref", "HEAD")
            changed = bool(repository.run("status", "--porcelain", "--untracked-files=no", "."))
    except MeshgateError:
        return None
    return Head(commit, "" if branch == "HEAD" else branch, moment(seconds), changed)


def lags(options: argparse.Namespace) -> list[Lag]:
    """How far pinned environments are behind the commit that is checked out."""
    with _session(options) as session:
        if session is None:
            return []
        return [
            Lag(each.name, each.newer, each.since)
            for each in overview(session).environments
            if each.pinned and each.state is not None
        ]


@contextlib.contextmanager
def _session(options: argparse.Namespace) -> Iterator[Session | None]:
    """The commit that is checked out; no remote and no forge is asked. None: nothing is pinned."""
    root: Path = options.directory
    if not (root / STATES).is_dir():
        yield None
        return
    with Repository(root) as repository:
        yield session_at(
            repository,
            repository.resolve("HEAD"),
            Clock(today=options.today),
            without_forge=NO_FORGE,
            cache=cache_folder(options),
            engine=options.engine,
        )


def timelines(options: argparse.Namespace) -> tuple[list[PromotionTimeline], list[str]]:
    """How pinned environments stand at the commit that is checked out; notes where that fails.

    No remote and no forge is asked: a page is made without a network.
    """
    try:
        with _session(options) as session:
            if session is None:
                return [], []
            return [
                _timeline(session, each)
                for each in overview(session).environments
                if each.pinned and each.state is not None
            ], []
    except MeshgateError as error:
        return [], [f"promotion is not shown: {error.what}"]


def _timeline(session: Session, each: EnvironmentOverview) -> PromotionTimeline:
    following = []
    if each.next is not None:
        words, _ = OUTLOOKS[each.next.outlook]
        following = [f"{each.next.alias} {words}".strip(), *each.next.reasons]
    events = itertools.islice(history(session, each.name), EVENTS)
    return PromotionTimeline(
        each.name,
        each.alias or each.release,
        each.since,
        following,
        [_event(session, each.name, entry) for entry in events],
    )


def floating(options: argparse.Namespace, environments: Sequence[str]) -> list[PromotionTimeline]:
    """The trend of environments to which nothing was promoted, by the commits of git."""
    if not environments:
        return []
    trends = strict_trends(
        options.directory, environments, settings(options), cache_folder(options)
    )
    return [
        PromotionTimeline(name, FLOATING, None, (), list(map(_stage, trend.stages)), trend.lacking)
        for name, trend in trends.items()
    ]


def _stage(stage: Stage) -> TimelineEvent:
    commit, posture = stage
    return TimelineEvent(
        commit.committed_at,
        COMMIT,
        "",
        "",
        commit.sha,
        [commit.subject],
        posture.ports,
        posture.strict,
    )


def _event(session: Session, name: str, entry: HistoryEntry) -> TimelineEvent:
    record = entry.record
    posture = posture_at(session, name, entry.merged)
    return TimelineEvent(
        entry.merged.committed_at,
        str(record.event),
        record.alias or record.release,
        str(record.requested_by.get("login", "")),
        entry.merged.sha,
        list(counted_effects(record.effects)) if record.effects is not None else [],
        posture.ports if posture else 0,
        posture.strict if posture else 0,
    )
