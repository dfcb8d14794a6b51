"""Which release comes next for an environment."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.errors import NothingToPromoteError, UsageError
from meshgate.promotion.files import rendered_sum
from meshgate.promotion.flows.ground import Ground
from meshgate.promotion.ledger import read_ledger
from meshgate.promotion.policy import EnvironmentPolicy
from meshgate.promotion.values import EnvironmentState, Release

MANUAL = "manual"


def chosen(
    ground: Ground, policy: EnvironmentPolicy, state: EnvironmentState, asked: str = ""
) -> Release:
    """The release that was asked for, or the newest that the environments before let through.

    Raises UsageError for a release that is not there, or where one must be asked for;
    NothingToPromoteError where none is newer than what the environment has.
    """
    name = policy.name
    if asked:
        release = ground.releases.find(asked)
        if release.id == state.release:
            raise NothingToPromoteError(f"{name} has {release.alias} ({release.id}) already")
        return release
    if policy.select == MANUAL:
        raise UsageError(
            f"{name} takes the releases that people choose (`select: {MANUAL}`)",
            hint=f"meshgate promote {name} --release RELEASE; `meshgate status` lists them",
        )
    refused = rejected(ground, policy)
    for release in newer(ground, state):
        if release.id not in refused and passed_below(ground, policy, release):
            return release
    below = " and ".join(policy.after)
    raise NothingToPromoteError(
        f"{name} has {state.alias} ({state.release}), and nothing newer "
        + (f"has passed {below}" if below else "is on " + ground.main)
    )


def newer(ground: Ground, state: EnvironmentState) -> Iterator[Release]:
    """The releases of main that came after the one of a state, newest first."""
    line = [commit.sha for commit in ground.releases.line]
    for release in ground.releases:
        if release.id == state.release:
            return
        if state.source.commit in line and _older(line, release.source.commit, state):
            return
        yield release


def _older(line: list[str], commit: str, state: EnvironmentState) -> bool:
    return line.index(commit) > line.index(state.source.commit)


def rejected(ground: Ground, policy: EnvironmentPolicy) -> frozenset[str]:
    """The releases that this environment, or one before it, has rejected."""
    states = [
        ground.state(one.name) for one in (policy, *ground.policy.before(policy.name)) if one.pinned
    ]
    return frozenset(release for state in states if state for release in state.rejected)


def passed_below(ground: Ground, policy: EnvironmentPolicy, release: Release) -> bool:
    """Whether the environments directly before have had the release, or it changes nothing there.

    All of them, or any, as `after` says. Whether that is long enough is for the gates to say.
    """
    found = (passed_in(ground, ground.policy.of(name), release) for name in policy.after)
    return all(found) if policy.after_all else any(found)


def passed_in(ground: Ground, below: EnvironmentPolicy, release: Release) -> bool:
    """Whether one environment has had a release, or it would change nothing there."""
    if not below.pinned:
        # It follows main: what main had, it had.
        return any(release.id == one.id for one in ground.releases)
    state = ground.state(below.name)
    if state is None:
        return False
    records = read_ledger(ground.files, below.name)
    if any(one.record.release == release.id and one.record.event.changes_render for one in records):
        return True
    files = ground.render(below, release)
    return rendered_sum(below.name, files) == state.rendered.sha256
