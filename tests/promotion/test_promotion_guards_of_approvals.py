"""Guards of whose word is needed: reviews, teams and signatures."""

from __future__ import annotations

import pytest

from guarded import Change, Refused, ask, assert_refuses, ids, on, opened
from judged import review, reviews
from meshgate.effect import Strength
from meshgate.model.environment import Floor, RequiredApprovals, ReviewTeams
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.records import Bypass, Event
from meshgate.repository import Signed
from promotion_samples import replace


def unsigned(candidate: Candidate, signature: Signed | None) -> Candidate:
    return replace(on(candidate, "policy", allowed_signers="keys"), signature=signature)


def loosened(candidate: Candidate) -> Candidate:
    """The way back: STRICT becomes PERMISSIVE."""
    effect = candidate.effect
    assert effect is not None
    port = effect.tightened[0]
    back = replace(port, before=port.after, after=port.before, change=Strength.LOOSENED)
    return replace(
        on(candidate, "policy", approvals=RequiredApprovals(weakening=ReviewTeams(("security",)))),
        effect=replace(effect, ports=(back,)),
    )


REFUSED: Refused = [
    ("PR15", lambda c: replace(loosened(c), without_forge=""), "what the forge says"),
    (
        "PR15",
        lambda c: on(loosened(c), "policy", approvals=RequiredApprovals()),
        "no team may agree",
    ),
    (
        "PR15",
        lambda c: replace(loosened(c), reviews=reviews(c)),
        "the label risk/loosens is missing",
    ),
    (
        "PR15",
        lambda c: replace(
            loosened(c),
            reviews=reviews(c, review("a", c.head.commit), labels=("risk/loosens",)),
        ),
        "nobody of security agrees",
    ),
    (
        "PR15",
        lambda c: replace(
            loosened(c),
            reviews=reviews(c, review("a", "0" * 40, teams=("security",))),
        ),
        "nobody of security agrees",
    ),
    (
        "PR19",
        lambda c: on(
            replace(c, reviews=reviews(c)), "policy", approvals=RequiredApprovals(count=1)
        ),
        "0 of 1 approvals",
    ),
    ("PR19", lambda c: replace(c, without_forge=""), "what the forge says"),
    ("PR19", lambda c: replace(c, reviews=reviews(c, auto_merge=True)), "auto-merge is armed"),
    ("PR19", lambda c: replace(c, reviews=reviews(c, fork=True)), "another repository"),
    (
        "PR19",
        lambda c: replace(c, reviews=reviews(c, review("x", c.head.commit, "changes-requested"))),
        "x asks for changes",
    ),
    ("PR19", lambda c: on(c, "record", bypasses=(Bypass("soak", "", ""),)), "does not say by whom"),
    ("PR22", lambda c: unsigned(c, None), "the signature of the head commit"),
    ("PR22", lambda c: unsigned(c, Signed("", "it is not signed")), "it is not signed"),
    ("PR24", lambda c: opened(c, ()), "no team may agree"),
    ("PR24", opened, "needs approval of access"),
    ("PR24", lambda c: replace(opened(c), without_forge=""), "what the forge says"),
    (
        "PR24",
        lambda c: replace(opened(c), reviews=reviews(c, review("a", c.head.commit, teams=("x",)))),
        "1 call gets in that policies denied, and nobody of access agrees",
    ),
    (
        "PR24",
        lambda c: replace(opened(c), reviews=reviews(c, review("a", "0" * 40, teams=("access",)))),
        "nobody of access agrees",
    ),
]


@pytest.mark.parametrize(("guard", "change", "message"), REFUSED, ids=ids(REFUSED))
def test_a_guard_refuses(candidate: Candidate, guard: str, change: Change, message: str) -> None:
    assert_refuses(candidate, guard, change, message)


def test_a_loosening_passes_with_the_word_of_the_team(candidate: Candidate) -> None:
    agreed = reviews(
        candidate,
        review("sec", candidate.head.commit, teams=("security",)),
        labels=("risk/loosens",),
    )

    assert ask("PR15", replace(loosened(candidate), reviews=agreed)) == []


def test_new_access_passes_with_the_word_of_the_team(candidate: Candidate) -> None:
    agreed = reviews(candidate, review("sec", candidate.head.commit, teams=("access",)))

    assert ask("PR24", replace(opened(candidate), reviews=agreed)) == []
    told = on(opened(candidate), "environment", require=Floor(new_access="told"))
    assert ask("PR24", told) == []
    (refusal,) = ask("PR24", replace(opened(candidate), reviews=reviews(candidate)))
    assert refusal.waits
    assert refusal.details == ("a/ui to b/cart:8080 is let in: all, such as GET /",)


def test_approvals_are_of_the_head_by_others_of_the_teams(candidate: Candidate) -> None:
    head = candidate.head.commit
    asked = on(candidate, "policy", approvals=RequiredApprovals(count=1, teams=("ops",)))

    def passes(login: str, commit: str, *teams: str) -> bool:
        given = reviews(candidate, review(login, commit, teams=teams))
        return ask("PR19", replace(asked, reviews=given)) == []

    assert passes("b", head, "ops")
    assert not passes("b", head, "dev")
    assert not passes("b", "0" * 40, "ops")
    assert not passes("promoter", head, "ops")  # who opened it
    assert not passes("a-test", head, "ops")  # who asked for it, as the record says


def test_a_rollback_takes_two_or_a_ticket(candidate: Candidate) -> None:
    head = candidate.head.commit
    back = on(candidate, "record", event=Event.ROLLBACK)
    one = reviews(candidate, review("b", head))
    two = reviews(candidate, review("b", head), review("c", head))

    assert ask("PR19", replace(back, reviews=one))
    assert ask("PR19", replace(back, reviews=two)) == []
    assert ask("PR19", on(replace(back, reviews=one), "record", ticket="INC-1")) == []
