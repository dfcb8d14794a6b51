"""What several guards ask of a candidate: its gates, its effect, what was accepted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshgate.effect import Effect
from meshgate.promotion.candidate import Candidate, Reviews
from meshgate.promotion.environment_state import Event
from meshgate.promotion.forges import Review
from meshgate.promotion.gates import BLOCKING, GATE_TYPES, results
from meshgate.promotion.guards.guard import Objection, known
from meshgate.promotion.records import GateVerdict

# How many lines of one refusal are shown.
MOST_SHOWN = 20
# A review that agrees.
APPROVED = "approved"


def closed_gates(candidate: Candidate, status: str) -> Iterator[Objection]:
    """An objection for each gate that shows in this commit status and is not open."""
    for gate, result in results(candidate):
        if GATE_TYPES[gate.type].status == status and result.verdict in BLOCKING:
            waits = result.verdict is GateVerdict.WAITING
            yield Objection(f"{result.name}: {result.reason}", waits=waits)


def effect_of(candidate: Candidate) -> Effect | None:
    """The effect; None where nothing was here before. Raises MissingError."""
    if candidate.base.state is None and candidate.event is Event.ADOPT:
        return None
    return known(candidate.effect, "the effect of the change")


def approvals(reviews: Reviews) -> list[Review]:
    """The reviews that agree to exactly this head commit."""
    return [
        review
        for review in reviews.reviews
        if review.state == APPROVED and review.commit == reviews.pull_request.head_sha
    ]


def approvals_that_count(candidate: Candidate, reviews: Reviews) -> list[Review]:
    """The approvals of exactly this head commit by others than who asked for it, or opened it.

    Where environments.yaml says `notRequester: false`, theirs count, too.
    """
    own = {reviews.pull_request.author, candidate.record.requested_by.get("login")}
    left_out = own if candidate.policy.approvals.not_requester else set()
    return [review for review in approvals(reviews) if review.login not in left_out]


def agrees(candidate: Candidate, reviews: Reviews, teams: Iterable[str]) -> bool:
    """Whether somebody else of these teams agrees to exactly this head commit."""
    return any(
        set(review.teams) & set(teams) for review in approvals_that_count(candidate, reviews)
    )


def nobody_may_agree(what: str, key: str, details: tuple[str, ...]) -> Objection:
    """What needs the word of a team, and environments.yaml names none."""
    return Objection(
        f"{what}, and no team may agree to that",
        f"name one in `{key}` of environments.yaml",
        details=details,
    )


def nobody_agrees(what: str, teams: Iterable[str], details: tuple[str, ...]) -> Objection:
    """What needs the word of one of these teams, and has it not."""
    return Objection(
        f"{what}, and nobody of {' or '.join(teams)} agrees",
        "ask them for a review of this commit",
        waits=True,
        details=details,
    )


def how_to_acknowledge(candidate: Candidate, digest: str) -> str:
    """The way to accept a set: an entry that is merged before the promotion is made."""
    return (
        f"merge into waivers/{candidate.name}.yaml, under acknowledgements, "
        f"{{release: {candidate.release}, breaks: {digest}, owner, reason, until}}, and promote "
        "again"
    )
