"""Enough of the right people agree to exactly this commit."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.promotion.candidate import Candidate, Reviews
from meshgate.promotion.environment_state import Event
from meshgate.promotion.forges import Review
from meshgate.promotion.guards.guard import Guard, Objection, reviews_of
from meshgate.promotion.guards.questions import APPROVED, approvals_that_count
from meshgate.wording import agree, plural

CHANGES = "changes-requested"
# A rollback, and whatever passes a gate over, takes two people, or a ticket that tells why not.
TWO = 2


def check(candidate: Candidate) -> Iterator[Objection]:
    """Count the reviews of the head commit, and look for what would merge another one."""
    for bypass in candidate.record.bypasses:
        if not bypass.by or not bypass.reason:
            yield Objection(f"the bypass of {bypass.gate} does not say by whom, or why")
    if candidate.reviews is None and candidate.without_forge:
        return
    reviews = reviews_of(candidate)
    if reviews.pull_request.auto_merge:
        yield Objection(
            "the forge's auto-merge is armed", "disarm it: it would merge a later push unseen"
        )
    if reviews.pull_request.fork:
        yield Objection(
            "its branch lies in another repository", "anybody could push there; promote from here"
        )
    refusing = [review.login for review in reviews.reviews if review.state == CHANGES]
    if refusing:
        ask = agree(len(refusing), "asks", "ask")
        yield Objection(f"{', '.join(refusing)} {ask} for changes", "answer the review", waits=True)
    wanted, have = needed(candidate), approving(candidate, reviews)
    if len(have) < wanted:
        teams = candidate.policy.approvals.teams
        of = f" of {' or '.join(teams)}" if teams else ""
        stale = [
            review.login
            for review in reviews.reviews
            if review.state == APPROVED and review.commit != reviews.pull_request.head_sha
        ]
        yield Objection(
            f"{len(have)} of {wanted} approvals{of} of the head commit",
            "ask for a review; one given before the last push does not count",
            waits=True,
            details=tuple(f"{login} approved an earlier commit" for login in stale),
        )


def needed(candidate: Candidate) -> int:
    """How many approvals a candidate needs."""
    count = candidate.policy.approvals.count
    risky = candidate.event is Event.ROLLBACK or bool(candidate.record.bypasses)
    tickets = [candidate.record.ticket, *(bypass.ticket for bypass in candidate.record.bypasses)]
    return max(count, TWO) if risky and not any(tickets) else count


def approvals_to_come(candidate: Candidate) -> str:
    """What people will have to say of a candidate that has no pull request yet."""
    count = needed(candidate)
    return f"{plural(count, 'approval')} of the head commit" if count else ""


def approving(candidate: Candidate, reviews: Reviews) -> list[Review]:
    """The approvals that count: of the head commit, by others, from the teams asked for."""
    teams = set(candidate.policy.approvals.teams)
    return [
        review
        for review in approvals_that_count(candidate, reviews)
        if not teams or teams & set(review.teams)
    ]


GUARD = Guard(
    id="PR19",
    name="not-approved",
    summary="not enough of the right people approved exactly this commit, or the forge would "
    "merge another one by itself",
    why="An approval that outlives the commit it was given for approves whatever is pushed next.",
    hint="ask for a review of the head commit",
    status="gate",
    check=check,
    events=frozenset({Event.PROMOTE, Event.HOTFIX, Event.ROLLBACK, Event.ADOPT, Event.RESUME}),
    by_files=False,
    awaits="approval",
    awaited_review=approvals_to_come,
)
