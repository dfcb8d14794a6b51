"""Gates: soak, window, evidence, commit status, effects; on values, with every clock given."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from judged import NOW, reviews
from meshes import Object, shop, thing
from meshgate.effect import Strength, effect
from meshgate.errors import UsageError
from meshgate.model import GateEntry
from meshgate.promotion import evidence as ev
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.evidence import Evidence, Observation
from meshgate.promotion.forges import CommitStatus, StatusState
from meshgate.promotion.gates import GATE_TYPES, GateType, evaluate_gates
from meshgate.promotion.guards import refusals
from meshgate.promotion.records import Bypass, Event, GateVerdict
from meshgate.promotion.status import Deployment, EnvironmentStatus, Presence, soak
from promotion_samples import replace
from promotion_windows import window

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
R, OTHER = "r-111111111111", "r-222222222222"
TREE, OTHER_TREE = "a" * 40, "b" * 40


def stay(since: dt.timedelta, until: dt.timedelta | None = None, release: str = R) -> Deployment:
    """A stay that began, and ended, so long ago."""
    tree = TREE if release == R else OTHER_TREE
    return Deployment(release, tree, NOW - since, None if until is None else NOW - until)


def standing(*deployments: Deployment, **more: object) -> EnvironmentStatus:
    settings: dict[str, object] = {"floating": False, "state": None, "statuses": None} | more
    return EnvironmentStatus("staging", deployments=deployments, **settings)  # type: ignore[arg-type] # fields


def seen(
    ago: dt.timedelta = HOUR,
    cluster: str = "eu",
    result: str = "pass",
    *,
    tree: str = TREE,
    kind: str = "traffic",
    reporter: str = "probe",
) -> Evidence:
    return Evidence(
        version=ev.VERSION,
        type=kind,
        environment="staging",
        cluster=cluster,
        observed_at=NOW - ago,
        result=result,
        tree=tree,
        reporter=reporter,
    )


def asked(
    candidate: Candidate,
    *gates: GateEntry,
    upstream: tuple[EnvironmentStatus, ...],
    **policy: object,
) -> Candidate:
    """The candidate, with other gates, before other environments."""
    changed = replace(candidate.policy, gates=gates, **policy)
    record = replace(candidate.record, release=R)
    return replace(candidate, policy=changed, upstream=upstream, record=record)


def verdict(candidate: Candidate) -> tuple[GateVerdict, str]:
    (result,) = evaluate_gates(candidate)
    return result.verdict, result.reason


TRAFFIC = GateEntry(name="traffic", type="evidence", evidence="traffic", reporters=("probe",))
SOAK = GateEntry(name="soaked", type="soak", duration="2d")
PASS, FAIL, WAITING = GateVerdict.PASS, GateVerdict.FAIL, GateVerdict.WAITING


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


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        ((), (WAITING, "no traffic evidence from probe yet")),
        ((seen(),), (PASS, "staging/eu: traffic passed at 2026-07-07 07:00 UTC")),
        ((seen(result="fail"),), (FAIL, "traffic failed at")),
        ((seen(reporter="stranger"),), (WAITING, "from probe yet")),
        ((seen(kind="synced"),), (WAITING, "from probe yet")),
        ((seen(tree=OTHER_TREE),), (WAITING, "staging/eu: no traffic evidence of this release")),
        ((seen(-HOUR),), (FAIL, "which is ahead")),
        # The newest word of a cluster counts, and every cluster's.
        ((seen(3 * HOUR, result="fail"), seen()), (PASS, "passed")),
        ((seen(3 * HOUR), seen(result="fail")), (FAIL, "failed")),
        ((seen(), seen(cluster="us", result="fail")), (FAIL, "staging/us: traffic failed")),
        # A cluster that reported before is missed when it is silent now.
        ((seen(), seen(cluster="us", tree=OTHER_TREE)), (WAITING, "staging/us: no traffic")),
    ],
    ids=range(11),
)
def test_evidence(
    candidate: Candidate, evidence: tuple[Evidence, ...], expected: tuple[GateVerdict, str]
) -> None:
    there = standing(stay(DAY), evidence=evidence)

    found = verdict(asked(candidate, TRAFFIC, upstream=(there,)))

    assert found[0] is expected[0]
    assert expected[1] in found[1]


def test_evidence_that_came_before_it_was_seen_never_counts(candidate: Candidate) -> None:
    """The clock was a day ahead: this word must not hide a later one when that day comes."""
    ahead = replace(seen(HOUR), brought_at=NOW - DAY)
    failed = replace(seen(3 * HOUR, result="fail"), brought_at=NOW - 2 * HOUR)

    def judge(*evidence: Evidence) -> tuple[GateVerdict, str]:
        there = standing(stay(2 * DAY), evidence=evidence)
        return verdict(asked(candidate, TRAFFIC, upstream=(there,)))

    assert judge(ahead, failed)[0] is FAIL
    assert "which came 2026-07-06 08:00 UTC: its clock was ahead" in judge(ahead)[1]
    assert judge(replace(ahead, brought_at=NOW - HOUR))[0] is PASS


def test_evidence_is_needed_of_every_cluster_that_is_listed(candidate: Candidate) -> None:
    there = standing(stay(DAY), clusters=("eu", "us-*"), evidence=(seen(),))

    assert verdict(asked(candidate, TRAFFIC, upstream=(there,)))[1] == (
        "staging/us-*: no traffic evidence of this release yet; "
        "staging/eu: traffic passed at 2026-07-07 07:00 UTC"
    )
    both = replace(there, evidence=(seen(), seen(cluster="us-1")))
    assert verdict(asked(candidate, TRAFFIC, upstream=(both,)))[0] is PASS


def test_evidence_gets_old(candidate: Candidate) -> None:
    fresh = replace(TRAFFIC, max_age="2h")

    def judge(ago: dt.timedelta) -> GateVerdict:
        there = standing(stay(DAY), evidence=(seen(ago),))
        return verdict(asked(candidate, fresh, upstream=(there,)))[0]

    assert judge(2 * HOUR) is PASS
    assert judge(2 * HOUR + dt.timedelta(seconds=1)) is WAITING


def test_evidence_that_does_not_come_fails_in_the_end(candidate: Candidate) -> None:
    """#13 of the failure cases: a provider that is down never lets anything pass."""
    prepared = candidate.record.created_at
    assert prepared is not None
    waits = replace(TRAFFIC, timeout="2h")
    asking = asked(candidate, waits, upstream=(standing(stay(DAY)),))

    assert verdict(replace(asking, now=prepared + 2 * HOUR))[0] is WAITING
    late = verdict(replace(asking, now=prepared + 2 * HOUR + dt.timedelta(seconds=1)))
    assert late == (FAIL, "nothing came within 2h: staging: no traffic evidence from probe yet")


def test_evidence_on_a_floating_environment_names_the_release(candidate: Candidate) -> None:
    on_main = Deployment(R, "", NOW - DAY)
    word = replace(seen(ago=HOUR, tree=""), environment="dev", cluster="dev", release=R)
    there = EnvironmentStatus(
        "dev", floating=True, state=None, deployments=(on_main,), evidence=(word,)
    )

    assert verdict(asked(candidate, TRAFFIC, upstream=(there,)))[0] is PASS
    other = replace(there, evidence=(replace(word, release=OTHER),))
    assert verdict(asked(candidate, TRAFFIC, upstream=(other,)))[0] is WAITING


def test_what_changed_nothing_is_proven_by_what_is_there(candidate: Candidate) -> None:
    """#2 of the pains: no change here is not verified here."""
    state = candidate.upstream[0].state
    assert state is not None
    there = standing(
        Deployment(OTHER, OTHER_TREE, NOW - DAY), state=state, would_render=state.rendered.sha256
    )

    assert there.presence(R) is Presence.NO_OP
    assert verdict(asked(candidate, TRAFFIC, upstream=(there,)))[0] is WAITING
    proven = replace(there, evidence=(seen(tree=OTHER_TREE),))
    assert verdict(asked(candidate, TRAFFIC, upstream=(proven,)))[0] is PASS


FLUX = GateEntry(
    name="flux", type="commit-status", context="flux/{env}/{cluster}", reporters=("bot",)
)


def posted(
    cluster: str, state: StatusState = StatusState.SUCCESS, reporter: str = "bot"
) -> CommitStatus:
    return CommitStatus(f"flux/staging/{cluster}", state, at=NOW - HOUR, reporter=reporter)


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ((), WAITING),
        ((posted("eu"),), WAITING),
        ((posted("eu"), posted("us")), PASS),
        ((posted("eu"), posted("us", StatusState.FAILURE)), FAIL),
        ((posted("eu"), posted("us", StatusState.PENDING)), WAITING),
        ((posted("eu"), posted("us", reporter="anybody")), WAITING),
        # Newest first: what came before is over.
        ((posted("us", StatusState.FAILURE), posted("us"), posted("eu")), FAIL),
        (None, FAIL),
    ],
    ids=range(8),
)
def test_commit_status(
    candidate: Candidate, statuses: tuple[CommitStatus, ...] | None, expected: GateVerdict
) -> None:
    """#12 and #29 of the failure cases: one for each cluster."""
    there = standing(stay(DAY), clusters=("eu", "us"), statuses=statuses)
    asking = asked(candidate, FLUX, upstream=(there,))

    assert verdict(replace(asking, reviews=reviews(candidate)))[0] is expected


def test_a_commit_status_needs_a_forge(candidate: Candidate) -> None:
    there = standing(stay(DAY), clusters=("eu",))

    assert verdict(asked(candidate, FLUX, upstream=(there,))) == (
        GateVerdict.NOT_APPLICABLE,
        "the tests ask no forge",
    )


@pytest.mark.parametrize("clusters", [(), ("eu-*",)])
def test_a_status_for_each_cluster_needs_their_names(
    candidate: Candidate, clusters: tuple[str, ...]
) -> None:
    there = standing(stay(DAY), clusters=clusters, statuses=(posted("eu"),))
    asking = asked(candidate, FLUX, upstream=(there,))

    assert verdict(replace(asking, reviews=reviews(candidate)))[0] is FAIL


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


ONE = Observation(
    version=ev.VERSION,
    type="traffic",
    environment="staging",
    cluster="eu",
    observed_at=NOW,
    result="pass",
    tree=TREE,
    window="30m",
    numbers={"plaintext": 0, "rate": 1.5},
    url="https://example.com/1",
)


TEXT = f"""\
{{
  "version": 1,
  "type": "traffic",
  "env": "staging",
  "cluster": "eu",
  "subjectTree": "{TREE}",
  "observedAt": "2026-07-07T08:00:00+00:00",
  "result": "pass",
  "window": "30m",
  "numbers": {{
    "plaintext": 0,
    "rate": 1.5
  }},
  "url": "https://example.com/1"
}}
"""


def test_evidence_is_read_as_it_was_written() -> None:
    content = ev.written(ONE).encode()

    found = ev.read(content, reporter="probe", file="f")

    assert found == Evidence(**structs.asdict(ONE), reporter="probe", digest=found.digest)
    assert ev.written(ONE) == TEXT
    assert len(found.digest) == 64
    assert ev.file_name(ONE) == "20260707T080000Z-traffic-eu.json"


@pytest.mark.parametrize(
    "change",
    [
        {"result": "ok"},
        {"subjectTree": "main"},
        {"release": R},  # both
        {"subjectTree": None},
        {"observedAt": "yesterday"},
        {"observedAt": "2026-07-07T08:00:00"},
        {"reporter": "me"},
        {"cluster": "../x"},
        {"url": "javascript:alert(1)"},
        {"version": 2},
    ],
    ids=str,
)
def test_what_is_no_evidence_is_refused(change: dict[str, object]) -> None:
    value = json.loads(ev.written(ONE)) | change

    with pytest.raises(UsageError):
        ev.read(json.dumps(value).encode(), reporter="probe", file="f")


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b'{"a":1,"a":2}', b"\xff", b"x" * 70_000, b"[" * 60_000]
)
def test_what_is_no_document_is_refused(content: bytes) -> None:
    with pytest.raises(UsageError):
        ev.read(content, reporter="probe", file="f")
