"""A pull request for a prepared commit: pushed and opened, or found; older ones closed.

The same command twice changes nothing. What a person closed stays closed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from meshgate.errors import IntegrityError, NothingToPromoteError, RefusedError
from meshgate.promotion import names
from meshgate.promotion.environment_state import FORWARD, EnvironmentState, Previous
from meshgate.promotion.files import (
    ADDED,
    at_commit,
    below,
    contents,
    differences,
    ledger_folder,
    rendered_folder,
    sha256,
    state_path,
)
from meshgate.promotion.forges import Draft, PullRequest
from meshgate.promotion.forges.best_effort import BestEffort
from meshgate.promotion.ledger import read_record, read_state, state_of
from meshgate.promotion.page import page_contents, render
from meshgate.promotion.prepare import PreparedCommit
from meshgate.promotion.records import PromotionRecord
from meshgate.promotion.session import Session
from meshgate.repository import MovedError, is_ancestor, push_branch, set_branch

EDITED = "<!-- meshgate-edited -->"
SEQUENCE = re.compile(r"[0-9]+$")


class PullRequestResult(Struct, frozen=True):
    """A pull request as the run left it.

    prepared  what this run would write; the rest is what is there
    pushed    whether the branch moved
    remote    whether there is a remote that it was pushed to
    degraded  what could not be done beside: labels, comments; the next run tries again
    closed    numbers of the pull requests that it stands in for
    """

    prepared: PreparedCommit
    record: PromotionRecord
    state: EnvironmentState
    commit: str
    pull: PullRequest
    pushed: bool
    degraded: tuple[str, ...] = ()
    closed: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    remote: bool = True


class ExistingBranch(Struct, frozen=True):
    """What a branch of this name holds already.

    stale   it does not follow the state that the base has now
    """

    commit: str
    record: PromotionRecord
    state: EnvironmentState
    stale: bool


def propose(
    session: Session,
    prepared: PreparedCommit,
    *,
    refresh: bool = False,
    again: bool = False,
    notes: tuple[str, ...] = (),
) -> PullRequestResult:
    """The pull request of a commit: found, or opened.

    Raises RefusedError where somebody edited the branch, or where it is stale without `refresh`;
    NothingToPromoteError where a person closed it without `again`.
    """
    branch = names.branch(prepared.record)
    existing = existing_branch(session, branch, prepared)
    forge = session.forge
    if not again:
        refuse_closed(session, branch)
    if existing is not None and existing.stale and not refresh:
        raise RefusedError(
            f"{branch} was made from a state of {existing.record.environment} that is no more",
            why=f"It follows sequence {existing.record.sequence - 1}; something was merged since.",
            hint="run it again with --refresh: it is then made from the state as it is now",
        )
    there = existing
    if existing is None or existing.stale or (refresh and _differs(existing, prepared)):
        there = _push(session, branch, prepared, existing)
    if there is not None:
        commit, record, state = there.commit, there.record, there.state
    else:
        commit, record, state = prepared.commit, prepared.record, prepared.transition.state
    page = page_contents(session, prepared, record, state, notes)
    pull = forge.create(
        Draft(
            head=branch,
            base=session.main,
            title=names.title(record),
            body=render(page, forge.body_limit),
            labels=names.labels(record),
        )
    )
    result = PullRequestResult(
        prepared,
        record,
        state,
        commit,
        pull,
        there is None,
        pull.degraded,
        notes=notes,
        remote=session.remote,
    )
    return result if record.event in FORWARD else close_stale(session, result)


def existing_branch(
    session: Session, branch: str, prepared: PreparedCommit
) -> ExistingBranch | None:
    """What the branch holds, if it is there. Raises RefusedError for one that was edited."""
    commit = session.tip(branch)
    if commit is None:
        return None
    existing = read(session, commit, prepared)
    if existing is not None:
        return existing
    pull = session.forge.find_open(branch, session.main)
    if pull is not None:
        session.forge.comment_sticky(
            pull.number,
            EDITED,
            f"{EDITED}\nThis branch was edited by hand, so meshgate leaves it as it is. "
            "Close the pull request and delete the branch to have it made anew.",
        )
    raise RefusedError(
        f"{branch} was edited by hand",
        why=f"Its commit {commit[:12]} is not what meshgate would write there.",
        hint=f"close its pull request and delete it (git push origin --delete {branch}), "
        "then run the command again",
    )


def read(session: Session, commit: str, prepared: PreparedCommit) -> ExistingBranch | None:
    """A commit as meshgate made it; None where it holds anything else."""
    wanted = prepared.record
    environment = wanted.environment
    session.ensure(commit)
    files = contents(at_commit(session.repository, commit))
    path = _new_record(session, commit, environment)
    try:
        record = read_record(files[path or ""], path or "").record
        state = read_state(files[state_path(environment)], environment)
    except (IntegrityError, KeyError):
        return None
    is_same = (
        (record.event, record.release) == (wanted.event, wanted.release)
        and (record.event.changes_render or record.reason == wanted.reason)
        and state == state_of(record, sha256(files[record.path]))
        and below(files, rendered_folder(environment)) == _rendered_after(session, prepared)
    )
    if not is_same:
        return None
    return ExistingBranch(commit, record, state, stale=record.previous != _link(prepared.before))


def _new_record(session: Session, commit: str, environment: str) -> str | None:
    """The one record that a commit adds, on top of some commit of the base, within its scope."""
    repository = session.repository
    parents = repository.run("rev-list", "--parents", "--max-count=1", commit).split()[1:]
    if len(parents) != 1 or not is_ancestor(repository, parents[0], session.commit):
        return None
    changed = differences(repository.entries(parents[0]), repository.entries(commit))
    folder = ledger_folder(environment)
    own = (rendered_folder(environment), folder, state_path(environment))
    added = [
        change.path for change in changed if change.path.startswith(folder) and change.kind == ADDED
    ]
    within = all(change.path.startswith(own) for change in changed)
    return added[0] if within and len(added) == 1 else None


def _push(
    session: Session, branch: str, prepared: PreparedCommit, existing: ExistingBranch | None
) -> ExistingBranch | None:
    """Move the branch to the commit; what is there instead where somebody was faster with it."""
    expected = existing.commit if existing else None
    try:
        if session.remote:
            push_branch(session.repository, branch, prepared.commit, expected=expected)
        else:
            set_branch(session.repository, branch, prepared.commit, expected=expected)
    except MovedError:
        faster = existing_branch(session, branch, prepared)
        if faster is None or faster.stale:
            raise
        return faster
    return None


def _differs(existing: ExistingBranch, prepared: PreparedCommit) -> bool:
    """Whether the record tells other effects than those of today."""
    return existing.record.effects != prepared.record.effects


def _rendered_after(session: Session, prepared: PreparedCommit) -> dict[str, bytes]:
    """rendered/<environment> as this run would leave it."""
    folder = rendered_folder(prepared.record.environment)
    files = dict(below(session.files, folder))
    for path, content in prepared.transition.files.items():
        if path.startswith(folder):
            if content is None:
                files.pop(path, None)
            else:
                files[path] = content
    return files


def _link(state: EnvironmentState | None) -> Previous | None:
    return Previous(state.sequence, state.release, state.record_sha256) if state else None


def supersede(session: Session, result: PullRequestResult) -> PullRequestResult:
    """Close the open promotions of older releases, saying which one stands in for them."""
    record = result.record
    older = [
        pull
        for pull in other_promotions(session, record.environment, result.pull.head)
        if _older(session, pull.head.rpartition("/")[2], record)
    ]
    return _closed(session, result, older)


def close_stale(session: Session, result: PullRequestResult) -> PullRequestResult:
    """Close what was proposed alike from an earlier state: it conflicts, and always will."""
    record = result.record
    stale = []
    for pull in session.forge.list_open(session.main, f"{record.event}/{record.environment}/"):
        sequence = SEQUENCE.search(pull.head)
        if sequence and int(sequence[0]) < record.sequence:
            stale.append(pull)
    return _closed(session, result, stale)


def _closed(
    session: Session, result: PullRequestResult, pulls: Iterable[PullRequest]
) -> PullRequestResult:
    closed, effort = [], BestEffort()
    for pull in pulls:
        with effort.attempt(f"closing {pull.number}"):
            close(session, pull, f"Superseded by {result.pull.url}.")
            closed.append(pull.number)
    return replace(
        result,
        closed=(*result.closed, *closed),
        degraded=(*result.degraded, *effort.reasons),
    )


def close(session: Session, pull: PullRequest, comment: str) -> None:
    """Close a pull request, and label it, so that people see that no person closed it."""
    session.forge.set_labels(pull.number, (*pull.labels, names.SUPERSEDED))
    session.forge.close(pull.number, comment)


def other_promotions(session: Session, environment: str, head: str = "") -> list[PullRequest]:
    """The other open promotions of an environment."""
    prefix = f"promote/{environment}/"
    return [pull for pull in session.forge.list_open(session.main, prefix) if pull.head != head]


def _older(session: Session, release: str, record: PromotionRecord) -> bool:
    """Whether a release came before that of a record on main; a hotfix, not on main, did not."""
    order = session.releases.ids()
    if release not in order or record.release not in order:
        return False
    return order.index(release) > order.index(record.release)


def refuse_closed(session: Session, branch: str) -> None:
    """Raise NothingToPromoteError where a person closed the last pull request of a branch."""
    closed = session.forge.closed(branch, session.main)
    if closed and closed[0].state == "closed" and names.SUPERSEDED not in closed[0].labels:
        raise NothingToPromoteError(
            f"{closed[0].url} was closed by a person, and is not opened again by itself",
            hint="--again opens it",
        )
