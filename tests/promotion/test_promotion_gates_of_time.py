"""Gates of time: how long a release has stayed, and whether a window is open."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gated import (
    DAY,
    FAIL,
    HOUR,
    OTHER,
    OTHER_TREE,
    PASS,
    SOAK,
    WAITING,
    R,
    asked,
    seen,
    standing,
    stay,
    verdict,
)
from judged import NOW
from meshgate.model import GateEntry
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.environment_state import Event
from meshgate.promotion.evidence import Evidence
from meshgate.promotion.gates import evaluate_gates
from meshgate.promotion.guards import refusals
from meshgate.promotion.records import GateVerdict
from meshgate.promotion.status import Deployment, soak
from promotion_samples import replace
from promotion_windows import window


@pytest.mark.parametrize(
    ("deployments", "expected"),
    [
        ((stay(2 * DAY),), (PASS, "staging: stayed 2d of 2d")),
        ((stay(DAY),), (WAITING, "staging: stayed 1d of 2d; done 2026-07-08 08:00 UTC")),
        # Not the sum, and not the last: the longest.
        ((stay(9 * DAY, 6 * DAY), stay(6 * DAY, DAY, OTHER), stay(DAY)), (PASS, "stayed 3d")),
        (
            (stay(5 * DAY, 4 * DAY), stay(4 * DAY, DAY, OTHER), stay(DAY)),
            (WAITING, "staging: stayed 1d"),
        ),
        ((stay(2 * DAY, DAY), stay(DAY, None, OTHER)), (FAIL, "1d of 2d, and is there no more")),
        ((stay(9 * DAY, None, OTHER),), (WAITING, f"{R} has never been in staging")),
        # What ended it says a time that is ahead: an hour is an hour.
        ((stay(HOUR, -9 * DAY), stay(-9 * DAY, None, OTHER)), (FAIL, "stayed 1h of 2d, and is")),
        ((stay(-DAY),), (FAIL, "its clock starts at 2026-07-08 08:00 UTC, which is ahead")),
    ],
    ids=range(8),
)
def test_soak(
    candidate: Candidate, deployments: tuple[Deployment, ...], expected: tuple[GateVerdict, str]
) -> None:
    found = verdict(asked(candidate, SOAK, upstream=(standing(*deployments),)))

    assert found[0] is expected[0]
    assert expected[1] in found[1]


def test_soak_is_the_longer_of_gate_and_environment(candidate: Candidate) -> None:
    there = (standing(stay(2 * DAY)),)

    found = verdict(asked(candidate, SOAK, upstream=there, soak={Event.PROMOTE: 3 * DAY}))

    assert found[0] is WAITING
    assert "stayed 2d of 3d" in found[1]


def test_soak_of_the_environment_needs_no_gate(candidate: Candidate) -> None:
    there = (standing(stay(2 * DAY)),)

    assert evaluate_gates(asked(candidate, upstream=there)) == []
    found = verdict(asked(candidate, upstream=there, soak={Event.PROMOTE: 3 * DAY}))

    assert found[0] is WAITING


def test_soak_is_waived_for_a_rollback_unless_it_says_so(candidate: Candidate) -> None:
    there = (standing(stay(HOUR)),)
    quick = asked(candidate, SOAK, upstream=there)
    back = replace(quick, record=replace(quick.record, event=Event.ROLLBACK))
    strict = replace(back, policy=replace(back.policy, soak={Event.ROLLBACK: DAY}))

    assert verdict(back)[0] is PASS
    assert verdict(strict)[0] is WAITING


def test_the_clock_of_a_soak_starts_when_the_last_cluster_synced(candidate: Candidate) -> None:
    synced = GateEntry(
        name="s", type="soak", duration="2d", evidence="synced", reporters=("probe",)
    )
    there = standing(stay(9 * DAY), clusters=("eu", "us"))

    def judge(*evidence: Evidence) -> tuple[GateVerdict, str]:
        return verdict(asked(candidate, synced, upstream=(replace(there, evidence=evidence),)))

    eu = seen(5 * DAY, "eu", kind="synced")
    assert judge()[0] is WAITING
    assert judge(eu) == (WAITING, "staging: not yet seen synced everywhere")
    assert judge(eu, seen(DAY, "us", kind="synced"))[0] is WAITING
    assert judge(eu, seen(2 * DAY, "us", kind="synced"))[0] is PASS
    # A later word does not start the clock again; another tree's does not start it at all.
    assert judge(eu, seen(2 * DAY, "us", kind="synced"), seen(HOUR, "us", kind="synced"))[0] is PASS
    assert judge(eu, seen(2 * DAY, "us", kind="synced", tree=OTHER_TREE))[0] is WAITING
    assert judge(eu, seen(2 * DAY, "us", kind="synced", reporter="x"))[0] is WAITING
    # A sync that failed starts no clock.
    assert judge(eu, seen(2 * DAY, "us", "fail", kind="synced"))[0] is WAITING


def test_all_or_any_of_the_environments_before(candidate: Candidate) -> None:
    long, short = standing(stay(3 * DAY)), replace(standing(stay(HOUR)), environment="canary")
    both = asked(candidate, SOAK, upstream=(long, short))

    assert verdict(both)[0] is WAITING
    any_ = replace(both, policy=replace(both.policy, after_all=False))
    assert verdict(any_) == (PASS, "staging: stayed 3d of 2d")


STAYS = st.lists(
    st.tuples(st.sampled_from([R, OTHER]), st.integers(1, 200)), min_size=1, max_size=8
)


@given(STAYS, st.integers(0, 100))
def test_the_longest_stay_counts(events: list[tuple[str, int]], required: int) -> None:
    """Against the definition: the longest of the spans, counted in hours."""
    total = sum(hours for _, hours in events)
    deployments, ago = [], total
    for release, hours in events:
        until = ago - hours
        deployments.append(stay(ago * HOUR, until * HOUR if until else None, release))
        ago = until
    own = [hours for release, hours in events if release == R]

    found = soak(standing(*deployments), R, now=NOW, required=required * HOUR)

    assert found.length == (max(own) * HOUR if own else None)
    if found.ends is not None:
        assert found.ends == NOW - events[-1][1] * HOUR + required * HOUR


def test_a_window_that_closes(candidate: Candidate) -> None:
    """#8 of the failure cases, as a value."""
    office = window({"name": "office", "kind": "allow", "cron": "0 8 * * *", "duration": "1h"})
    gate = GateEntry(name="office", type="window", windows=("office",))
    there = (standing(stay(DAY)),)
    asking = asked(candidate, gate, upstream=there, windows=(office,))

    assert verdict(asking) == (PASS, "open by 'office'; closes 2026-07-07 09:00 UTC")
    later = replace(asking, now=NOW + HOUR)
    assert verdict(later) == (WAITING, "closed: outside of 'office'; opens 2026-07-08 08:00 UTC")
    (refusal,) = refusals(later, ["PR10"])
    assert refusal.waits


def test_windows_without_a_gate_close_all_the_same(candidate: Candidate) -> None:
    freeze = window(
        {"name": "freeze", "kind": "deny", "from": "2026-07-01T00:00", "to": "2026-08-01T00:00"}
    )
    office = window({"name": "office", "kind": "allow", "cron": "0 0 * * *", "duration": "1d"})
    gate = GateEntry(name="office", type="window", windows=("office",))
    there = (standing(stay(DAY)),)
    asking = asked(candidate, gate, upstream=there, windows=(office, freeze))

    assert [result.verdict for result in evaluate_gates(asking)] == [PASS, WAITING]
    back = replace(asking, record=replace(asking.record, event=Event.ROLLBACK))
    assert refusals(back, ["PR10"]) == []


def test_each_event_has_a_soak_of_its_own(candidate: Candidate) -> None:
    """The gate's length is for promotions."""
    quick = asked(candidate, SOAK, upstream=(standing(stay(HOUR)),))
    fix = replace(quick, record=replace(quick.record, event=Event.HOTFIX))
    asking = replace(fix, policy=replace(fix.policy, soak={Event.HOTFIX: 2 * HOUR}))

    assert verdict(fix) == (PASS, "no soak is asked of a hotfix")
    assert verdict(asking)[1] == "staging: stayed 1h of 2h; done 2026-07-07 09:00 UTC"
    shorter = replace(quick, policy=replace(quick.policy, soak={Event.PROMOTE: HOUR}))
    assert verdict(shorter)[1].startswith("staging: stayed 1h of 2d")


def test_a_soak_of_hotfixes_alone_is_asked_of_them(candidate: Candidate) -> None:
    asking = asked(candidate, upstream=(standing(stay(HOUR)),), soak={Event.HOTFIX: DAY})
    fix = replace(asking, record=replace(asking.record, event=Event.HOTFIX))

    assert verdict(fix)[0] is WAITING
    assert evaluate_gates(asking) == []


@pytest.mark.parametrize(("ahead", "expected"), [(5, WAITING), (6, FAIL)])
def test_a_soak_may_begin_five_minutes_ahead(
    candidate: Candidate, ahead: int, expected: GateVerdict
) -> None:
    there = standing(stay(-ahead * dt.timedelta(minutes=1)))

    assert verdict(asked(candidate, SOAK, upstream=(there,)))[0] is expected


def test_a_soak_that_is_named_is_not_asked_twice(candidate: Candidate) -> None:
    there = (standing(stay(DAY)),)
    own = {Event.PROMOTE: DAY}

    assert [r.name for r in evaluate_gates(asked(candidate, SOAK, upstream=there, soak=own))] == [
        "soaked"
    ]
    assert [r.name for r in evaluate_gates(asked(candidate, upstream=there, soak=own))] == ["soak"]
    zero = {Event.PROMOTE: dt.timedelta()}
    assert evaluate_gates(asked(candidate, upstream=there, soak=zero)) == []


OFFICE = window({"name": "office", "kind": "allow", "cron": "0 0 * * *", "duration": "1d"})
FREEZE = window(
    {"name": "freeze", "kind": "deny", "from": "2026-07-01T00:00", "to": "2026-08-01T00:00"}
)


@pytest.mark.parametrize(
    ("gates", "expected"),
    [
        ((), {"window": WAITING}),
        (((),), {"w0": WAITING}),
        ((("office",),), {"w0": PASS, "window": WAITING}),
        ((("freeze",),), {"w0": WAITING, "window": WAITING}),
        ((("office", "freeze"),), {"w0": WAITING}),
        ((("office",), ("freeze",)), {"w0": PASS, "w1": WAITING}),
        ((("office",), ()), {"w0": PASS, "w1": WAITING}),
    ],
)
def test_windows_that_no_gate_names_are_asked_all_the_same(
    candidate: Candidate, gates: tuple[tuple[str, ...], ...], expected: dict[str, GateVerdict]
) -> None:
    entries = [
        GateEntry(name=f"w{number}", type="window", windows=names)
        for number, names in enumerate(gates)
    ]
    asking = asked(candidate, *entries, upstream=(), windows=(OFFICE, FREEZE))

    assert {result.name: result.verdict for result in evaluate_gates(asking)} == expected


def test_a_window_that_has_no_say_closes_nothing(candidate: Candidate) -> None:
    gate = GateEntry(name="office", type="window", windows=("office",))
    elsewhere = window(
        {
            "name": "office",
            "kind": "allow",
            "cron": "0 8 * * *",
            "duration": "1h",
            "environments": ["staging"],
        }
    )
    asking = asked(candidate, gate, upstream=(), windows=(elsewhere,))

    assert verdict(asking) == (GateVerdict.NOT_APPLICABLE, "no window has a say in a promote")
