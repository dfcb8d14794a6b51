"""Close the pull requests that another one stands in for; what a person closed stays closed."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from meshgate.errors import NothingToPromoteError
from meshgate.promotion import names
from meshgate.promotion.forges.best_effort import BestEffort

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshgate.promotion.flows.ground import Ground
    from meshgate.promotion.flows.proposing import Opened
    from meshgate.promotion.forges import PullRequest
    from meshgate.promotion.values import PromotionRecord

SEQUENCE = re.compile(r"[0-9]+$")


def supersede(ground: Ground, opened: Opened) -> Opened:
    """Close the open promotions of older releases, saying which one stands in for them."""
    record = opened.record
    older = [
        pull
        for pull in others(ground, record.environment, opened.pull.head)
        if _older(ground, pull.head.rpartition("/")[2], record)
    ]
    return _closed(ground, opened, older)


def close_stale(ground: Ground, opened: Opened) -> Opened:
    """Close what was proposed alike from an earlier state: it conflicts, and always will."""
    record = opened.record
    stale = []
    for pull in ground.forge.list_open(ground.main, f"{record.event}/{record.environment}/"):
        sequence = SEQUENCE.search(pull.head)
        if sequence and int(sequence[0]) < record.sequence:
            stale.append(pull)
    return _closed(ground, opened, stale)


def _closed(ground: Ground, opened: Opened, pulls: Iterable[PullRequest]) -> Opened:
    closed, effort = [], BestEffort()
    for pull in pulls:
        with effort.attempt(f"closing {pull.number}"):
            close(ground, pull, f"Superseded by {opened.pull.url}.")
            closed.append(pull.number)
    return replace(
        opened,
        closed=(*opened.closed, *closed),
        degraded=(*opened.degraded, *effort.reasons),
    )


def close(ground: Ground, pull: PullRequest, comment: str) -> None:
    """Close a pull request as meshgate does: its label tells that no person did."""
    ground.forge.set_labels(pull.number, (*pull.labels, names.SUPERSEDED))
    ground.forge.close(pull.number, comment)


def others(ground: Ground, environment: str, head: str = "") -> list[PullRequest]:
    """The other open promotions of an environment."""
    prefix = f"promote/{environment}/"
    return [pull for pull in ground.forge.list_open(ground.main, prefix) if pull.head != head]


def _older(ground: Ground, release: str, record: PromotionRecord) -> bool:
    """Whether a release came before that of a record on main; a hotfix, not on main, did not."""
    order = [one.id for one in ground.releases]
    if release not in order or record.release not in order:
        return False
    return order.index(release) > order.index(record.release)


def refuse_closed(ground: Ground, branch: str) -> None:
    """Raise NothingToPromoteError where a person closed the last pull request of a branch."""
    closed = ground.forge.closed(branch, ground.main)
    if closed and closed[0].state == "closed" and names.SUPERSEDED not in closed[0].labels:
        raise NothingToPromoteError(
            f"{closed[0].url} was closed by a person, and is not opened again by itself",
            hint="--again opens it",
        )
