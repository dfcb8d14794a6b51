"""What guards and gates say of a commit on top of the base, before it has a pull request."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from meshgate.promotion.base import Base
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.guards import GUARDS, Refusal
from meshgate.promotion.guards.approvals import needed
from meshgate.promotion.judging import Judged, judge
from meshgate.wording import plural

ASK_FORGE = frozenset(guard.id for guard in GUARDS if guard.asks_forge)
NOT_KNOWN = "not known: "


def judged_unopened(base: Base, commit: str) -> Judged:
    """As `judge`; what only people can say of an open pull request is waited for."""
    found = judge(base, commit)
    if found.candidate is None or base.forge is None:
        return found
    return dataclasses.replace(found, refusals=tuple(_to_come(found.refusals, found.candidate)))


def _to_come(refusals: tuple[Refusal, ...], candidate: Candidate) -> Iterator[Refusal]:
    for refusal in refusals:
        if refusal.guard not in ASK_FORGE or not refusal.message.startswith(NOT_KNOWN):
            yield refusal
            continue
        weakening = candidate.policy.approvals.weakening
        if refusal.guard == "PR15":
            message = f"a port gets weaker: somebody of {' or '.join(weakening)} must agree"
        elif needed(candidate):
            message = f"{plural(needed(candidate), 'approval')} of the head commit"
        else:
            continue
        hint = "ask for a review when the pull request is open"
        yield dataclasses.replace(refusal, message=message, hint=hint, waits=True)
