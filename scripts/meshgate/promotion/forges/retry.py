"""What to do about a refusal: look again, wait a little, try again, and know when to stop.

A forge works things out in the background (whether a branch is there, whether it merges), so a
refusal right after a push may be gone a second later, and an error may hide a success.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator, Sequence

from msgspec.structs import replace

from meshgate.errors import RepositoryError
from meshgate.promotion.forges.best_effort import BestEffort
from meshgate.promotion.forges.forge import (
    Draft,
    Forge,
    ForgeRefusedError,
    HeadMovedError,
    Merged,
    PullRequest,
)

LOG = logging.getLogger(__name__)

# Seconds between attempts; each is spread by half, so that two runs do not go in step.
PAUSES = (0.25, 0.5, 1.0, 2.0)
# And these, while the forge has not told whether a branch merges: a busy one looks for long.
PAUSES_WHILE_UNKNOWN = (4.0, 4.0, 4.0, 4.0)
# Not to be cured by waiting: the token is wrong, or may not.
FINAL = frozenset({401, 403})


def open_or_adopt(forge: Forge, draft: Draft, attempt: Callable[[], int]) -> PullRequest:
    """The open pull request of a draft: the one that is there, or a new one.

    `attempt` asks the forge for a new one and gives its number; after ForgeRefusedError there may
    be one nevertheless: opened by somebody else meanwhile, or by us before the answer was lost.
    """
    for last in _turns(PAUSES):
        present = forge.find_open(draft.head, draft.base)
        if present:
            forge.update(present.number, title=draft.title, body=draft.body)
            return _labelled(forge, present.number, draft.labels)
        try:
            return _labelled(forge, attempt(), draft.labels)
        except ForgeRefusedError as error:
            if last or error.status in FINAL:
                raise
    raise AssertionError("the last turn returns or raises")


def merge_pinned(forge: Forge, number: int, head_sha: str, attempt: Callable[[], None]) -> Merged:
    """Merge by `attempt`, which itself pins the head, and believe only what is read afterwards.

    A refusal is final after `PAUSES` where the forge knows whether the branch merges, and after
    `PAUSES_WHILE_UNKNOWN` as well where it does not.
    """
    done = refused_knowing = False
    refusal: ForgeRefusedError | None = None
    for turn, last in enumerate(_turns(PAUSES + PAUSES_WHILE_UNKNOWN)):
        current = forge.get(number)
        _require_head(current, head_sha)
        if current.state == "merged":
            return Merged(current.merge_commit or "", already=not done)
        _require_mergeable(current)
        if refusal and (last or (turn >= len(PAUSES) and refused_knowing)):
            raise _given_up(current, refusal)
        if turn == len(PAUSES):
            LOG.warning("the forge has not told yet whether #%d merges: waiting", number)
        try:
            attempt()
        except ForgeRefusedError as error:
            if error.status in FINAL:
                raise
            refusal, refused_knowing = error, current.mergeable is not None
            continue
        done = True
        current = forge.get(number)
        if current.state == "merged":
            return Merged(current.merge_commit or "")
    raise RepositoryError(
        f"the forge took the merge of pull request {number} and does not show it as merged"
    )


def _require_head(pull: PullRequest, head_sha: str) -> None:
    if pull.head_sha != head_sha:
        raise HeadMovedError(
            f"pull request {pull.number} is not at {head_sha[:12]}; meshgate did not merge it",
            why=f"its head is {pull.head_sha[:12]} and it is {pull.state}",
            hint="look at what was pushed and let the checks judge it before merging that",
        )


def _require_mergeable(pull: PullRequest) -> None:
    if pull.state != "open":
        raise RepositoryError(f"pull request {pull.number} is {pull.state}; nothing was merged")
    if pull.mergeable is False:
        raise RepositoryError(
            f"pull request {pull.number} conflicts with {pull.base}; nothing was merged",
            why="what it changes was changed there after it was made",
            hint="run the command that opened it again: it is then made from the new state",
        )


def _given_up(pull: PullRequest, refusal: ForgeRefusedError) -> RepositoryError:
    if pull.mergeable:
        return refusal
    return RepositoryError(
        f"pull request {pull.number} does not merge: most likely it conflicts with {pull.base}",
        why=refusal.why,
        hint="run the command that opened it again: it is then made from the new state",
    )


def _labelled(forge: Forge, number: int, labels: Sequence[str]) -> PullRequest:
    effort = BestEffort()
    with effort.attempt("labels"):
        forge.set_labels(number, labels)
    return replace(forge.get(number), degraded=tuple(effort.reasons))


def _turns(pauses: Sequence[float]) -> Iterator[bool]:
    """One turn at once and one after each pause; tells which is the last."""
    yield not pauses
    for number, pause in enumerate(pauses, start=1):
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter is no secret
        yield number == len(pauses)
