"""Move the line of an environment: adopt, hold, resume, reject, and write that to the base."""

from __future__ import annotations

import datetime

from meshgate.errors import NothingToPromoteError, RefusedError, UsageError
from meshgate.promotion import names
from meshgate.promotion.environment_state import Event, Hold
from meshgate.promotion.forges import PullRequest
from meshgate.promotion.prepare import PreparedCommit, prepare, refuse
from meshgate.promotion.pull_request import PullRequestResult, propose
from meshgate.promotion.rendering import tool
from meshgate.promotion.session import Session
from meshgate.promotion.transition import RecordDraft
from meshgate.repository import MovedError, push_branch, set_branch

# What a hold keeps out unless it says otherwise.
STOPS = (Event.PROMOTE, Event.HOTFIX)


def adopt(
    session: Session, name: str, *, release: str = "", reason: str = "", again: bool = False
) -> PreparedCommit:
    """The commit that gives an environment a state, from a release of main (default: the newest).

    Raises NothingToPromoteError where it has one, unless it is adopted `again`: the files are then
    made anew from the source, whatever somebody wrote into them, and the record says why. The
    state itself must be readable: what the chain says is never given up.
    """
    policy, state = session.policy.pinned(name), session.state(name)
    if state is not None and not again:
        raise NothingToPromoteError(
            f"{name} is adopted already: it has {state.alias} ({state.release}), "
            f"event {state.sequence}",
            hint=f"`meshgate promote {name}` brings a newer release; after a hand edit, "
            f"`meshgate adopt {name} --again --reason REASON` makes its files anew",
        )
    if state is not None and not reason:
        raise UsageError(
            f"{name} is adopted already, and no reason is given to do it again",
            hint="--reason TEXT; it is recorded",
        )
    wanted = release or (state.source.commit if state is not None else "")
    adopted = session.releases.find(wanted) if wanted else session.releases.newest()
    draft = RecordDraft(
        environment=name,
        event=Event.ADOPT,
        created_at=session.now,
        release=adopted,
        files=session.render(policy, adopted),
        overlay=policy.sources,
        requested_by=session.requested_by,
        reason=reason,
        tool=tool(session.repository, adopted.source.commit, policy.sources),
    )
    return prepare(session, state, draft)


def hold(
    session: Session,
    name: str,
    *,
    reason: str,
    until: datetime.datetime | None = None,
    blocks: tuple[Event, ...] = STOPS,
) -> PreparedCommit:
    """The commit that holds an environment. Raises NothingToPromoteError where it is held so."""
    _, state = session.adopted(name)
    current = state.hold
    if current and (current.reason, current.until, current.blocks) == (reason, until, blocks):
        raise NothingToPromoteError(f"{name} is held already, for that reason")
    if until is not None and until <= session.now:
        raise UsageError(f"a hold until {until.isoformat()} would be over already")
    draft = RecordDraft(
        environment=name,
        event=Event.HOLD,
        created_at=session.now,
        hold=Hold(
            since=session.now.replace(microsecond=0),
            by=session.login,
            reason=reason,
            until=until,
            blocks=blocks,
        ),
        requested_by=session.requested_by,
        tool=tool(session.repository, session.commit),
        reason=reason,
    )
    return prepare(session, state, draft)


def resume(session: Session, name: str, *, reason: str) -> PreparedCommit:
    """The commit that ends a hold. Raises NothingToPromoteError where there is none."""
    _, state = session.adopted(name)
    if state.hold is None:
        raise NothingToPromoteError(f"{name} is not held")
    draft = RecordDraft(
        environment=name,
        event=Event.RESUME,
        created_at=session.now,
        requested_by=session.requested_by,
        tool=tool(session.repository, session.commit),
        reason=reason,
    )
    return prepare(session, state, draft)


def reject(session: Session, release: str, *, reason: str, name: str = "") -> PreparedCommit:
    """The commit that refuses a release in an environment and in all that come after it.

    By default in the first pinned environment: nothing then passes it.
    """
    pinned = [policy.name for policy in session.policy.environments if policy.pinned]
    if not pinned:
        raise UsageError("no environment is pinned, so there is none that could reject a release")
    _, state = session.adopted(name or pinned[0])
    rejected = session.releases.find(release)
    if rejected.id in state.rejected:
        raise NothingToPromoteError(f"{state.environment} has rejected {rejected.id} already")
    draft = RecordDraft(
        environment=state.environment,
        event=Event.REJECT,
        created_at=session.now,
        rejects=(rejected.id,),
        requested_by=session.requested_by,
        tool=tool(session.repository, session.commit),
        reason=f"{rejected.alias} ({rejected.id}): {reason}",
    )
    return prepare(session, state, draft)


def write(session: Session, prepared: PreparedCommit, *, direct: bool = False) -> PullRequestResult:
    """The pull request of a commit; or, `direct`, the commit itself on the base branch.

    Direct is the break-glass way: the forge's rules decide whether this account may.
    """
    refuse(prepared)
    if not direct:
        return propose(session, prepared, again=True)
    main, record = session.main, prepared.record
    try:
        if session.remote:
            push_branch(session.repository, main, prepared.commit, expected=session.commit)
        else:
            set_branch(session.repository, main, prepared.commit, expected=session.commit)
    except MovedError as error:
        raise RefusedError(
            f"{main} moved meanwhile; nothing was written",
            why=str(error.what),
            hint="run the command again",
        ) from error
    pull = PullRequest(
        number=0,
        url="",
        head=main,
        head_sha=prepared.commit,
        base=main,
        title=names.title(record),
        body="",
        author=session.login,
        state="merged",
        merge_commit=prepared.commit,
    )
    return PullRequestResult(
        prepared, record, prepared.transition.state, prepared.commit, pull, pushed=True
    )
