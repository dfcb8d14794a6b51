"""Guards of what may come now: order, end dates and clocks."""

from __future__ import annotations

import datetime as dt

import pytest
from msgspec import structs

from guarded import (
    DAY,
    MINUTE,
    TODAY,
    TOMORROW,
    YESTERDAY,
    Change,
    Refused,
    ask,
    assert_refuses,
    clocks,
    ids,
    messages,
    on,
    unseen,
    upstream,
)
from judged import NOW
from meshgate.model import Difference, GateEntry, Waiver
from meshgate.promotion.candidate import Ancestry, Candidate
from meshgate.promotion.environment_state import EnvironmentState, Event
from meshgate.promotion.guards import BY_ID
from meshgate.promotion.records import Bypass
from meshgate.promotion.status import Deployment, EnvironmentStatus
from promotion_samples import replace


def state_of(candidate: Candidate) -> EnvironmentState:
    state = candidate.upstream[0].state
    assert state is not None
    return state


def waiver(expires: dt.date) -> Waiver:
    return Waiver(rule="PA001", resource="X/y/z", owner="team", reason="reason", expires=expires)


REFUSED: Refused = [
    (
        "PR06",
        lambda c: on(c, "record", event=Event.ADOPT, release="r-0"),
        "and this adopts r-0",
    ),
    ("PR06", unseen, "has never been in staging"),
    ("PR06", lambda c: replace(c, upstream=()), "nothing is known of staging"),
    (
        "PR06",
        lambda c: upstream(c, state=replace(state_of(c), rejected=(c.release,))),
        "was rejected in staging",
    ),
    (
        "PR07",
        lambda c: replace(c, ancestry=Ancestry(on_main=False, newest=None, is_newer=True)),
        "is not on the base branch",
    ),
    (
        "PR07",
        lambda c: replace(c, ancestry=Ancestry(on_main=False, newest="f" * 40, is_newer=True)),
        "is not on the base branch",
    ),
    (
        "PR06",
        lambda c: on(c, "policy", after=("staging", "canary"), after_all=False),
        "nothing is known of canary",
    ),
    (
        "PR07",
        lambda c: replace(c, ancestry=Ancestry(on_main=True, newest="f" * 40, is_newer=False)),
        "does not hold ffffffffffff",
    ),
    (
        "PR08",
        lambda c: on(c, "policy", soak={Event.PROMOTE: dt.timedelta(days=9)}),
        "staging: stayed 2d of 9d",
    ),
    (
        "PR21",
        lambda c: on(c, "environment", waivers=(waiver(YESTERDAY),)),
        "the waiver of PA001 for X/y/z ended",
    ),
    (
        "PR21",
        lambda c: on(
            c,
            "environment",
            differences=(
                Difference(workload="a/b", port=80, owner="o", reason="r", expires=YESTERDAY),
            ),
        ),
        "the difference of a/b ended",
    ),
    ("PR25", lambda c: clocks(c, forge=6 * MINUTE), "clock is 6m behind the forge's"),
    ("PR25", lambda c: clocks(c, forge=-2 * DAY), "clock is 2d ahead of the forge's"),
    ("PR25", lambda c: clocks(c, base=c.now + 6 * MINUTE), "the newest commit of the base is of"),
]


@pytest.mark.parametrize(("guard", "change", "message"), REFUSED, ids=ids(REFUSED))
def test_a_guard_refuses(candidate: Candidate, guard: str, change: Change, message: str) -> None:
    assert_refuses(candidate, guard, change, message)


def test_a_hotfix_names_the_environments_it_skips(candidate: Candidate) -> None:
    fix = on(unseen(candidate), "record", event=Event.HOTFIX)
    named = on(fix, "record", bypasses=(Bypass("staging", "ops", "prod is down", "INC-1"),))

    assert ask("PR06", fix)
    assert ask("PR06", named) == []


def test_what_changes_nothing_upstream_needs_what_is_there_verified(candidate: Candidate) -> None:
    standing = candidate.upstream[0]
    assert standing.state is not None
    same = upstream(
        candidate,
        deployments=(
            Deployment("r-000000000000", standing.state.rendered.tree, NOW - dt.timedelta(days=9)),
        ),
        would_render=standing.state.rendered.sha256,
    )
    proof = GateEntry(name="traffic", type="evidence", evidence="traffic", reporters=("probe",))

    assert ask("PR06", same) == []
    (refusal,) = ask("PR06", on(same, "policy", gates=(proof,)))
    assert refusal.waits
    assert "is not verified: staging: no traffic evidence from probe yet" in refusal.message


def test_any_of_several_environments_before_is_enough(candidate: Candidate) -> None:
    never = EnvironmentStatus("canary", floating=False, state=None)
    both = on(
        replace(candidate, upstream=(*candidate.upstream, never)),
        "policy",
        after=("staging", "canary"),
    )

    assert ask("PR06", both)
    assert ask("PR06", on(both, "policy", after_all=False)) == []


@pytest.mark.parametrize("ahead", [5 * MINUTE, -5 * MINUTE, dt.timedelta()])
def test_clocks_may_differ_by_five_minutes(candidate: Candidate, ahead: dt.timedelta) -> None:
    assert ask("PR25", clocks(candidate, forge=ahead, base=candidate.now + ahead)) == []


def test_a_wrong_clock_is_waited_for_and_keeps_a_pull_request_from_being_opened(
    candidate: Candidate,
) -> None:
    (refusal,) = ask("PR25", clocks(candidate, forge=DAY))
    assert refusal.waits
    assert BY_ID["PR25"].holds_back


def test_a_commit_from_the_future_keeps_out_no_rollback(candidate: Candidate) -> None:
    """It may be the way out; the forge's own clock is asked of it all the same."""
    back = on(candidate, "record", event=Event.ROLLBACK)
    assert ask("PR25", clocks(back, base=candidate.now + DAY)) == []
    assert ask("PR25", clocks(back, forge=DAY))


def test_every_environment_before_is_known(candidate: Candidate) -> None:
    blind = on(replace(candidate, upstream=()), "policy", after=("staging", "canary"))

    assert messages("PR06", blind) == ["nothing is known of canary, staging"]


def test_what_was_rejected_below_is_told_as_that_alone(candidate: Candidate) -> None:
    """Also of a release that has never been there."""
    state = replace(state_of(candidate), rejected=(candidate.release,))
    (refusal,) = ask("PR06", upstream(candidate, state=state, deployments=()))

    assert refusal.message == f"{candidate.release} was rejected in staging"
    assert refusal.hint == "promote a release that mends it"


def test_only_a_hotfix_skips_an_environment_and_only_the_one_it_names(
    candidate: Candidate,
) -> None:
    never = unseen(candidate)
    skipping = Bypass("staging", "ops", "prod is down", "INC-1")
    other = structs.replace(skipping, gate="canary")

    assert ask("PR06", on(never, "record", bypasses=(skipping,)))
    assert ask("PR06", on(never, "record", event=Event.HOTFIX, bypasses=(other,)))


def test_an_adoption_asks_nothing_of_the_environments_before(candidate: Candidate) -> None:
    """It renders anew what is there, or begins where nothing was."""
    again = on(unseen(candidate), "record", event=Event.ADOPT)

    assert ask("PR06", on(again, "base.state", release=candidate.release)) == []
    assert ask("PR06", on(again, "base", state=None)) == []


@pytest.mark.parametrize(
    ("newest", "is_newer", "passes"),
    [(None, False, True), ("f" * 40, True, True), ("f" * 40, False, False)],
)
def test_a_source_holds_the_newest_that_was_here(
    candidate: Candidate, newest: str | None, *, is_newer: bool, passes: bool
) -> None:
    ancestry = Ancestry(on_main=True, newest=newest, is_newer=is_newer)

    assert (ask("PR07", replace(candidate, ancestry=ancestry)) == []) is passes


def test_exceptions_end_with_their_day(candidate: Candidate) -> None:
    difference = Difference(workload="a/b", port=80, owner="o", reason="r", expires=TODAY)
    dated = on(candidate, "environment", waivers=(waiver(TODAY),), differences=(difference,))

    assert ask("PR21", dated) == []
    assert ask("PR21", replace(dated, today=TOMORROW))
