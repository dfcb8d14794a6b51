"""Merge: judge all of it once more, then merge exactly the commit that was judged."""

from __future__ import annotations

from typing import NamedTuple

from meshgate.errors import MeshgateError, RefusedError, WaitingError
from meshgate.promotion import names
from meshgate.promotion.files import at_commit, contents, state_path
from meshgate.promotion.forges import Merged, PullRequest
from meshgate.promotion.judge import judge
from meshgate.promotion.ledger import read_state
from meshgate.promotion.prepare import format_refusals
from meshgate.promotion.records import PromotionRecord
from meshgate.promotion.session import Session
from meshgate.repository import is_ancestor

METHODS = ("merge", "squash", "rebase")
# `merge: tool` in environments.yaml: no person needs to press the button.
TOOL = "tool"


class MergeResult(NamedTuple):
    """A pull request that is merged. `record` None: it was merged before this run."""

    pull: PullRequest
    merged: Merged
    record: PromotionRecord | None = None


def merge(session: Session, number: int, *, method: str = METHODS[0]) -> MergeResult:
    """Merge a promotion's pull request.

    Raises RefusedError (8) where a guard refuses, HeadMovedError (8) where somebody pushed
    meanwhile, WaitingError (10) where a gate, a window or an approval is waited for,
    RepositoryError (7) where it conflicts or the forge fails.
    """
    pull = session.forge.get(number)
    if pull.state == "merged":
        return MergeResult(pull, Merged(pull.merge_commit or "", already=True))
    _refuse_what_is_no_promotion(session, pull)
    session.ensure(pull.head_sha)
    if is_ancestor(session.repository, pull.head_sha, session.commit):
        # Merged by git itself, and the forge has not noticed.
        return MergeResult(pull, Merged(session.commit, already=True))
    judgement = judge(session, pull.head_sha, pull=pull)
    if judgement.final:
        raise RefusedError(
            f"{pull.url} is refused; nothing was merged",
            why=format_refusals(judgement.final),
            hint="run the command that opened it again, with --refresh, if its base has moved",
        )
    if judgement.refusals:
        raise WaitingError(
            f"{pull.url} waits; nothing was merged", why=format_refusals(judgement.refusals)
        )
    if judgement.candidate is None:
        raise RefusedError(f"{pull.url} holds no promotion; nothing was merged")
    record = judgement.candidate.record
    files = contents(at_commit(session.repository, pull.head_sha))
    state = read_state(files[state_path(record.environment)], record.environment)
    merged = session.forge.merge(
        number, head_sha=pull.head_sha, method=method, message=names.message(record, state)
    )
    return MergeResult(session.forge.get(number), merged, record)


def ready(session: Session, *, method: str = METHODS[0]) -> tuple[list[MergeResult], list[str]]:
    """Merge every open promotion into an environment with `merge: tool` that may be merged.

    What was merged, and why the others were not. The base is the one that was read: a second merge
    into one environment conflicts, and is left for the next run.
    """
    merged, left = [], []
    for policy in session.policy.environments:
        if policy.merge != TOOL or not policy.pinned:
            continue
        for prefix in names.prefixes(policy.name):
            for pull in session.forge.list_open(session.main, prefix):
                try:
                    merged.append(merge(session, pull.number, method=method))
                except MeshgateError as error:
                    left.append(str(error))
    return merged, left


def _refuse_what_is_no_promotion(session: Session, pull: PullRequest) -> None:
    if pull.state != "open":
        raise RefusedError(f"{pull.url} is {pull.state}; nothing was merged")
    if pull.base != session.main:
        raise RefusedError(f"{pull.url} is to {pull.base}, and promotions are to {session.main}")
    if pull.fork or not names.is_promotion_branch(pull.head):
        raise RefusedError(
            f"{pull.url} is no promotion: its branch is {pull.head}"
            + (" of a fork" if pull.fork else ""),
            hint="merge it as any other pull request",
        )
