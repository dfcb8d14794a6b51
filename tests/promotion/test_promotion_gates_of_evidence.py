"""Gates of what was seen in clusters: evidence, and statuses of commits."""

from __future__ import annotations

import datetime as dt

import pytest

from gated import (
    DAY,
    FAIL,
    HOUR,
    MINUTE,
    OTHER,
    OTHER_TREE,
    PASS,
    TRAFFIC,
    TREE,
    WAITING,
    R,
    asked,
    seen,
    standing,
    stay,
    verdict,
)
from judged import NOW, reviews
from meshgate.model import GateEntry
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.evidence import Evidence
from meshgate.promotion.forges import CommitStatus, StatusState
from meshgate.promotion.gates import evaluate_gates
from meshgate.promotion.records import GateEvidence, GateVerdict
from meshgate.promotion.status import Deployment, EnvironmentStatus, Presence
from promotion_samples import replace


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


SYNCED = GateEntry(name="synced", type="commit-status", context="flux/{env}", reporters=("a", "b"))


def status(candidate: Candidate, *deployments: Deployment, **more: object) -> Candidate:
    """Before a gate of one status for the environment, asked of a forge."""
    posted = CommitStatus("flux/staging", StatusState.SUCCESS, at=NOW - HOUR, reporter="b")
    there = standing(*(deployments or (stay(DAY),)), statuses=(replace(posted, **more),))
    asking = asked(candidate, SYNCED, upstream=(there,))
    return replace(asking, reviews=reviews(candidate))


def test_one_status_may_stand_for_all_clusters(candidate: Candidate) -> None:
    asking = status(candidate)

    assert verdict(asking) == (PASS, "staging: flux/staging: success")
    elsewhere = replace(SYNCED, context="flux/{env}/all")
    asked_for = replace(asking, policy=replace(asking.policy, gates=(elsewhere,)))
    assert verdict(asked_for) == (
        WAITING,
        "staging: flux/staging/all: no status from a, b yet",
    )


@pytest.mark.parametrize(
    ("posted", "expected"),
    [
        ({"state": StatusState.FAILURE}, (FAIL, "staging: flux/staging: failed")),
        ({"state": StatusState.PENDING}, (WAITING, "staging: flux/staging: pending")),
        (
            {"state": StatusState.FAILURE, "description": "health check"},
            (FAIL, "staging: flux/staging: health check"),
        ),
        (
            {"state": StatusState.PENDING, "description": "2 of 3"},
            (WAITING, "staging: flux/staging: 2 of 3"),
        ),
        ({"at": None}, (PASS, "staging: flux/staging: success")),
        ({"at": NOW + 5 * MINUTE}, (PASS, "staging: flux/staging: success")),
        ({"at": NOW + 6 * MINUTE}, (FAIL, "staging: flux/staging: its time is ahead")),
    ],
)
def test_a_status_says_what_is_wrong(
    candidate: Candidate, posted: dict[str, object], expected: tuple[GateVerdict, str]
) -> None:
    assert verdict(status(candidate, **posted)) == expected


@pytest.mark.parametrize(
    ("at", "passes"),
    [(NOW - HOUR, True), (NOW - HOUR - dt.timedelta(seconds=1), False), (None, False)],
    ids=["of-age", "too-old", "unknown"],
)
def test_a_status_gets_old(candidate: Candidate, at: dt.datetime | None, *, passes: bool) -> None:
    asking = status(candidate, at=at)
    fresh = replace(asking.policy, gates=(replace(SYNCED, max_age="1h"),))

    old = (WAITING, "staging: flux/staging: older than 1h")
    expected = (PASS, "staging: flux/staging: success") if passes else old
    assert verdict(replace(asking, policy=fresh)) == expected


def test_statuses_are_those_of_what_is_there_now(candidate: Candidate) -> None:
    gone = (WAITING, f"staging does not hold {R} now")

    assert verdict(status(candidate, stay(3 * DAY, DAY), stay(DAY, None, OTHER))) == gone
    assert verdict(status(candidate, stay(DAY, None, OTHER))) == gone
    assert verdict(status(candidate, stay(3 * DAY, DAY))) == gone
    # It changes nothing there: what is there speaks for it.
    state = candidate.upstream[0].state
    assert state is not None
    asking = status(candidate, stay(DAY, None, OTHER))
    same = replace(asking.upstream[0], state=state, would_render=state.rendered.sha256)
    assert verdict(replace(asking, upstream=(same,)))[0] is PASS


def test_what_a_gate_stands_on_is_recorded(candidate: Candidate) -> None:
    def evidence(asking: Candidate) -> list[GateEvidence]:
        (result,) = evaluate_gates(asking)
        return list(result.evidence)

    posted: GateEvidence = {
        "type": "commit-status",
        "subjectTree": TREE,
        "context": "flux/staging",
        "reporter": "b",
        "url": "",
        "observedAt": "2026-07-07T07:00:00+00:00",
    }
    asking = status(candidate)
    assert evidence(asking) == [posted]
    assert evidence(status(candidate, at=None)) == [{**posted, "observedAt": None}]
    floating = Deployment(R, "", NOW - DAY)
    assert evidence(status(candidate, floating)) == [{**posted, "subjectTree": None}]

    failing = seen(cluster="us", result="fail")
    there = standing(stay(DAY), evidence=(seen(), failing))
    assert evidence(asked(candidate, TRAFFIC, upstream=(there,))) == [
        failing.summary,
        seen().summary,
    ]


@pytest.mark.parametrize(
    ("observed", "brought", "verdict_"),
    [
        (-5 * MINUTE, None, PASS),
        (-6 * MINUTE, None, FAIL),
        (HOUR, HOUR + 5 * MINUTE, PASS),
        (HOUR, HOUR + 6 * MINUTE, FAIL),
    ],
)
def test_clocks_of_clusters_may_differ_by_five_minutes(
    candidate: Candidate,
    observed: dt.timedelta,
    brought: dt.timedelta | None,
    verdict_: GateVerdict,
) -> None:
    word = replace(seen(observed), brought_at=None if brought is None else NOW - brought)
    there = standing(stay(DAY), evidence=(word,))

    assert verdict(asked(candidate, TRAFFIC, upstream=(there,)))[0] is verdict_


def test_evidence_of_any_stay_of_the_release_counts(candidate: Candidate) -> None:
    """It was there twice, with two renders of it."""
    again = Deployment(R, OTHER_TREE, NOW - DAY)
    there = standing(stay(3 * DAY, DAY), again, evidence=(seen(),))

    assert verdict(asked(candidate, TRAFFIC, upstream=(there,)))[0] is PASS


def test_the_accounts_that_are_trusted_are_named(candidate: Candidate) -> None:
    two = replace(TRAFFIC, reporters=("probe", "ops"))
    there = standing(stay(DAY), evidence=(seen(reporter="ops"),))

    assert verdict(asked(candidate, two, upstream=(standing(stay(DAY)),)))[1] == (
        "staging: no traffic evidence from probe, ops yet"
    )
    assert verdict(asked(candidate, two, upstream=(there,)))[0] is PASS


def test_any_environment_with_evidence_may_do(candidate: Candidate) -> None:
    silent = replace(standing(stay(DAY)), environment="canary")
    both = asked(candidate, TRAFFIC, upstream=(silent, standing(stay(DAY), evidence=(seen(),))))

    assert verdict(both)[0] is WAITING
    assert verdict(replace(both, policy=replace(both.policy, after_all=False)))[0] is PASS
    flux = replace(both, policy=replace(both.policy, gates=(SYNCED,)), reviews=reviews(candidate))
    asking = status(candidate)
    mixed = replace(flux, upstream=(silent, *asking.upstream))
    assert verdict(mixed)[0] is FAIL  # of one of them the forge was not asked
    assert verdict(replace(mixed, policy=replace(mixed.policy, after_all=False)))[0] is PASS


def test_time_runs_out_for_what_is_waited_for_alone(candidate: Candidate) -> None:
    waits = replace(TRAFFIC, timeout="2h")
    failed = standing(stay(DAY), evidence=(seen(result="fail"),))
    late = replace(asked(candidate, waits, upstream=(failed,)), now=NOW + DAY)

    assert verdict(late)[1].startswith("staging/eu: traffic failed")
    draft = replace(late, upstream=(standing(stay(DAY)),))
    undated = replace(draft, record=replace(draft.record, created_at=None))
    assert verdict(undated)[0] is WAITING
