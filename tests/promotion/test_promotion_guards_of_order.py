"""Guards of what may come now: order, holds, debts, end dates and clocks."""

from __future__ import annotations

import datetime as dt

import pytest

from guarded import (
    DAY,
    LEDGER,
    MINUTE,
    TOMORROW,
    YESTERDAY,
    Change,
    Refused,
    ask,
    assert_refuses,
    clocks,
    hold,
    ids,
    objects,
    on,
    unseen,
    upstream,
)
from judged import NOW
from meshgate.model import Difference, GateEntry, Pause, Resource, Waiver
from meshgate.promotion.candidate import Ancestry, Candidate
from meshgate.promotion.guards import BY_ID
from meshgate.promotion.records import Bypass, EnvironmentState, Event, Fact, Hold, PendingBackport
from meshgate.promotion.status import Deployment, EnvironmentStatus
from promotion_samples import replace

FACT = Fact("PeerAuthentication/istio-system/default", "/spec/mtls/mode", "DISABLE")
PAID = Fact("PeerAuthentication/istio-system/default", "/spec/mtls/mode", "STRICT")
DEBT = PendingBackport(f"{LEDGER}/0002-hotfix-r-0.yaml", (FACT,), TOMORROW)


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
        lambda c: replace(c, ancestry=Ancestry(on_main=True, newest="f" * 40, is_newer=False)),
        "does not hold ffffffffffff",
    ),
    (
        "PR08",
        lambda c: on(c, "policy", soak={Event.PROMOTE: dt.timedelta(days=9)}),
        "staging: stayed 2d of 9d",
    ),
    (
        "PR11",
        lambda c: on(c, "record", event=Event.ROLLBACK),
        "a rollback without a hold is undone",
    ),
    (
        "PR11",
        lambda c: on(c, "record", event=Event.ROLLBACK),
        "does not reject it",
    ),
    ("PR11", hold, "prod is held by ops: an incident"),
    ("PR11", lambda c: replace(c, paused=Pause("ops", "audit")), "paused by ops"),
    (
        "PR11",
        lambda c: on(replace(c, paused=Pause("ops", "audit")), "record", event=Event.HOTFIX),
        "paused by ops",
    ),
    ("PR11", lambda c: replace(c, rejecting={"qa": (c.release,)}), "was rejected in qa"),
    (
        "PR11",
        lambda c: on(c, "head.state", hold=Hold(NOW, "x", "y")),
        "changes the hold of prod",
    ),
    (
        "PR11",
        lambda c: on(c, "base.state", rejected=("r-111111111111",)),
        "forgets that r-111111111111",
    ),
    (
        "PR17",
        lambda c: on(on(c, "record", event=Event.HOLD), "base.state", pending_backport=DEBT),
        "a hold changes what prod owes",
    ),
    (
        "PR17",
        lambda c: on(
            on(c, "base.state", pending_backport=DEBT), "head.state", pending_backport=DEBT
        ),
        "1 value of the hotfix",
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


def test_a_hold_ends_and_a_rollback_passes_it(candidate: Candidate) -> None:
    over = hold(candidate, until=NOW)
    lasting = hold(candidate, until=NOW + dt.timedelta(seconds=1))
    assert lasting.base.state is not None
    left = on(lasting, "head.state", rejected=(lasting.base.state.release,))
    back = on(left, "record", event=Event.ROLLBACK)

    assert ask("PR11", over) == []
    assert [refusal.waits for refusal in ask("PR11", lasting)] == [True]
    assert ask("PR11", back) == []


def test_debt_is_paid_by_the_value_or_by_name(candidate: Candidate) -> None:
    paid = replace(DEBT, facts=(PAID,))
    owing = on(candidate, "base.state", pending_backport=DEBT)
    named = on(
        owing,
        "record",
        acknowledges=({"finding": f"PR17:{FACT.resource}#{FACT.pointer}", "by": "ops"},),
    )

    assert ask("PR17", on(candidate, "base.state", pending_backport=paid)) == []
    assert ask("PR17", owing)
    assert ask("PR17", named) == []


def test_a_value_is_given_up_by_somebody(candidate: Candidate) -> None:
    pending = on(candidate, "base.state", pending_backport=DEBT)
    finding = f"PR17:{FACT.resource}#{FACT.pointer}"

    for anonymous in ({"finding": finding}, {"finding": finding, "by": ""}):
        assert ask("PR17", on(pending, "record", acknowledges=(anonymous,)))


@pytest.mark.parametrize("port", ["8080", 8080], ids=["text", "number"])
def test_a_port_is_the_same_as_text_and_as_number(candidate: Candidate, port: str | int) -> None:
    policy = objects(candidate)[0]
    value = {**policy.value, "spec": {"portLevelMtls": {port: {"mode": "DISABLE"}}}}
    fact = Fact(str(policy), "/spec/portLevelMtls/8080/mode", "DISABLE")
    pending = on(candidate, "base.state", pending_backport=replace(DEBT, facts=(fact,)))
    repaired = replace(pending, after=(Resource.of(value),))

    assert ask("PR17", pending)
    assert ask("PR17", repaired) == []


def test_a_rollback_keeps_the_debt(candidate: Candidate) -> None:
    back = on(on(candidate, "base.state", pending_backport=DEBT), "record", event=Event.ROLLBACK)

    assert [r.message for r in ask("PR17", back)] == [
        f"1 value of the hotfix {DEBT.record} would be forgotten"
    ]
    assert ask("PR17", on(back, "head.state", pending_backport=DEBT)) == []


def test_a_hotfix_notes_what_it_owes(candidate: Candidate) -> None:
    fix = on(candidate, "record", event=Event.HOTFIX)

    assert ask("PR17", fix)
    assert ask("PR17", on(fix, "head.state", pending_backport=DEBT))  # not what it renders
    assert ask("PR17", on(fix, "head.state", pending_backport=replace(DEBT, facts=(PAID,)))) == []


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
