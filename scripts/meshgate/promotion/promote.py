"""Promote: which release comes next for an environment, and its pull request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct, structs

from meshgate.errors import NothingToPromoteError, RefusedError, UsageError
from meshgate.promotion.backport import missing_facts
from meshgate.promotion.environment_state import EnvironmentState, Event, Release
from meshgate.promotion.files import rendered_sum
from meshgate.promotion.guards.pr17_loses_a_hotfix import given_up
from meshgate.promotion.ledger import read_ledger
from meshgate.promotion.policy import EnvironmentPolicy
from meshgate.promotion.prepare import PreparedCommit, prepare, refuse, shrinks
from meshgate.promotion.pull_request import (
    PullRequestResult,
    close,
    other_promotions,
    propose,
    supersede,
)
from meshgate.promotion.records import Acknowledged, Bypass
from meshgate.promotion.release import changes
from meshgate.promotion.rendering import read_rendered, tool
from meshgate.promotion.session import Session
from meshgate.promotion.transition import RecordDraft
from meshgate.wording import agree, plural

# The gate that a record says was passed over where many resources go.
SHRINKS = "resources"
# `select` of an environment whose releases people choose.
MANUAL = "manual"


class NoEffectError(NothingToPromoteError):
    """A release renders to what the environment has already."""


class PromoteOptions(Struct, frozen=True):
    """What the command line says of a promotion.

    release    an id, alias or commit; empty: the newest that may come
    resources  how many resources are accepted to be left, where many go; None: not said
    forgive    why what a hotfix set may be lost; empty: it may not
    """

    release: str = ""
    resources: int | None = None
    forgive: str = ""
    reason: str = ""


def prepare_promotion(session: Session, name: str, options: PromoteOptions) -> PreparedCommit:
    """The commit that a promotion would push, with all that guards and gates say of it.

    Raises NothingToPromoteError where there is none (NoEffectError where a release renders to what
    is there), UsageError for a wrong name, RefusedError for
    a render that lost too much.
    """
    policy, state = session.adopted(name)
    release = choose_release(session, policy, state, options.release)
    files = session.render(policy, release)
    before = session.rendered(name)
    if files == before:
        raise NoEffectError(
            f"{release.alias} ({release.id}) changes nothing in {name}",
            why="What it renders to is what the clusters have. Its place in the order counts.",
        )
    draft = RecordDraft(
        environment=name,
        event=Event.PROMOTE,
        created_at=session.now,
        release=release,
        files=files,
        overlay=policy.sources,
        changes=changes(
            *(session.repository, state.source.commit, release.source.commit),
            main=session.commit,
        ),
        bypasses=_accept_loss(session, name, files, options),
        requested_by=session.requested_by,
        reason=options.reason or options.forgive,
        tool=tool(session.repository, release.source.commit, policy.sources),
    )
    return prepare(session, state, _with_backport(session, state, draft, options))


def promote(
    session: Session,
    name: str,
    options: PromoteOptions,
    *,
    refresh: bool = False,
    again: bool = False,
) -> PullRequestResult:
    """The pull request of the next release, and older ones closed.

    Raises as `prepare_promotion`, and RefusedError where a guard refuses: then nothing is pushed.
    """
    tidy(session, name)
    prepared = prepare_promotion(session, name, options)
    refuse(prepared)
    _refuse_older(session, prepared, options)
    return supersede(session, propose(session, prepared, refresh=refresh, again=again))


def tidy(session: Session, name: str) -> None:
    """Close the open promotions of releases that were rejected here or in an environment before."""
    rejected_releases = rejected(session, session.policy.pinned(name))
    for pull in other_promotions(session, name):
        release = pull.head.rpartition("/")[2]
        if release in rejected_releases:
            close(session, pull, f"{release} was rejected since; `meshgate status` tells where.")


def _with_backport(
    session: Session, state: EnvironmentState, draft: RecordDraft, options: PromoteOptions
) -> RecordDraft:
    """The promotion, and what becomes of the pending backport of a hotfix.

    It ends where the render has all its values, or where what it lacks is given up on purpose.
    """
    if state.pending_backport is None:
        return draft
    missing = missing_facts(state.pending_backport.facts, read_rendered(draft.files or {}))
    if missing and not options.forgive:
        return draft
    forgiven = tuple(
        Acknowledged(finding=given_up(fact), by=session.login, reason=options.forgive)
        for fact in missing
    )
    return structs.replace(draft, ends_backport=True, acknowledges=forgiven)


def _accept_loss(
    session: Session, name: str, files: Mapping[str, bytes], options: PromoteOptions
) -> tuple[Bypass, ...]:
    """Raise RefusedError for a render that lost too much, unless exactly that is accepted."""
    before, after = len(session.rendered(name)), len(files)
    if not shrinks(before, after):
        return ()
    if options.resources != after or not after:
        raise RefusedError(
            f"the render of {name} has {plural(after, 'resource')}, and had {before}",
            why="So many at once look like a patch gone wrong; clusters delete what is gone.",
            hint=f"if it is meant: --resources {after}" if after else "see `meshgate render`",
        )
    lost = f"{after} of {plural(before, 'resource')} {agree(after, 'is', 'are')} meant to be left"
    return (Bypass(gate=SHRINKS, by=session.login, reason=options.reason or lost),)


def _refuse_older(session: Session, prepared: PreparedCommit, options: PromoteOptions) -> None:
    """Raise NothingToPromoteError where a newer release is proposed already."""
    order = session.releases.ids()
    record = prepared.record
    if options.release or record.release not in order:
        return
    for pull in other_promotions(session, record.environment):
        release = pull.head.rpartition("/")[2]
        if release in order and order.index(release) < order.index(record.release):
            raise NothingToPromoteError(f"{pull.url} proposes a newer release already")


def choose_release(
    session: Session, policy: EnvironmentPolicy, state: EnvironmentState, wanted: str = ""
) -> Release:
    """The release that was asked for, or the newest that the environments before let through.

    Raises UsageError for a release that is not there, or where one must be asked for;
    NothingToPromoteError where none is newer than what the environment has.
    """
    name = policy.name
    if wanted:
        release = session.releases.find(wanted)
        if release.id == state.release:
            raise NothingToPromoteError(f"{name} has {release.alias} ({release.id}) already")
        return release
    if policy.select == MANUAL:
        raise UsageError(
            f"{name} takes the releases that people choose (`select: {MANUAL}`)",
            hint=f"meshgate promote {name} --release RELEASE; `meshgate status` lists them",
        )
    refused = rejected(session, policy)
    for release in newer_releases(session, state):
        if release.id not in refused and passed_upstream(session, policy, release):
            return release
    below = " and ".join(policy.after)
    raise NothingToPromoteError(
        f"{name} has {state.alias} ({state.release}), and nothing newer "
        + (f"has passed {below}" if below else "is on " + session.main)
    )


def newer_releases(session: Session, state: EnvironmentState) -> Iterator[Release]:
    """The releases of main that came after the one of a state, newest first."""
    places = session.releases.places
    current = places.get(state.source.commit)
    for release in session.releases:
        if release.id == state.release:
            return
        if current is not None and places[release.source.commit] > current:
            return
        yield release


def rejected(session: Session, policy: EnvironmentPolicy) -> frozenset[str]:
    """The releases that this environment, or one before it, has rejected."""
    line = (policy, *session.policy.before(policy.name))
    states = [session.state(passed.name) for passed in line if passed.pinned]
    return frozenset(release for state in states if state for release in state.rejected)


def passed_upstream(session: Session, policy: EnvironmentPolicy, release: Release) -> bool:
    """Whether the environments directly before have had the release, or it changes nothing there.

    All of them, or any, as `after` says. Whether that is long enough is for the gates to say.
    """
    passed = (passed_in(session, session.policy.of(name), release) for name in policy.after)
    return all(passed) if policy.after_all else any(passed)


def passed_in(session: Session, below: EnvironmentPolicy, release: Release) -> bool:
    """Whether one environment has had a release, or it would change nothing there."""
    if not below.pinned:
        # It follows main: what main had, it had.
        return release.id in session.releases.ids()
    state = session.state(below.name)
    if state is None:
        return False
    records = read_ledger(session.files, below.name)
    # What changes no render is recorded with the release that is there.
    if any(recorded.record.release == release.id for recorded in records):
        return True
    files = session.render(below, release)
    return rendered_sum(below.name, files) == state.rendered.sha256
