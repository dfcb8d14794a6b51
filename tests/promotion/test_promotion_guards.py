"""PR01 to PR25: each refuses what it is for, and whatever it cannot know."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec import Struct, structs

from judged import NOW, review, reviews
from meshes import Object, shop, thing
from meshgate.effect import Effect, Strength, effect
from meshgate.errors import IntegrityError
from meshgate.mesh import Mesh, Mode
from meshgate.model import (
    Acknowledgement,
    Difference,
    Finding,
    GateEntry,
    MeshFacts,
    Pause,
    Resource,
    Severity,
    Waiver,
)
from meshgate.model.environment import Floor, RequiredApprovals, ReviewTeams
from meshgate.promotion import guards
from meshgate.promotion.candidate import Ancestry, Candidate, SourceContent
from meshgate.promotion.clocks import Clocks
from meshgate.promotion.files import FileChange
from meshgate.promotion.gates import evaluate_gates
from meshgate.promotion.guards import BY_FILES, GUARDS, Guard, Refusal, refusals
from meshgate.promotion.guards.guard import Objection
from meshgate.promotion.ledger import Recorded
from meshgate.promotion.records import (
    Bypass,
    Effects,
    EnvironmentState,
    Event,
    Fact,
    GateVerdict,
    Hold,
    PendingBackport,
    RecordedPort,
)
from meshgate.promotion.status import Deployment, EnvironmentStatus
from meshgate.repository import Signed
from promotion_samples import replace

TODAY = NOW.date()
YESTERDAY = TODAY - dt.timedelta(days=1)
TOMORROW = TODAY + dt.timedelta(days=1)
MINUTE, DAY = dt.timedelta(minutes=1), dt.timedelta(days=1)
BY_ID = {guard.id: guard for guard in GUARDS}


def ask(guard: str, candidate: Candidate) -> list[Refusal]:
    return refusals(candidate, [guard])


def on(candidate: Candidate, part: str, **changes: object) -> Candidate:
    """The candidate with some fields of one of its parts changed: `base.state`."""
    first, _, rest = part.partition(".")
    value = getattr(candidate, first)
    if rest:
        changes = {rest: replace(getattr(value, rest), **changes)}
    replaced = structs.replace if isinstance(value, Struct) else replace
    return replace(candidate, **{first: replaced(value, **changes)})


def changed(candidate: Candidate, *changes: FileChange) -> Candidate:
    return replace(candidate, changed=(*candidate.changed, *changes))


def without(candidate: Candidate, path: str) -> Candidate:
    files = {name: data for name, data in candidate.head.files.items() if name != path}
    return on(candidate, "head", files=files)


def with_file(candidate: Candidate, path: str, data: bytes) -> Candidate:
    return on(candidate, "head", files={**candidate.head.files, path: data})


def test_a_good_promotion_passes_every_guard(candidate: Candidate) -> None:
    assert candidate.reasons == ()
    assert refusals(candidate) == []


PA = "rendered/prod/istio-system/peerauthentication-default.yaml"
LEDGER = "promotion/ledger/prod"
STATE = "promotion/state/prod.yaml"


def clocks(candidate: Candidate, **times: object) -> Candidate:
    return replace(candidate, clocks=Clocks(**times))  # type: ignore[arg-type] # of its fields


def first_record(candidate: Candidate) -> str:
    return candidate.base.records[0].path


def upstream(candidate: Candidate, **changes: object) -> Candidate:
    standing = replace(candidate.upstream[0], **changes)
    return replace(candidate, upstream=(standing,))


def unseen(candidate: Candidate) -> Candidate:
    """Staging never had the release, and would change by it."""
    return upstream(candidate, deployments=(), would_render="0" * 64)


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


def allow(*namespaces: str, name: str = "p") -> Object:
    rule = {"from": [{"source": {"namespaces": list(namespaces)}}]}
    return thing("security.istio.io/v1", "AuthorizationPolicy", name, "b", spec={"rules": [rule]})


def deny(*namespaces: str) -> Object:
    policy = allow(*namespaces, name="d")
    return {**policy, "spec": {**policy["spec"], "action": "DENY"}}


def effect_on(candidate: Candidate, before: list[Object], after: list[Object]) -> Candidate:
    """The same with an effect of policies of the shop, by the model alone."""
    sides = [tuple(map(Resource.of, objects)) for objects in (before, after)]
    return replace(
        candidate,
        effect=effect(shop(*before), shop(*after)),
        before=(*objects(candidate), *sides[0]),
        after=(*objects(candidate), *sides[1]),
    )


def opened(candidate: Candidate, teams: tuple[str, ...] = ("access",)) -> Candidate:
    """Namespace `a` gets in, where new access is reviewed."""
    approvals = RequiredApprovals(access=ReviewTeams(teams) if teams else None)
    asking = on(candidate, "policy", approvals=approvals)
    asking = on(asking, "environment", require=Floor(new_access="reviewed"))
    return effect_on(asking, [allow("b")], [allow("a", "b")])


def jump(candidate: Candidate) -> Candidate:
    effect = candidate.effect
    assert effect is not None
    port = effect.tightened[0]
    disabled = replace(port, before=structs.replace(port.before, mode=Mode.DISABLE))
    return replace(candidate, effect=replace(effect, ports=(disabled,)))


def finding(severity: Severity, *, decided: bool = True) -> Finding:
    return Finding("PA001", "permissive-mode", severity, "too weak", "fix it", decided=decided)


def hold(candidate: Candidate, **more: object) -> Candidate:
    source_of = Hold(NOW, "ops", "an incident", **more)  # type: ignore[arg-type] # fields
    return on(on(candidate, "base.state", hold=source_of), "head.state", hold=source_of)


FACT = Fact("PeerAuthentication/istio-system/default", "/spec/mtls/mode", "DISABLE")
PAID = Fact("PeerAuthentication/istio-system/default", "/spec/mtls/mode", "STRICT")
DEBT = PendingBackport(f"{LEDGER}/0002-hotfix-r-0.yaml", (FACT,), TOMORROW)

# guard: what is done to the good promotion, and a part of what the guard then says.
REFUSED: list[tuple[str, Callable[[Candidate], Candidate], str]] = [
    ("PR01", lambda c: changed(c, FileChange("README.md", "modified")), "README.md is modified"),
    (
        "PR01",
        lambda c: changed(c, FileChange("rendered/staging/x.yaml", "added")),
        "rendered/staging/x.yaml is added",
    ),
    ("PR01", lambda c: changed(c, FileChange(f"{PA}x", "added", "120000")), "mode 120000"),
    ("PR01", lambda c: changed(c, FileChange(first_record(c), "modified")), "is modified"),
    ("PR01", lambda c: replace(c, changed=c.changed[1:]), "is not changed"),
    ("PR02", lambda c: on(c, "head", ledger=c.base.ledger), "the newest record"),
    (
        "PR03",
        lambda c: with_file(c, PA, b"kind: X\n"),
        "1 file of rendered/prod differs from a fresh render",
    ),
    (
        "PR03",
        lambda c: with_file(c, f"{PA}.orig", b"x"),
        "1 file of rendered/prod differs from a fresh render",
    ),
    ("PR03", lambda c: without(c, PA), "1 file of rendered/prod differs from a fresh render"),
    (
        "PR03",
        lambda c: without(c, PA),
        "the record tells another tree and sha256 and resources than the files have",
    ),
    (
        "PR03",
        lambda c: replace(c, source=structs.replace(source_of(c), release="r-0")),
        "holds r-0, not",
    ),
    (
        "PR03",
        lambda c: replace(
            c,
            source=structs.replace(
                source_of(c), source=replace(source_of(c).source, policies_tree="0" * 40)
            ),
        ),
        "the record tells other trees",
    ),
    (
        "PR06",
        lambda c: on(c, "record", event=Event.ADOPT, release="r-0"),
        "and this adopts r-0",
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
    (
        "PR17",
        lambda c: on(on(c, "record", event=Event.HOLD), "base.state", pending_backport=DEBT),
        "a hold changes what prod owes",
    ),
    ("PR03", lambda c: on(c, "policy", sources="overlays/other"), "it was rendered from"),
    (
        "PR03",
        lambda c: on(c, "base", files={**c.base.files, PA: b"edited"}),
        "was edited since record",
    ),
    ("PR04", lambda c: on(c, "base.state", sequence=2), "the base is at 2"),
    ("PR04", lambda c: on(c, "base.state", record_sha256="0" * 64), "another state of prod"),
    (
        "PR04",
        lambda c: on(c, "head", state_faults=(IntegrityError("its digest is wrong"),)),
        "digest is wrong",
    ),
    (
        "PR04",
        lambda c: on(c, "base", record_faults=(IntegrityError("the chain is broken"),)),
        "chain is broken",
    ),
    ("PR05", lambda c: with_file(c, first_record(c), b"forged"), "was changed or removed"),
    ("PR05", lambda c: without(c, first_record(c)), "was changed or removed"),
    ("PR05", lambda c: on(c, "head.state", alias="other"), "is not the one that"),
    ("PR05", lambda c: on(c, "record", sequence=9), "not known: the file"),
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
    ("PR12", lambda c: replace(c, findings=(finding(Severity.ERROR),)), "has 1 errors"),
    (
        "PR12",
        lambda c: replace(c, findings=(finding(Severity.WARNING, decided=False),)),
        "cannot be decided",
    ),
    ("PR25", lambda c: clocks(c, forge=6 * MINUTE), "clock is 6m behind the forge's"),
    ("PR25", lambda c: clocks(c, forge=-2 * DAY), "clock is 2d ahead of the forge's"),
    ("PR25", lambda c: clocks(c, base=c.now + 6 * MINUTE), "the newest commit of the base is of"),
    ("PR14", jump, "1 port goes from DISABLE to STRICT"),
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
    (
        "PR17",
        lambda c: on(
            on(c, "base.state", pending_backport=DEBT), "head.state", pending_backport=DEBT
        ),
        "1 value of the hotfix",
    ),
    ("PR18", lambda c: on(upstream(c, objects=()), "policy", unseen_fields=0), "1 field changes"),
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
    ("PR20", lambda c: replace(c, configured_from="f" * 40), "its rules were read at"),
    (
        "PR20",
        lambda c: changed(c, FileChange("environments.yaml", "modified")),
        "it decides how this is judged",
    ),
    ("PR20", lambda c: on(c, "record", tool={"name": "vi"}), "was not written by meshgate"),
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
    ("PR22", lambda c: unsigned(c, None), "the signature of the head commit"),
    ("PR23", lambda c: changed(c, FileChange("noxfile.py", "modified")), "of its own"),
    ("PR22", lambda c: unsigned(c, Signed("", "it is not signed")), "it is not signed"),
]


def state_of(candidate: Candidate) -> EnvironmentState:
    state = candidate.upstream[0].state
    assert state is not None
    return state


def source_of(candidate: Candidate) -> SourceContent:
    assert candidate.source is not None
    return candidate.source


def objects(candidate: Candidate) -> tuple[Resource, ...]:
    assert candidate.after is not None
    return candidate.after


def many(candidate: Candidate, count: int) -> tuple[Resource, ...]:
    first = objects(candidate)[0]
    return tuple(replace(first, name=f"n{number}") for number in range(count))


def authorization(action: str) -> Resource:
    return Resource.of(
        {
            "apiVersion": "security.istio.io/v1",
            "kind": "AuthorizationPolicy",
            "metadata": {"name": "a", "namespace": "shop"},
            "spec": {"action": action, "rules": [{}]},
        }
    )


def waiver(expires: dt.date) -> Waiver:
    return Waiver(rule="PA001", resource="X/y/z", owner="team", reason="reason", expires=expires)


@pytest.mark.parametrize(
    ("guard", "change", "message"),
    REFUSED,
    ids=[f"{guard}-{number}" for number, (guard, _, _) in enumerate(REFUSED)],
)
def test_a_guard_refuses(
    candidate: Candidate,
    guard: str,
    change: Callable[[Candidate], Candidate],
    message: str,
) -> None:
    found = ask(guard, change(candidate))

    told = [" ".join((refusal.message, *refusal.details)) for refusal in found]
    assert any(message in each for each in told), found
    assert all(refusal.hint and not refusal.broken for refusal in found)


def test_every_guard_has_a_case() -> None:
    gates = {"PR09", "PR10", "PR13"}  # tests/promotion/test_promotion_gates.py, and below

    assert {guard for guard, _, _ in REFUSED} | gates == set(BY_ID)


PARTS = {
    "source": ["PR03"],
    "expected": ["PR03"],
    "ancestry": ["PR07"],
    "before": ["PR16", "PR18"],
    "after": ["PR16", "PR18"],
    "effect": ["PR13", "PR14", "PR15", "PR16"],
    "findings": ["PR12"],
}


@pytest.mark.parametrize("part", PARTS)
def test_what_is_not_known_is_refused(candidate: Candidate, part: str) -> None:
    blind = replace(candidate, **{part: None}, reasons=("the renderer has gone",))

    found = refusals(blind)

    assert [refusal.guard for refusal in found] == PARTS[part]
    assert all(refusal.details == ("the renderer has gone",) for refusal in found)


def test_every_part_that_may_be_missing_is_tried() -> None:
    told = {"reviews", "signature", "paused", "status"}  # each has its own cases
    optional = {field.name for field in structs.fields(Candidate) if field.default is None}

    assert optional == set(PARTS) | told


def test_a_guard_that_raises_refuses(candidate: Candidate, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Candidate) -> Iterator[Objection]:
        raise RuntimeError("out of cheese")

    guard = replace(BY_ID["PR12"], check=fail)
    monkeypatch.setattr("meshgate.promotion.guards.GUARDS", (guard,))

    (found,) = refusals(candidate)

    assert found.broken
    assert "out of cheese" in found.message


@pytest.mark.parametrize("state", ["head", "base"])
def test_a_state_that_cannot_be_read_is_never_passed(candidate: Candidate, state: str) -> None:
    blind = on(candidate, state, state=None, state_faults=(IntegrityError("digest"),))

    assert {"PR03", "PR04"} <= {refusal.guard for refusal in refusals(blind)}


def test_a_hold_ends_and_a_rollback_passes_it(candidate: Candidate) -> None:
    over = hold(candidate, until=NOW)
    lasting = hold(candidate, until=NOW + dt.timedelta(seconds=1))
    assert lasting.base.state is not None
    left = on(lasting, "head.state", rejected=(lasting.base.state.release,))
    back = on(left, "record", event=Event.ROLLBACK)

    assert ask("PR11", over) == []
    assert [refusal.waits for refusal in ask("PR11", lasting)] == [True]
    assert ask("PR11", back) == []


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


def test_after_a_record_of_a_wrong_clock_the_way_out_is_said(candidate: Candidate) -> None:
    last = candidate.base.ledger[-1]
    ahead = replace(last, record=replace(last.record, created_at=candidate.now + DAY))
    wrong = on(candidate, "base", ledger=(*candidate.base.ledger[:-1], ahead))
    (refusal,) = [one for one in ask("PR05", wrong) if "before the one it follows" in one.message]
    assert "which says 2026-07-08 08:00 UTC" in refusal.message
    assert "an administrator reverts its commit" in refusal.hint


def test_the_check_of_files_asks_what_files_decide() -> None:
    left_out = set(BY_ID) - BY_FILES

    assert left_out == {"PR08", "PR09", "PR10", "PR19", "PR24", "PR25"}


def test_guards_are_told_apart_and_explained() -> None:
    names = [guard.name for guard in GUARDS]

    assert [guard.id for guard in GUARDS] == [f"PR{number:02}" for number in range(1, 26)]
    assert len(set(names)) == len(names)
    files = sorted(file.stem for file in Path(guards.__file__).parent.glob("pr*.py"))
    assert files == [f"{guard.id.lower()}_{guard.name.replace('-', '_')}" for guard in GUARDS]
    for guard in GUARDS:
        assert isinstance(guard, Guard)
        assert guard.summary
        assert guard.why.endswith(".")
        assert guard.hint
