"""How environments stand, found out in git and at the forge: deployments, evidence, statuses."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from msgspec import structs

from meshgate.errors import BuildError, RepositoryError
from meshgate.promotion import names
from meshgate.promotion.files import ledger_folder, rendered_folder, rendered_sum
from meshgate.promotion.forges import CommitStatus
from meshgate.promotion.history import merged_at
from meshgate.promotion.ledger import EnvironmentFiles, files_at
from meshgate.promotion.main_line import newest_additions
from meshgate.promotion.policy import EnvironmentPolicy
from meshgate.promotion.record_times import record_times
from meshgate.promotion.rendering import read_rendered, render
from meshgate.promotion.session import Session
from meshgate.promotion.status import Deployment, EnvironmentStatus
from meshgate.repository import mainline

# A commit's statuses cost a request each; what synced posts on one of the newest commits.
STATUS_COMMITS = 30


def status_of(session: Session, name: str, *, statuses: bool = False) -> EnvironmentStatus:
    """How an environment stands on the base; `statuses` asks the forge for those of its commits."""
    policy = session.policy.of(name)
    files = files_at(session.repository, session.commit, name) if policy.pinned else None
    return EnvironmentStatus(
        environment=name,
        floating=files is None,
        state=files.state if files is not None else None,
        deployments=_pinned(session, files) if files is not None else _floating(session),
        clusters=policy.clusters,
        evidence=session.evidence(name),
        statuses=_statuses(session, policy) if statuses and session.forge.hosted else None,
    )


def with_release(
    session: Session, status: EnvironmentStatus, commit: str
) -> tuple[EnvironmentStatus, str]:
    """The status with what a release's source commit renders to there, or why it does not."""
    name = status.environment
    overlay = session.policy.of(name).sources
    try:
        files = render(session.repository, commit, name, overlay, cache=session.cache)
    except (BuildError, RepositoryError) as error:
        return status, f"the render for {name}: {error.what}"
    judged = structs.replace(
        status, objects=read_rendered(files), would_render=rendered_sum(name, files)
    )
    return judged, ""


def _pinned(session: Session, files: EnvironmentFiles) -> tuple[Deployment, ...]:
    """From the ledger: from the merge of a record that changes the render until the next."""
    records = [record for record in files.records if record.event.changes_render]
    counted = record_times(session.repository, session.commit, files.environment, records)
    return _joined(
        Deployment(
            record.release,
            record.rendered.tree,
            counted[record.path].committed_at,
            sequence=record.sequence,
        )
        for record in records
        if record.path in counted
    )


def by_word(session: Session, status: EnvironmentStatus, release: str) -> EnvironmentStatus:
    """The status, its stays of a release not before a forge or a tag says that they were merged.

    A merge that only moves the branch forward leaves the time that the author's clock said.
    """
    name, repository = status.environment, session.repository
    stays = [stay for stay in status.deployments_for(release) if stay.sequence]
    known = session.forge.hosted or any(
        repository.find(f"refs/tags/{names.tag(name, stay.sequence)}") for stay in stays
    )
    if not stays or not known:
        return status
    files = files_at(repository, session.commit, name)
    records = {recorded.record.sequence: recorded for recorded in files.ledger}
    brought = newest_additions(repository, session.commit, ledger_folder(name))
    moved = []
    for stay in status.deployments:
        recorded = records.get(stay.sequence) if stay in stays else None
        commit = brought.get(recorded.record.path) if recorded is not None else None
        word = merged_at(session, recorded, commit) if recorded and commit else None
        moved.append(stay if word is None else structs.replace(stay, since=max(stay.since, word)))
    return structs.replace(status, deployments=tuple(moved))


def _floating(session: Session) -> tuple[Deployment, ...]:
    """From main: from the commit that brought a release until the next.

    A commit's time is what its author's clock said; none counts from before the one it follows.
    """
    history = session.releases.history()[::-1]
    times = itertools.accumulate((commit.committed_at for commit, _ in history), max)
    return _joined(
        Deployment(release, "", since) for (_, release), since in zip(history, times, strict=True)
    )


def _joined(events: Iterable[Deployment]) -> tuple[Deployment, ...]:
    """One deployment for each run of events with the same release and tree, ended by the next."""
    deployments: list[Deployment] = []
    for event in events:
        if deployments:
            current = deployments[-1]
            if (current.release, current.tree) == (event.release, event.tree):
                continue
            deployments[-1] = structs.replace(current, until=event.since)
        deployments.append(event)
    return tuple(deployments)


def _statuses(session: Session, policy: EnvironmentPolicy) -> tuple[CommitStatus, ...]:
    """Of the first-parent commits that have the environment as the base has it, newest first."""
    paths = (
        (rendered_folder(policy.name).rstrip("/"),)
        if policy.pinned
        else session.releases.inputs.at(session.commit)
    )
    since = next(iter(mainline(session.repository, session.commit, *paths)), None)
    statuses: list[CommitStatus] = []
    for commit in mainline(session.repository, session.commit)[:STATUS_COMMITS]:
        statuses += session.forge.get_statuses(commit.sha)
        if since is None or commit.sha == since.sha:
            break
    else:
        if since is not None:
            statuses += session.forge.get_statuses(since.sha)
    # Stable: where no time is given, the newer commit's comes first.
    statuses.sort(key=lambda status: status.at.timestamp() if status.at else 0.0, reverse=True)
    return tuple(statuses)
