"""Hotfix: a repair that skips environments, and that main must have by a day."""

from __future__ import annotations

import datetime
from typing import NamedTuple

from meshgate.errors import NothingToPromoteError, RefusedError, UsageError
from meshgate.promotion import names
from meshgate.promotion.backport import facts_between
from meshgate.promotion.environment_state import (
    EnvironmentState,
    Event,
    Fact,
    PendingBackport,
    Release,
)
from meshgate.promotion.prepare import PreparedCommit, prepare, refuse
from meshgate.promotion.promote import passed_in
from meshgate.promotion.pull_request import PullRequestResult, propose
from meshgate.promotion.records import Bypass
from meshgate.promotion.release import changes
from meshgate.promotion.rendering import read_rendered, tool
from meshgate.promotion.session import Session
from meshgate.promotion.transition import RecordDraft
from meshgate.repository import merge_base, push_tag, tag


class HotfixOptions(NamedTuple):
    """What the command line says of a hotfix.

    start   the branch or commit with the repair, made on the environment's own source
    linked  the pull request that brings the same to main; empty: the open one of that branch
    due     when main must have it
    """

    start: str
    reason: str
    ticket: str
    due: datetime.date
    linked: str = ""


def prepare_hotfix(
    session: Session, name: str, options: HotfixOptions
) -> tuple[PreparedCommit, tuple[str, ...]]:
    """The commit of a hotfix, and what the reviewer must know.

    Raises UsageError where the repair is not made on the environment's source, RefusedError where
    no pull request brings it to main, NothingToPromoteError where it changes nothing.
    """
    policy, state = session.adopted(name)
    release = _release(session, state, options)
    linked, notes = _pull_request_to_main(session, options)
    files = session.render(policy, release)
    before = session.rendered(name)
    if files == before:
        raise NothingToPromoteError(f"{options.start} changes nothing in {name}")
    facts = facts_between(read_rendered(before), read_rendered(files))
    bypasses = tuple(
        Bypass(below, session.login, options.reason, options.ticket)
        for below in policy.after
        if not passed_in(session, session.policy.of(below), release)
    )
    draft = RecordDraft(
        environment=name,
        event=Event.HOTFIX,
        created_at=session.now,
        release=release,
        files=files,
        overlay=policy.sources,
        pending_backport=PendingBackport(
            record="", facts=pending_facts(state, facts), due=options.due
        ),
        changes=changes(session.repository, state.source.commit, release.source.commit),
        bypasses=bypasses,
        requested_by=session.requested_by,
        reason=f"{options.reason} (main: {linked})",
        ticket=options.ticket,
        tool=tool(session.repository, release.source.commit, policy.sources),
    )
    return prepare(session, state, draft), notes


def hotfix(
    session: Session, name: str, options: HotfixOptions, *, refresh: bool = False
) -> PullRequestResult:
    """The pull request of a hotfix; a tag keeps its release from being forgotten."""
    prepared, notes = prepare_hotfix(session, name, options)
    refuse(prepared)
    record = prepared.record
    mark = names.release_tag(record.release)
    tag(session.repository, mark, record.source.commit, f"{record.release}: hotfix of {name}\n")
    if session.remote:
        push_tag(session.repository, mark)
    return propose(session, prepared, refresh=refresh, again=True, notes=notes)


def _release(session: Session, state: EnvironmentState, options: HotfixOptions) -> Release:
    repository, name = session.repository, state.environment
    commit = repository.find(f"refs/remotes/origin/{options.start}") or repository.resolve(
        options.start
    )
    if merge_base(repository, state.source.commit, commit) != state.source.commit:
        raise UsageError(
            f"{options.start} is not made on what {name} has",
            why=f"A hotfix starts from {state.source.commit[:12]}, the source of {state.alias}: "
            "all else would come along unseen.",
            hint=f"git switch -c hotfix/{name}/SLUG {state.source.commit[:12]}",
        )
    release = session.releases.at(commit)
    if release.id == state.release:
        raise NothingToPromoteError(f"{options.start} changes no input of {name}")
    return release


def _pull_request_to_main(session: Session, options: HotfixOptions) -> tuple[str, tuple[str, ...]]:
    """The pull request that brings the repair to main, and a warning while it is not merged."""
    forge, base = session.forge, session.main
    if options.linked.isdecimal() and forge.hosted:
        pull = forge.get(int(options.linked))
    elif options.linked:
        return options.linked, ()
    else:
        closed = (pull for pull in forge.closed(options.start, base) if pull.state == "merged")
        linked_pull = forge.find_open(options.start, base) or next(closed, None)
        if linked_pull is None:
            raise RefusedError(
                f"no pull request brings {options.start} to {base}; nothing was pushed",
                why="A repair that main never gets is undone by the next promotion.",
                hint=f"open one from {options.start} to {base}, or name it: --main-pr NUMBER",
            )
        pull = linked_pull
    if pull.state == "closed":
        raise RefusedError(f"{pull.url}, which was to bring the repair to {base}, is closed")
    notes = () if pull.state == "merged" else (f"{pull.url} brings it to {base}: not merged yet",)
    return pull.url, notes


def pending_facts(state: EnvironmentState, new: tuple[Fact, ...]) -> tuple[Fact, ...]:
    """The facts of this hotfix, and those of an earlier one that it does not change."""
    renewed = {(fact.resource, fact.pointer) for fact in new}
    earlier = state.pending_backport.facts if state.pending_backport else ()
    earlier_facts = tuple(fact for fact in earlier if (fact.resource, fact.pointer) not in renewed)
    return tuple(sorted((*earlier_facts, *new), key=lambda fact: (fact.resource, fact.pointer)))
