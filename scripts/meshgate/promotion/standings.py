"""How environments stand, found out from the base: stays, evidence, statuses, what would change."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Mapping

from meshgate import source
from meshgate.errors import BuildError, RepositoryError
from meshgate.model import Resource
from meshgate.promotion.base import Base
from meshgate.promotion.candidate import Side
from meshgate.promotion.files import ledger_folder, rendered_folder, rendered_sum
from meshgate.promotion.forges import CommitStatus
from meshgate.promotion.policy import EnvironmentPolicy
from meshgate.promotion.release import INPUTS
from meshgate.promotion.rendering import render
from meshgate.promotion.sides import side_at
from meshgate.promotion.standing import Standing, Stay
from meshgate.repository import additions, mainline

# A commit's statuses cost a request each; what synced posts on one of the newest commits.
STATUS_COMMITS = 30


def standing(base: Base, name: str, *, statuses: bool = False) -> Standing:
    """How an environment stands on the base; `statuses` asks the forge for those of its commits."""
    policy = base.policy.of(name)
    side = side_at(base.repository, base.commit, name) if policy.pinned else None
    stays = _stays(base, side) if side is not None else _floating(base)
    return Standing(
        environment=name,
        floating=not policy.pinned,
        state=side.state if side is not None else None,
        stays=stays,
        clusters=policy.clusters,
        evidence=base.evidence(name),
        statuses=_statuses(base, policy) if statuses and base.forge is not None else None,
    )


def with_release(base: Base, found: Standing, commit: str) -> tuple[Standing, str]:
    """The standing with what a release's source commit renders to there, or why it does not."""
    overlay = base.policy.of(found.environment).overlay
    try:
        files = render(base.repository, commit, found.environment, overlay, cache=base.cache)
    except (BuildError, RepositoryError) as error:
        return found, f"the render for {found.environment}: {error.what}"
    whole = dataclasses.replace(
        found,
        objects=objects(files),
        would_render=rendered_sum(found.environment, files),
    )
    return whole, ""


def objects(files: Mapping[str, bytes]) -> tuple[Resource, ...]:
    """The objects of rendered files. Raises BuildError for what is no manifest."""
    return tuple(
        resource for path, data in files.items() for resource in source.read(data, path).resources
    )


def _stays(base: Base, side: Side) -> tuple[Stay, ...]:
    """From the ledger: from the merge of a record that changes the render until the next."""
    records = [record for record in side.records if record.event.changes_render]
    if not records:
        return ()
    folder = ledger_folder(records[0].environment)
    times = {
        commit.sha: commit.committed_at for commit in mainline(base.repository, base.commit, folder)
    }
    merged = additions(base.repository, base.commit, folder)
    return _joined(
        (record.release, record.rendered.tree, times[merged[record.path]])
        for record in records
        if record.path in merged
    )


def _floating(base: Base) -> tuple[Stay, ...]:
    """From main: from the commit that brought a release until the next."""
    return _joined(
        (release, "", commit.committed_at) for commit, release in reversed(base.releases.history())
    )


def _joined(events: Iterable[tuple[str, str, datetime.datetime]]) -> tuple[Stay, ...]:
    found: list[Stay] = []
    for release, tree, since in events:
        if found and (found[-1].release, found[-1].tree) == (release, tree):
            continue
        if found:
            found[-1] = dataclasses.replace(found[-1], until=since)
        found.append(Stay(release, tree, since))
    return tuple(found)


def _statuses(base: Base, policy: EnvironmentPolicy) -> tuple[CommitStatus, ...]:
    """Of the first-parent commits that have the environment as the base has it, newest first."""
    assert base.forge is not None
    paths = (rendered_folder(policy.name).rstrip("/"),) if policy.pinned else INPUTS
    since = next(iter(mainline(base.repository, base.commit, *paths)), None)
    found: list[CommitStatus] = []
    for commit in mainline(base.repository, base.commit)[:STATUS_COMMITS]:
        found += base.forge.get_statuses(commit.sha)
        if since is None or commit.sha == since.sha:
            break
    else:
        if since is not None:
            found += base.forge.get_statuses(since.sha)
    # Stable: where no time is told, the newer commit's comes first.
    found.sort(key=lambda status: status.at.timestamp() if status.at else 0.0, reverse=True)
    return tuple(found)
