"""Guards of what stays until somebody ends it: holds, rejections, and what a hotfix owes."""

from __future__ import annotations

import datetime as dt

import pytest
from msgspec import structs

from guarded import (
    DAY,
    LEDGER,
    TOMORROW,
    Change,
    Refused,
    ask,
    assert_refuses,
    hold,
    ids,
    messages,
    objects,
    on,
)
from judged import NOW
from meshgate.model import Pause, Resource
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.environment_state import Event, Fact, Hold, PendingBackport
from promotion_samples import replace

FACT = Fact("PeerAuthentication/istio-system/default", "/spec/mtls/mode", "DISABLE")
PAID = Fact("PeerAuthentication/istio-system/default", "/spec/mtls/mode", "STRICT")
DEBT = PendingBackport(f"{LEDGER}/0002-hotfix-r-0.yaml", (FACT,), TOMORROW)
DAYS = Hold(NOW, "ops", "an incident", until=NOW + 3 * DAY)
FOR_EVER = structs.replace(DAYS, until=None)
FEWER = structs.replace(DAYS, blocks=(Event.PROMOTE,))
WEAKER = "puts a weaker hold in place of that of ops"


REFUSED: Refused = [
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
]


@pytest.mark.parametrize(("guard", "change", "message"), REFUSED, ids=ids(REFUSED))
def test_a_guard_refuses(candidate: Candidate, guard: str, change: Change, message: str) -> None:
    assert_refuses(candidate, guard, change, message)


def replaced(
    candidate: Candidate, event: Event, before: Hold | None, after: Hold | None
) -> list[str]:
    """What PR11 says of an event that leaves another hold."""
    changed = on(on(candidate, "base.state", hold=before), "head.state", hold=after)
    assert changed.base.state is not None
    left = on(changed, "head.state", rejected=(changed.base.state.release,))
    return messages("PR11", on(left, "record", event=event))


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


def test_a_second_hotfix_forgets_nothing_of_the_first(candidate: Candidate) -> None:
    """What the first set and this one does not have is owed on, or it is forgotten."""
    fix = on(candidate, "record", event=Event.HOTFIX)
    second = on(fix, "base.state", pending_backport=DEBT)
    own = on(second, "head.state", pending_backport=replace(DEBT, facts=(PAID,)))
    both = on(second, "head.state", pending_backport=replace(DEBT, facts=(FACT, PAID)))

    assert messages("PR17", own) == [f"1 value of the hotfix {DEBT.record} would be forgotten"]
    assert ask("PR17", both) == []


def test_a_hold_says_until_when_and_of_which_events(candidate: Candidate) -> None:
    until = hold(candidate, until=NOW + DAY)

    assert messages("PR11", until) == [
        "prod is held until 2026-07-08 08:00 UTC by ops: an incident"
    ]
    assert ask("PR11", hold(candidate, blocks=(Event.HOTFIX,))) == []


@pytest.mark.parametrize("event", [Event.ADOPT, Event.HOLD, Event.RESUME, Event.REJECT])
def test_a_pause_stops_only_what_goes_forward(candidate: Candidate, event: Event) -> None:
    paused = replace(candidate, paused=Pause("ops", "audit"))

    assert ask("PR11", on(paused, "record", event=event)) == []


def test_what_was_rejected_here_does_not_come_again(candidate: Candidate) -> None:
    rejected = on(candidate, "base.state", rejected=(candidate.release,))
    known = on(rejected, "head.state", rejected=(candidate.release,))

    assert messages("PR11", known) == [f"{candidate.release} was rejected in prod"]
    assert ask("PR11", on(known, "record", event=Event.ADOPT)) == []
    other = replace(candidate, rejecting={"qa": ("r-0",)})
    assert ask("PR11", other) == []


@pytest.mark.parametrize(
    ("before", "after", "is_weaker"),
    [
        (DAYS, FOR_EVER, False),
        (DAYS, structs.replace(DAYS, until=NOW + 4 * DAY, by="sam"), False),
        (DAYS, structs.replace(DAYS, by="sam"), False),
        (DAYS, structs.replace(DAYS, until=NOW + 2 * DAY), True),
        (FOR_EVER, DAYS, True),
        (FOR_EVER, structs.replace(FOR_EVER, by="sam"), False),
        (DAYS, FEWER, True),
        (FEWER, DAYS, False),
        (DAYS, None, True),
        # It is over: whatever comes is no less.
        (structs.replace(DAYS, until=NOW), FEWER, False),
        (structs.replace(DAYS, until=NOW), None, False),
    ],
)
def test_a_hold_is_replaced_by_one_that_keeps_out_as_much(
    candidate: Candidate, before: Hold, after: Hold | None, *, is_weaker: bool
) -> None:
    expected = [f"a hold {WEAKER}"] if is_weaker else []

    assert replaced(candidate, Event.HOLD, before, after) == expected
    assert replaced(candidate, Event.RESUME, before, after) == (
        [] if after is None else ["a resume changes the hold of prod"]
    )


@pytest.mark.parametrize("event", [Event.PROMOTE, Event.HOTFIX, Event.ADOPT, Event.REJECT])
def test_a_hold_is_set_by_its_own_events(candidate: Candidate, event: Event) -> None:
    assert replaced(candidate, event, None, DAYS) == [f"a {event} changes the hold of prod"]
    assert replaced(candidate, Event.HOLD, None, DAYS) == []
    assert replaced(candidate, Event.ROLLBACK, None, DAYS) == []


def test_a_rollback_rejects_what_it_leaves(candidate: Candidate) -> None:
    assert candidate.base.state is not None
    release = candidate.base.state.release
    back = on(on(candidate, "record", event=Event.ROLLBACK), "head.state", hold=DAYS)

    assert messages("PR11", back) == [f"a rollback from {release} does not reject it"]
    assert ask("PR11", on(back, "head.state", rejected=(release,))) == []
    # It renders the same release as it was before.
    assert ask("PR11", on(back, "head.state", release=release)) == []


def test_no_rejection_is_forgotten(candidate: Candidate) -> None:
    two = on(candidate, "base.state", rejected=("r-2", "r-1"))

    assert messages("PR11", two) == ["a promote forgets that r-1, r-2 was rejected"]
    assert messages("PR11", on(two, "head.state", rejected=("r-2",))) == [
        "a promote forgets that r-1 was rejected"
    ]
    assert ask("PR11", on(two, "head.state", rejected=("r-1", "r-2", "r-3"))) == []


def test_what_sets_no_value_owes_what_was_owed(candidate: Candidate) -> None:
    holding = on(candidate, "record", event=Event.HOLD)
    owing = on(holding, "head.state", pending_backport=DEBT)

    assert messages("PR17", owing) == ["a hold changes what prod owes"]
    assert ask("PR17", on(owing, "base.state", pending_backport=DEBT)) == []


def test_another_value_given_up_gives_up_no_other(candidate: Candidate) -> None:
    pending = on(candidate, "base.state", pending_backport=DEBT)
    other = {"finding": f"PR17:{FACT.resource}#/spec/other", "by": "ops"}

    (refusal,) = ask("PR17", on(pending, "record", acknowledges=(other,)))

    assert refusal.message == f"1 value of the hotfix {DEBT.record} would be lost"
    assert refusal.details == (f"PR17:{FACT.resource}#{FACT.pointer}",)
