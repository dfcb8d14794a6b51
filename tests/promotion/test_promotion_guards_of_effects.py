"""Guards of what a promotion does: findings, breaks, steps, deletions, what was never tried."""

from __future__ import annotations

import datetime as dt

import pytest
from msgspec import structs

from guarded import (
    TODAY,
    TOMORROW,
    YESTERDAY,
    Change,
    Refused,
    allow,
    ask,
    assert_refuses,
    authorization,
    deny,
    effect_on,
    ids,
    many,
    objects,
    on,
    upstream,
)
from meshes import Object
from meshgate.effect import Effect, effect
from meshgate.mesh import Mesh, Mode
from meshgate.model import Acknowledgement, Finding, GateEntry, MeshFacts, Resource, Severity
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.gates import evaluate_gates
from meshgate.promotion.ledger import Recorded
from meshgate.promotion.records import Effects, Event, GateVerdict, RecordedPort
from promotion_samples import replace


def jump(candidate: Candidate) -> Candidate:
    effect = candidate.effect
    assert effect is not None
    port = effect.tightened[0]
    disabled = replace(port, before=structs.replace(port.before, mode=Mode.DISABLE))
    return replace(candidate, effect=replace(effect, ports=(disabled,)))


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
    ("PR12", lambda c: replace(c, findings=(finding(Severity.ERROR),)), "has 1 errors"),
    (
        "PR12",
        lambda c: replace(c, findings=(finding(Severity.WARNING, decided=False),)),
        "cannot be decided",
    ),
    ("PR14", jump, "1 port goes from DISABLE to STRICT"),
    ("PR16", lambda c: effect_on(c, [deny("a")], []), "AuthorizationPolicy/b/d is gone"),
    ("PR16", lambda c: effect_on(c, [deny("a")], [deny("x")]), "no longer denies what it denied"),
    ("PR16", lambda c: effect_on(c, [allow("b")], []), "AuthorizationPolicy/b/p is gone"),
    ("PR16", lambda c: replace(c, before=many(c, 10), after=many(c, 6)), "4 of 10 resources"),
    (
        "PR16",
        lambda c: replace(c, before=(*objects(c), authorization("DENY"))),
        "leaves something weaker",
    ),
    (
        "PR16",
        lambda c: replace(c, before=(*objects(c), authorization("ALLOW"))),
        "leaves something weaker",
    ),
    ("PR18", lambda c: on(upstream(c, objects=()), "policy", unseen_fields=0), "1 field changes"),
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
    (told,) = evaluate_gates(on(broken, "environment", acknowledgements=(accepted,)))

    assert closed == ["calm: 1 breaks, at most 0", "1 call breaks"]
    assert told.verdict is GateVerdict.PASS
    assert (
        told.reason == f"0 loosened, 0 breaks beside 1 that waivers/{candidate.name}.yaml accepts"
    )
    for ack in (
        structs.replace(accepted, until=YESTERDAY),
        structs.replace(accepted, release="r-000000000000"),
        structs.replace(accepted, breaks="0" * 64),
    ):
        (told,) = evaluate_gates(on(broken, "environment", acknowledgements=(ack,)))
        assert told.verdict is GateVerdict.FAIL


def test_an_acceptance_of_deletions_is_not_one_of_breaks(candidate: Candidate) -> None:
    deleted = replace(candidate, before=(*objects(candidate), authorization("DENY")))
    (refusal,) = ask("PR16", deleted)
    digest = refusal.hint.partition("breaks: ")[2].partition(",")[0]
    ack = Acknowledgement(candidate.release, digest, "team", "known", TOMORROW)

    assert ask("PR16", on(deleted, "environment", acknowledgements=(ack,))) == []
    assert ask("PR13", on(breaking(candidate), "environment", acknowledgements=(ack,)))


def test_one_allow_of_several_may_go(candidate: Candidate) -> None:
    first = authorization("ALLOW")
    second = replace(first, name="b")
    before = (*objects(candidate), first, second)

    assert ask("PR16", replace(candidate, before=before, after=(*objects(candidate), second))) == []


def test_permissive_must_have_soaked_here(candidate: Candidate) -> None:
    port: RecordedPort = {
        "namespace": "shop",
        "workload": "cart",
        "port": 8080,
        "before": {"mode": "DISABLE"},
        "after": {"mode": "PERMISSIVE"},
    }
    record = candidate.base.records[-1]
    tightened = replace(record, effects=Effects("d", tightened=(port,)))
    soaking = on(
        on(candidate, "base", ledger=(Recorded(tightened, "0" * 64),)),
        "policy",
        soak={Event.PROMOTE: dt.timedelta(days=7)},
    )

    (refusal,) = ask("PR14", soaking)

    assert refusal.waits
    assert "is PERMISSIVE for 4d only, of 7d" in refusal.message
    assert ask("PR14", on(soaking, "policy", soak={Event.PROMOTE: dt.timedelta(days=4)})) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([deny("a")], [{**deny("a"), "metadata": {"name": "e", "namespace": "b"}}]),
        ([allow("b")], [allow("a", "b")]),
        ([deny("a", "x")], [deny("a"), {**deny("x"), "metadata": {"name": "e", "namespace": "b"}}]),
    ],
    ids=["renamed", "more-allowed", "split"],
)
def test_what_denies_as_before_uncovers_nothing(
    candidate: Candidate, before: list[Object], after: list[Object]
) -> None:
    assert ask("PR16", effect_on(candidate, before, after)) == []
