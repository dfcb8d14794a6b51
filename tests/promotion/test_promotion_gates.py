"""Gates of any type: effects, what passes one over, and one that raises."""

from __future__ import annotations

import pytest

from gated import DAY, FAIL, HOUR, PASS, SOAK, TRAFFIC, WAITING, asked, standing, stay, verdict
from meshes import Object, shop, thing
from meshgate.effect import Strength, effect
from meshgate.model import GateEntry
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.gates import GATE_TYPES, GateType, evaluate_gates
from meshgate.promotion.guards import refusals
from meshgate.promotion.records import Bypass, GateVerdict
from promotion_samples import replace


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


def test_a_gate_that_raises_is_closed(
    candidate: Candidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("out of cheese")

    broken = GateType("soak", "soak", frozenset(), frozenset(), fail, fail)  # type: ignore[arg-type] # fields
    monkeypatch.setitem(GATE_TYPES, "soak", broken)
    there = (standing(stay(9 * DAY)),)

    assert verdict(asked(candidate, SOAK, upstream=there))[0] is FAIL
