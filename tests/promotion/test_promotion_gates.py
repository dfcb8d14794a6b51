"""Gates of any type: effects, what passes one over, and one that raises."""

from __future__ import annotations

import pytest
from msgspec import structs

from gated import (
    DAY,
    FAIL,
    HOUR,
    PASS,
    SOAK,
    TRAFFIC,
    WAITING,
    R,
    asked,
    seen,
    standing,
    stay,
    verdict,
)
from judged import NOW
from meshes import Object, shop, thing
from meshgate.effect import CallChange, Change, Strength, effect
from meshgate.mesh import Outcome
from meshgate.model import Acknowledgement, GateEntry
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.environment_state import Event
from meshgate.promotion.gates import (
    GATE_TYPES,
    GateType,
    asks_others,
    asks_statuses,
    evaluate_gates,
    verified,
)
from meshgate.promotion.gates.gate import across
from meshgate.promotion.guards import refusals
from meshgate.promotion.records import Bypass, GateResult, GateVerdict
from promotion_samples import call, clients, replace


@pytest.mark.parametrize(("limit", "expected"), [(0, FAIL), (1, PASS)])
def test_effects(candidate: Candidate, limit: int, expected: GateVerdict) -> None:
    effect = candidate.effect
    assert effect is not None
    looser = replace(effect.tightened[0], change=Strength.LOOSENED)
    there = (standing(stay(DAY)),)
    asking = asked(candidate, GateEntry(name="q", type="effects", loosened=limit), upstream=there)
    judged = replace(asking, effect=replace(effect, ports=(looser,)))

    assert verdict(judged)[0] is expected
    assert bool(refusals(judged, ["PR13"])) is (expected is FAIL)
    assert verdict(replace(asking, effect=None))[0] is FAIL


@pytest.mark.parametrize(
    ("gate", "expected"),
    [
        (GateEntry(name="q", type="effects", opened=0), FAIL),
        (GateEntry(name="q", type="effects", opened=1), PASS),
        (GateEntry(name="q", type="effects", closed=0), FAIL),
        (GateEntry(name="q", type="effects", closed=1, opened=1), PASS),
    ],
)
def test_effects_of_policies(candidate: Candidate, gate: GateEntry, expected: GateVerdict) -> None:
    def allow(method: str, place: str) -> Object:
        rule = {
            "from": [{"source": {"namespaces": [place]}}],
            "to": [{"operation": {"methods": [method]}}],
        }
        return thing(
            "security.istio.io/v1", "AuthorizationPolicy", method, "b", spec={"rules": [rule]}
        )

    before, after = [allow("GET", "a"), allow("PUT", "a")], [allow("GET", "a"), allow("POST", "a")]
    asking = asked(candidate, gate, upstream=())
    judged = replace(asking, effect=effect(shop(*before), shop(*after)))

    assert verdict(judged)[0] is expected


def test_a_bypass_is_told_and_only_of_its_gate(candidate: Candidate) -> None:
    asking = asked(candidate, SOAK, TRAFFIC, upstream=(standing(stay(HOUR)),))
    bypass = Bypass("soaked", "ops", "prod is down", "INC-1")
    passing = replace(asking, record=replace(asking.record, bypasses=(bypass,)))

    soaked, traffic = evaluate_gates(passing)

    assert (soaked.verdict, traffic.verdict) == (GateVerdict.BYPASSED, WAITING)
    assert soaked.reason.startswith("ops: prod is down (")
    assert {refusal.guard for refusal in refusals(passing, ["PR08", "PR09"])} == {"PR09"}


def test_what_fails_may_be_passed_over_as_what_waits(candidate: Candidate) -> None:
    failing = standing(stay(HOUR), evidence=(seen(result="fail"),))
    asking = asked(candidate, TRAFFIC, upstream=(failing,))
    bypass = Bypass("traffic", "ops", "prod is down", "INC-1")

    assert verdict(asking)[0] is FAIL
    passing = replace(asking, record=replace(asking.record, bypasses=(bypass,)))
    assert verdict(passing)[0] is GateVerdict.BYPASSED


def test_a_gate_that_raises_is_closed(
    candidate: Candidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("out of cheese")

    broken = GateType("soak", "soak", frozenset(), frozenset(), fail, fail)  # type: ignore[arg-type] # fields
    monkeypatch.setitem(GATE_TYPES, "soak", broken)
    there = (standing(stay(9 * DAY)),)

    assert verdict(asked(candidate, SOAK, upstream=there))[0] is FAIL


def limited(candidate: Candidate, *calls: CallChange, **limits: int) -> Candidate:
    """A change that loosens two ports, before a gate with limits."""
    effect = candidate.effect
    assert effect is not None
    weaker = replace(effect.tightened[0], change=Strength.LOOSENED)
    gate = GateEntry(name="q", type="effects", **limits)  # type: ignore[arg-type] # limits
    changed = replace(effect, ports=(weaker, weaker), calls=calls)
    return asked(replace(candidate, effect=changed), gate, upstream=())


def test_a_gate_says_what_it_counted_and_what_is_too_much(candidate: Candidate) -> None:
    def judge(**limits: int) -> tuple[GateVerdict, str]:
        return verdict(limited(candidate, **limits))

    assert judge(loosened=2) == (PASS, "2 loosened")
    assert judge(loosened=2, breaks=0, opened=0) == (PASS, "2 loosened, 0 breaks, 0 opened")
    assert judge(loosened=1, breaks=0) == (FAIL, "2 loosened, at most 1")


@pytest.mark.parametrize("change", [Change.OPENED, Change.CLOSED])
def test_a_gate_counts_requests_that_may_get_in_or_stay_out(
    candidate: Candidate, change: Change
) -> None:
    """What is not decided is never a pass."""
    changed = call(clients("shop/a"), "cart", Outcome.OK_MTLS, Outcome.OK_MTLS, change)
    limits = {change.value: 0}

    for decided in (True, False):
        asking = limited(candidate, **limits)
        calls = "calls" if decided else "open_calls"
        effect = replace(asking.effect, **{calls: (structs.replace(changed, decided=decided),)})
        said = f"1 {change.value}, at most 0"
        assert verdict(replace(asking, effect=effect)) == (FAIL, said)


def test_accepted_breaks_are_told_where_breaks_are_limited(candidate: Candidate) -> None:
    """Accepted are groups of clients, as old records tell them; limited are calls."""
    broken = call(
        clients("shop/a", "shop/b"), "cart", Outcome.OK_MTLS, Outcome.REFUSED, Change.BREAKS
    )

    def judge(*, accepted: bool, **limits: int) -> tuple[GateVerdict, str]:
        asking = limited(candidate, broken, **limits)
        assert asking.effect is not None
        ack = Acknowledgement(R, asking.effect.breaks_digest, "team", "known", NOW.date())
        waived = replace(asking.environment, acknowledgements=(ack,) if accepted else ())
        return verdict(replace(asking, environment=waived))

    beside = f"0 breaks beside 1 that waivers/{candidate.name}.yaml accepts"
    assert judge(accepted=True, breaks=0) == (PASS, beside)
    assert judge(accepted=False, breaks=2) == (PASS, "2 breaks")
    assert judge(accepted=True, loosened=2) == (PASS, "2 loosened")
    assert judge(accepted=False, breaks=0, loosened=0) == (
        FAIL,
        "2 loosened, at most 0; 2 breaks, at most 0",
    )


def test_where_nothing_was_before_there_is_no_change_to_judge(candidate: Candidate) -> None:
    gate = GateEntry(name="q", type="effects", loosened=0)
    blind = replace(asked(candidate, gate, upstream=()), effect=None)

    assert verdict(blind) == (FAIL, "the effect of this change was not computed")
    first = replace(blind, base=replace(blind.base, state=None))
    assert verdict(first) == (
        GateVerdict.NOT_APPLICABLE,
        "nothing was here before: there is no change to judge",
    )


NOT_APPLICABLE = GateVerdict.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("verdicts", "all_of", "any_of"),
    [
        ((PASS, WAITING, FAIL), (FAIL, "2; 1; 0"), (PASS, "0")),
        ((PASS, WAITING), (WAITING, "1; 0"), (PASS, "0")),
        ((PASS, NOT_APPLICABLE), (NOT_APPLICABLE, "1; 0"), (PASS, "0")),
        ((WAITING, NOT_APPLICABLE), (WAITING, "0; 1"), (NOT_APPLICABLE, "1")),
        ((FAIL, WAITING, WAITING), (FAIL, "0; 1; 2"), (WAITING, "1; 2")),
        ((FAIL,), (FAIL, "0"), (FAIL, "0")),
        ((), (NOT_APPLICABLE, "no environment comes before this one"), None),
    ],
)
def test_one_verdict_over_environments(
    verdicts: tuple[GateVerdict, ...],
    all_of: tuple[GateVerdict, str],
    any_of: tuple[GateVerdict, str] | None,
) -> None:
    """The worst of all, or the best of any; what is not shown brings no evidence."""
    results = [
        GateResult("q", verdict, str(number), ({"cluster": str(number)},))
        for number, verdict in enumerate(verdicts)
    ]
    for all_, expected in ((True, all_of), (False, any_of or all_of)):
        found = across(SOAK, results, all_of=all_)
        assert (found.name, found.verdict, found.reason) == (SOAK.name, *expected)
        if verdicts:
            assert "; ".join(str(each["cluster"]) for each in found.evidence) == found.reason


@pytest.mark.parametrize("event", [Event.ADOPT, Event.HOLD, Event.RESUME, Event.REJECT])
def test_gates_have_no_say_in_what_brings_no_release(candidate: Candidate, event: Event) -> None:
    asking = asked(candidate, SOAK, TRAFFIC, upstream=())

    assert evaluate_gates(replace(asking, record=replace(asking.record, event=event))) == []


def test_a_gate_holds_for_its_own_events_or_for_those_of_its_type(candidate: Candidate) -> None:
    """A rollback waits for nothing that a release waits for, but where a gate says that it does."""
    named = structs.replace(TRAFFIC, events=("rollback",))
    both = asked(candidate, TRAFFIC, named, upstream=(standing(stay(DAY)),))

    def verdicts(event: Event) -> list[tuple[GateVerdict, str]]:
        results = evaluate_gates(replace(both, record=replace(both.record, event=event)))
        return [(result.verdict, result.reason) for result in results]

    waits = (WAITING, "staging: no traffic evidence from probe yet")
    assert verdicts(Event.ROLLBACK) == [
        (NOT_APPLICABLE, "it does not hold for a rollback"),
        waits,
    ]
    for event in (Event.PROMOTE, Event.HOTFIX):
        assert verdicts(event) == [waits, (NOT_APPLICABLE, f"it does not hold for a {event}")]


def test_a_gate_that_is_open_is_not_passed_over(candidate: Candidate) -> None:
    asking = asked(candidate, SOAK, upstream=(standing(stay(9 * DAY)),))
    bypass = Bypass("soaked", "ops", "prod is down", "INC-1")

    assert verdict(replace(asking, record=replace(asking.record, bypasses=(bypass,)))) == (
        PASS,
        "staging: stayed 9d of 2d",
    )


def test_what_a_forge_or_somebody_saw_is_not_known_later() -> None:
    status = GateEntry(name="flux", type="commit-status", context="flux", reporters=("bot",))
    synced = structs.replace(SOAK, evidence="synced", reporters=("probe",))

    assert [asks_others(gate) for gate in (status, TRAFFIC, synced, SOAK)] == [*[True] * 3, False]
    assert asks_statuses([SOAK, status])
    assert not asks_statuses([SOAK, TRAFFIC])


def test_evidence_alone_proves_what_an_environment_has(candidate: Candidate) -> None:
    """A soak or a window that is not over says nothing of what is there."""
    there = standing(stay(HOUR))
    office = GateEntry(name="office", type="window", windows=("office",))

    assert verified(asked(candidate, SOAK, office, upstream=()), there) == ""
    asking = asked(candidate, SOAK, TRAFFIC, upstream=())
    assert verified(asking, there) == "staging: no traffic evidence from probe yet"
    proven = structs.replace(there, evidence=(seen(),))
    assert verified(asking, proven) == ""
    failed = structs.replace(there, evidence=(seen(result="fail"),))
    assert verified(asking, failed) == "staging/eu: traffic failed at 2026-07-07 07:00 UTC"
