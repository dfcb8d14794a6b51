"""No port gets weaker without the word of the teams that environments.yaml names."""

from __future__ import annotations

from collections.abc import Iterator

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
from meshgate.promotion.names import LOOSENS
from meshgate.wording import agree, plural


def check(candidate: Candidate) -> Iterator[Objection]:
    """Ask the reviews of the head commit, and the label of the pull request."""
    effect = effect_of(candidate)
    if effect is None or not effect.loosened:
        return
    number = len(effect.loosened)
    what = f"{plural(number, 'port')} {agree(number, 'gets', 'get')} weaker"
    ports = tuple(map(str, effect.loosened[:MOST_SHOWN]))
    teams = candidate.policy.approvals.weakening_teams
    if not teams:
        yield nobody_may_agree(what, "approvals.weakening.teams", ports)
        return
    if candidate.reviews is None and candidate.without_forge:
        return
    reviews = reviews_of(candidate)
    if LOOSENS not in reviews.pull_request.labels:
        yield Objection(
            f"{what}, and the label {LOOSENS} is missing",
            "`meshgate gate` sets it again",
            waits=True,
        )
    if not agrees(candidate, reviews, teams):
        yield nobody_agrees(what, teams, ports)


def agreement_to_come(candidate: Candidate) -> str:
    """What people will have to say of a candidate that has no pull request yet."""
    teams = candidate.policy.approvals.weakening_teams
    return f"a port gets weaker: somebody of {' or '.join(teams)} must agree"


GUARD = Guard(
    id="PR15",
    name="weakens",
    summary="a port gets weaker without the word of the security team",
    why="A rollback is often a loosening, made in a hurry; somebody must say yes to it.",
    hint="ask another member of `approvals.weakening.teams` for a review of the head commit",
    status="effects",
    check=check,
    events=RENDERING,
    awaits="agreement to weaker ports",
    awaited_review=agreement_to_come,
)
