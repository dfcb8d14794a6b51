"""Guards of what a promotion does: findings, and calls that break."""

from __future__ import annotations

import pytest
from msgspec import structs

from guarded import (
    TODAY,
    TOMORROW,
    YESTERDAY,
    Change,
    Refused,
    ask,
    assert_refuses,
    authorization,
    ids,
    messages,
    objects,
    on,
    unsafe,
    with_effect,
)
from meshgate.effect import Change as EffectChange
from meshgate.effect import Effect, effect
from meshgate.mesh import Mesh, Outcome
from meshgate.model import (
    Acknowledgement,
    Finding,
    GateEntry,
    MeshFacts,
    Resource,
    Severity,
    Waiver,
)
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.environment_state import Event
from meshgate.promotion.gates import evaluate_gates
from meshgate.promotion.records import Bypass, GateVerdict
from promotion_samples import call, clients, replace


def finding(severity: Severity, *, decided: bool = True) -> Finding:
    return Finding("PA001", "permissive-mode", severity, "too weak", "fix it", decided=decided)


def breaking(candidate: Candidate) -> Candidate:
    """The promotion, with a client whose DestinationRule sends plaintext to what turns STRICT."""
    assert candidate.before is not None
    assert candidate.after is not None
    inventory = [
        Resource.of(value, foreign=True)
        for value in (
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": "shop", "labels": {"istio-injection": "enabled"}},
            },
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": "cart", "namespace": "shop"},
                "spec": {"selector": {"app": "cart"}, "ports": [{"port": 80, "targetPort": 8080}]},
            },
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "cart", "namespace": "shop", "labels": {"app": "cart"}},
                "spec": {"containers": [{"name": "a", "ports": [{"containerPort": 8080}]}]},
            },
        )
    ]
    plaintext = [
        Resource.of(
            one.value | {"spec": {**one.spec, "trafficPolicy": {"tls": {"mode": "DISABLE"}}}}
        )
        if one.kind == "DestinationRule"
        else one
        for one in candidate.before
    ]
    strict = [
        Resource.of(one.value | {"spec": {"mtls": {"mode": "STRICT"}}})
        if one.kind == "PeerAuthentication"
        else one
        for one in plaintext
    ]
    facts = MeshFacts()
    found = effect(Mesh([*plaintext, *inventory], facts), Mesh([*strict, *inventory], facts))
    assert isinstance(found, Effect)
    return replace(candidate, effect=found)


REFUSED: Refused = [
    ("PR12", lambda c: replace(c, findings=(finding(Severity.ERROR),)), "has 1 error"),
    (
        "PR12",
        lambda c: replace(c, findings=(finding(Severity.WARNING, decided=False),)),
        "cannot be decided",
    ),
]


@pytest.mark.parametrize(("guard", "change", "message"), REFUSED, ids=ids(REFUSED))
def test_a_guard_refuses(candidate: Candidate, guard: str, change: Change, message: str) -> None:
    assert_refuses(candidate, guard, change, message)


def test_a_break_passes_only_as_exactly_that_set(candidate: Candidate) -> None:
    broken = breaking(candidate)
    assert broken.effect is not None
    digest = broken.effect.breaks_digest
    accepted = Acknowledgement(candidate.release, digest, "team", "known", TODAY)

    (refusal,) = ask("PR13", broken)

    assert refusal.message == "1 call breaks"
    assert digest in refusal.hint
    assert refusal.details
    for ack, passes in [
        (accepted, True),
        (structs.replace(accepted, until=YESTERDAY), False),
        (structs.replace(accepted, release="r-000000000000"), False),
        (structs.replace(accepted, breaks="0" * 64), False),
    ]:
        judged = on(broken, "environment", acknowledgements=(ack,))
        assert (ask("PR13", judged) == []) is passes


def test_a_gate_of_no_breaks_opens_for_exactly_the_accepted_set(candidate: Candidate) -> None:
    gate = GateEntry(name="calm", type="effects", loosened=9, breaks=0)
    policy = replace(candidate.policy, gates=(gate,))
    broken = replace(breaking(candidate), policy=policy)
    assert broken.effect is not None
    accepted = Acknowledgement(
        candidate.release, broken.effect.breaks_digest, "team", "known", TODAY
    )

    closed = [refusal.message for refusal in ask("PR13", broken)]
    (result,) = evaluate_gates(on(broken, "environment", acknowledgements=(accepted,)))

    assert closed == ["calm: 1 breaks, at most 0", "1 call breaks"]
    assert result.verdict is GateVerdict.PASS
    assert (
        result.reason == f"0 loosened, 0 breaks beside 1 that waivers/{candidate.name}.yaml accepts"
    )
    for ack in (
        structs.replace(accepted, until=YESTERDAY),
        structs.replace(accepted, release="r-000000000000"),
        structs.replace(accepted, breaks="0" * 64),
    ):
        (result,) = evaluate_gates(on(broken, "environment", acknowledgements=(ack,)))
        assert result.verdict is GateVerdict.FAIL


def test_an_acceptance_of_deletions_is_not_one_of_breaks(candidate: Candidate) -> None:
    deleted = replace(candidate, before=(*objects(candidate), authorization("DENY")))
    (refusal,) = ask("PR16", deleted)
    digest = refusal.hint.partition("breaks: ")[2].partition(",")[0]
    ack = Acknowledgement(candidate.release, digest, "team", "known", TOMORROW)

    assert ask("PR16", on(deleted, "environment", acknowledgements=(ack,))) == []
    assert ask("PR13", on(breaking(candidate), "environment", acknowledgements=(ack,)))


def test_findings_that_are_waived_pass(candidate: Candidate) -> None:
    waiver = Waiver(rule="PA001", resource="X/y/z", owner="o", reason="r", expires=TODAY)
    error = finding(Severity.ERROR)
    both = replace(candidate, findings=(structs.replace(error, waiver=waiver), error))

    (refusal,) = ask("PR12", both)

    assert refusal.message == "the render of prod has 1 error"
    assert refusal.details == ("PA001 : too weak",)
    assert ask("PR12", replace(both, findings=both.findings[:1] if both.findings else None)) == []


def test_warnings_and_infos_that_are_decided_pass(candidate: Candidate) -> None:
    weak = (finding(Severity.WARNING), finding(Severity.INFO))

    assert ask("PR12", replace(candidate, findings=weak)) == []


def test_an_error_that_is_not_decided_is_one_error(candidate: Candidate) -> None:
    open_error = finding(Severity.ERROR, decided=False)

    assert messages("PR12", replace(candidate, findings=(open_error,))) == [
        "the render of prod has 1 error"
    ]


def test_of_many_findings_twenty_are_shown(candidate: Candidate) -> None:
    (refusal,) = ask("PR12", replace(candidate, findings=(finding(Severity.ERROR),) * 21))

    assert refusal.message == "the render of prod has 21 errors"
    assert len(refusal.details) == 20


def test_what_cannot_be_decided_is_refused_where_the_environment_says_so(
    candidate: Candidate,
) -> None:
    open_ = replace(candidate, undecided=("2 calls are undecided",))

    assert messages("PR12", open_) == ["prod refuses what cannot be decided: 2 calls are undecided"]
    assert ask("PR12", on(open_, "record", event=Event.ROLLBACK)) == []


@pytest.mark.parametrize(
    ("bypass", "passes"),
    [
        (Bypass("PR12", "ops", "prod is down", "INC-1"), True),
        (Bypass("PR12", "ops", "prod is down", ""), False),
        (Bypass("PR12", "ops", "", "INC-1"), False),
        (Bypass("soak", "ops", "prod is down", "INC-1"), False),
    ],
    ids=["whole", "no-ticket", "no-reason", "of-a-gate"],
)
def test_a_rollback_may_pass_over_findings_with_reason_and_ticket(
    candidate: Candidate, bypass: Bypass, *, passes: bool
) -> None:
    refused = replace(candidate, findings=(finding(Severity.ERROR),))
    passing = on(refused, "record", bypasses=(bypass,))
    back = on(passing, "record", event=Event.ROLLBACK)
    unservable = structs.replace(finding(Severity.ERROR), rule="SH002")

    assert (ask("PR12", back) == []) is passes
    assert ask("PR12", passing)  # a promotion never
    assert ask("PR12", replace(back, findings=(unservable,)))


def test_breaks_are_counted_by_call_and_shown_up_to_twenty(candidate: Candidate) -> None:
    many_clients = clients(*(f"shop/c{number}" for number in range(21)))
    broken = call(many_clients, "cart", Outcome.OK_MTLS, Outcome.REFUSED, EffectChange.BREAKS)

    (refusal,) = ask("PR13", with_effect(candidate, calls=(broken,)))

    assert refusal.message == "21 calls break"
    assert len(refusal.details) == 20


def test_a_change_that_cannot_be_decided_is_no_pass(candidate: Candidate) -> None:
    assert messages("PR13", with_effect(candidate, unsafe=(unsafe(decided=False),))) == [
        "1 change cannot be decided"
    ]


def test_the_first_adoption_has_no_effect_to_ask_for(candidate: Candidate) -> None:
    first = on(replace(candidate, effect=None), "record", event=Event.ADOPT)

    for guard in ("PR13", "PR14", "PR15", "PR16"):
        assert ask(guard, on(first, "base", state=None)) == []
        assert [refusal.unknown for refusal in ask(guard, first)] == [True]
