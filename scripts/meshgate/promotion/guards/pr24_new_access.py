"""Nobody new gets in without the word of the teams that environments.yaml names."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.effect import Change, describe
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.environment_state import RENDERING
from meshgate.promotion.guards.guard import Guard, Objection, reviews_of
from meshgate.promotion.guards.questions import (
    MOST_SHOWN,
    agrees,
    effect_of,
    nobody_agrees,
    nobody_may_agree,
)
from meshgate.wording import agree, plural

REVIEWED = "reviewed"


def check(candidate: Candidate) -> Iterator[Objection]:
    """Ask the reviews of the head commit, where the environment wants new access reviewed.

    What perhaps gets in counts as what does: what is not known is never passed.
    """
    if candidate.environment.require.new_access != REVIEWED:
        return
    effect = effect_of(candidate)
    if effect is None:
        return
    opened = effect.perhaps(Change.OPENED)
    if not opened:
        return
    sentences = describe.access_sentences(effect, Change.OPENED, undecided=True)
    details = tuple(each.text for each in sentences[:MOST_SHOWN])
    count = sum(each.count for each in opened)
    what = f"{plural(count, 'call')} {agree(count, 'gets', 'get')} in that policies denied"
    teams = candidate.policy.approvals.access_teams
    if not teams:
        yield nobody_may_agree(what, "approvals.access.teams", details)
        return
    if candidate.reviews is None and candidate.without_forge:
        # Nobody can be asked: it waits for a forge, or for a change of `newAccess`.
        yield Objection(
            f"{what}: needs approval of {' or '.join(teams)}, and {candidate.without_forge}",
            "promote it where a forge can be asked",
            waits=True,
            details=details,
        )
        return
    reviews = reviews_of(candidate)
    if not agrees(candidate, reviews, teams):
        yield nobody_agrees(what, teams, details)


def agreement_to_come(candidate: Candidate) -> str:
    """What people will have to say of a candidate that has no pull request yet."""
    teams = candidate.policy.approvals.access_teams
    return f"policies let in what they denied: somebody of {' or '.join(teams)} must agree"


GUARD = Guard(
    id="PR24",
    name="new-access",
    summary="policies let in what they denied, without the word of those who answer for access",
    why="Nothing fails when somebody new gets in: only who is asked can tell whether it is meant.",
    hint="ask another member of `approvals.access.teams` for a review of the head commit",
    status="effects",
    check=check,
    events=RENDERING,
    by_files=False,
    awaits="agreement to new access",
    awaited_review=agreement_to_come,
)
