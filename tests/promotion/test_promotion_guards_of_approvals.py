"""Guards of whose word is needed: reviews, teams and signatures."""

from __future__ import annotations

import pytest
from msgspec import structs

from guarded import Change, Refused, ask, assert_refuses, ids, messages, on, opened
from judged import review, reviews
from meshgate.effect import Strength
from meshgate.model.environment import Floor, RequiredApprovals, ReviewTeams
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.environment_state import Event
from meshgate.promotion.guards import BY_ID
from meshgate.promotion.records import Bypass
from meshgate.repository import Signed
from promotion_samples import replace


def unsigned(candidate: Candidate, signature: Signed | None) -> Candidate:
    return replace(on(candidate, "policy", allowed_signers="keys"), signature=signature)


def bypassing(bypass: Bypass) -> Change:
    return lambda candidate: on(candidate, "record", bypasses=(bypass,))


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
    *(
        ("PR19", bypassing(Bypass("soak", by, reason)), "does not say by whom, or why")
        for by, reason in (("", "why"), ("ops", ""))
    ),
    ("PR22", lambda c: unsigned(c, None), "the signature of the head commit"),
    ("PR22", lambda c: unsigned(c, Signed("", "it is not signed")), "it is not signed"),
    ("PR22", lambda c: unsigned(c, Signed("sam", "its key is revoked")), "its key is revoked"),
    ("PR22", lambda c: unsigned(c, Signed("")), "the head commit: nobody signed it"),
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


def test_nobody_agrees_to_what_they_ask_for(candidate: Candidate) -> None:
    """Whoever is of the team may ask for it, or open it; the word is another member's."""
    head, teams = candidate.head.commit, ("security", "access")

    for login, is_agreed in (("promoter", False), ("a-test", False), ("sec", True)):
        agreed = reviews(candidate, review(login, head, teams=teams), labels=("risk/loosens",))
        for guard, asked in (("PR15", loosened(candidate)), ("PR24", opened(candidate))):
            assert bool(ask(guard, replace(asked, reviews=agreed))) is not is_agreed
            approvals = structs.replace(asked.policy.approvals, not_requester=False)
            allowed = on(asked, "policy", approvals=approvals)
            assert ask(guard, replace(allowed, reviews=agreed)) == []


def test_new_access_passes_with_the_word_of_the_team(candidate: Candidate) -> None:
    agreed = reviews(candidate, review("sec", candidate.head.commit, teams=("access",)))

    assert ask("PR24", replace(opened(candidate), reviews=agreed)) == []
    silent = on(opened(candidate), "environment", require=Floor(new_access="told"))
    assert ask("PR24", silent) == []
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


def test_a_signature_of_one_who_may_passes(candidate: Candidate) -> None:
    assert ask("PR22", unsigned(candidate, Signed("sam"))) == []
    nobody_asked = replace(candidate, signature=Signed("", "it is not signed"))
    assert ask("PR22", nobody_asked) == []


def test_a_loosening_waits_and_names_its_ports(candidate: Candidate) -> None:
    """Without a forge nobody can be asked, and the label and the reviews are none of files."""
    weaker = loosened(candidate)
    nobody = on(weaker, "policy", approvals=RequiredApprovals())
    (label, review_) = ask("PR15", replace(weaker, reviews=reviews(candidate)))
    (named,) = ask("PR15", nobody)

    assert ask("PR15", weaker) == []
    assert (label.waits, review_.waits, named.waits) == (True, True, False)
    assert review_.details == named.details == ("shop/cart:8080",)
    assert named.message == "1 port gets weaker, and no team may agree to that"
    assert ask("PR15", candidate) == []


def test_whoever_agrees_does_so_with_an_approval(candidate: Candidate) -> None:
    head = candidate.head.commit
    for word in ("changes-requested", "commented"):
        said = reviews(
            candidate, review("sec", head, word, ("security", "access")), labels=("risk/loosens",)
        )
        assert ask("PR15", replace(loosened(candidate), reviews=said))
        assert ask("PR24", replace(opened(candidate), reviews=said))


def test_what_perhaps_gets_in_is_asked_for_too(candidate: Candidate) -> None:
    asking = opened(candidate)
    assert asking.effect is not None
    (change,) = asking.effect.opened
    perhaps = structs.replace(change, decided=False, reason="the order")
    open_ = replace(asking, effect=structs.replace(asking.effect, calls=(), open_calls=(perhaps,)))

    (refusal,) = ask("PR24", open_)

    assert refusal.message == (
        "1 call gets in that policies denied: needs approval of access, and the tests ask no forge"
    )
    assert refusal.waits
    assert refusal.hint == "promote it where a forge can be asked"
    assert len(refusal.details) == 1
    (nobody,) = ask("PR24", on(open_, "policy", approvals=RequiredApprovals()))
    assert not nobody.waits
    assert nobody.details == refusal.details


def test_where_nothing_gets_in_nobody_is_asked(candidate: Candidate) -> None:
    reviewed = on(candidate, "environment", require=Floor(new_access="reviewed"))

    assert ask("PR24", reviewed) == []
    first = on(replace(reviewed, effect=None), "record", event=Event.ADOPT)
    assert ask("PR24", on(first, "base", state=None)) == []
    assert [refusal.unknown for refusal in ask("PR24", first)] == [True]


def test_an_approval_of_an_earlier_commit_is_told(candidate: Candidate) -> None:
    head = candidate.head.commit
    asked = on(candidate, "policy", approvals=RequiredApprovals(count=2, teams=("ops", "dev")))
    given = reviews(
        candidate,
        review("a", "0" * 40, teams=("ops",)),
        review("b", head, teams=("dev",)),
        review("c", "0" * 40, "commented", ("ops",)),
    )

    (refusal,) = ask("PR19", replace(asked, reviews=given))

    assert refusal.message == "1 of 2 approvals of ops or dev of the head commit"
    assert refusal.details == ("a approved an earlier commit",)
    assert refusal.waits


def test_who_asks_for_changes_is_answered(candidate: Candidate) -> None:
    head = candidate.head.commit
    given = reviews(
        candidate,
        *(review(login, head, "changes-requested") for login in ("x", "y")),
        review("z", head, "commented"),
    )

    (refusal,) = ask("PR19", replace(candidate, reviews=given))

    assert refusal.message == "x, y ask for changes"
    assert refusal.waits
    # A push is no answer: whoever asked says when it is one.
    earlier = reviews(candidate, review("x", "0" * 40, "changes-requested"))
    assert messages("PR19", replace(candidate, reviews=earlier)) == ["x asks for changes"]


def test_where_requesters_may_approve_their_word_counts(candidate: Candidate) -> None:
    head = candidate.head.commit
    asked = on(candidate, "policy", approvals=RequiredApprovals(count=1, not_requester=False))

    for login in ("promoter", "a-test"):
        given = reviews(candidate, review(login, head))
        assert ask("PR19", replace(asked, reviews=given)) == []


SOAK = Bypass("soak", "ops", "prod is down")
TICKET = structs.replace(SOAK, ticket="INC-1")


@pytest.mark.parametrize(
    ("count", "record", "wanted"),
    [
        (0, {}, ""),
        (1, {}, "1 approval of the head commit"),
        (1, {"bypasses": (SOAK,)}, "2 approvals of the head commit"),
        (1, {"bypasses": (SOAK, TICKET)}, "1 approval of the head commit"),
        (0, {"event": Event.ROLLBACK}, "2 approvals of the head commit"),
        (3, {"event": Event.ROLLBACK}, "3 approvals of the head commit"),
        (1, {"event": Event.ROLLBACK, "ticket": "INC-1"}, "1 approval of the head commit"),
    ],
)
def test_how_many_must_agree(
    candidate: Candidate, count: int, record: dict[str, object], wanted: str
) -> None:
    asked = on(candidate, "policy", approvals=RequiredApprovals(count=count))
    to_come = BY_ID["PR19"].awaited_review

    assert to_come is not None
    assert to_come(on(asked, "record", **record)) == wanted


def test_whose_word_is_to_come_is_said_before_there_is_a_pull_request(candidate: Candidate) -> None:
    teams = ReviewTeams(("security", "ops"))
    asked = on(candidate, "policy", approvals=RequiredApprovals(weakening=teams, access=teams))
    said = {
        guard: to_come(asked)
        for guard in ("PR15", "PR24")
        if (to_come := BY_ID[guard].awaited_review) is not None
    }

    assert said == {
        "PR15": "a port gets weaker: somebody of security or ops must agree",
        "PR24": "policies let in what they denied: somebody of security or ops must agree",
    }
    assert {guard.id for guard in BY_ID.values() if guard.asks_forge} == {"PR15", "PR19", "PR24"}
