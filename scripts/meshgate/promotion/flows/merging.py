"""Merge: judge all of it once more, then merge exactly the commit that was judged."""

from __future__ import annotations

from typing import NamedTuple

from meshgate.errors import MeshgateError, RefusedError, WaitingError
from meshgate.promotion import names
from meshgate.promotion.files import state_path
from meshgate.promotion.flows.ground import Ground
from meshgate.promotion.flows.making import told
from meshgate.promotion.forges import Merged, PullRequest
from meshgate.promotion.judging import judge
from meshgate.promotion.snapshot import at_commit, contents
from meshgate.promotion.state import read_state
from meshgate.promotion.values import PromotionRecord
from meshgate.repository import is_ancestor

METHODS = ("merge", "squash", "rebase")
# `merge: tool` in environments.yaml: no person needs to press the button.
TOOL = "tool"


class Merge(NamedTuple):
    """A pull request that is merged. `record` None: it was merged before this run."""

    pull: PullRequest
    merged: Merged
    record: PromotionRecord | None = None


def merge(ground: Ground, number: int, *, method: str = METHODS[0]) -> Merge:
    """Merge a promotion's pull request.

    Raises RefusedError (8) where a guard refuses, HeadMovedError (8) where somebody pushed
    meanwhile, WaitingError (10) where a gate, a window or an approval is waited for,
    RepositoryError (7) where it conflicts or the forge fails.
    """
    pull = ground.forge.get(number)
    if pull.state == "merged":
        return Merge(pull, Merged(pull.merge_commit or "", already=True))
    _refuse_what_is_no_promotion(ground, pull)
    ground.know(pull.head_sha)
    if is_ancestor(ground.repository, pull.head_sha, ground.base.commit):
        # Merged by git itself, and the forge has not noticed.
        return Merge(pull, Merged(ground.base.commit, already=True))
    judged = judge(ground.base, pull.head_sha, pull=pull)
    refused = [refusal for refusal in judged.refusals if not refusal.waits]
    if refused:
        raise RefusedError(
            f"{pull.url} is refused; nothing was merged",
            why=told(refused),
            hint="run the command that opened it again, with --refresh, if its base has moved",
        )
    if judged.refusals:
        raise WaitingError(f"{pull.url} waits; nothing was merged", why=told(judged.refusals))
    if judged.candidate is None:
        raise RefusedError(f"{pull.url} holds no promotion; nothing was merged")
    record = judged.candidate.record
    files = contents(at_commit(ground.repository, pull.head_sha))
    state = read_state(files[state_path(record.environment)], record.environment)
    merged = ground.forge.merge(
        number, head_sha=pull.head_sha, method=method, message=names.message(record, state)
    )
    return Merge(ground.forge.get(number), merged, record)


def ready(ground: Ground, *, method: str = METHODS[0]) -> tuple[list[Merge], list[str]]:
    """Merge every open promotion into an environment with `merge: tool` that may be merged.

    What was merged, and why the others were not. The base is the one that was read: a second merge
    into one environment conflicts, and is left for the next run.
    """
    merged, left = [], []
    for policy in ground.policy.environments:
        if policy.merge != TOOL or not policy.pinned:
            continue
        for prefix in names.prefixes(policy.name):
            for pull in ground.forge.list_open(ground.main, prefix):
                try:
                    merged.append(merge(ground, pull.number, method=method))
                except MeshgateError as error:
                    left.append(str(error))
    return merged, left


def _refuse_what_is_no_promotion(ground: Ground, pull: PullRequest) -> None:
    if pull.state != "open":
        raise RefusedError(f"{pull.url} is {pull.state}; nothing was merged")
    if pull.base != ground.main:
        raise RefusedError(f"{pull.url} is to {pull.base}, and promotions are to {ground.main}")
    if pull.fork or not names.is_promotion_branch(pull.head):
        raise RefusedError(
            f"{pull.url} is no promotion: its branch is {pull.head}"
            + (" of a fork" if pull.fork else ""),
            hint="merge it as any other pull request",
        )
