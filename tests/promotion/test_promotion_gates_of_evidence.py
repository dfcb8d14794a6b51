"""Gates of what was seen in clusters: evidence, and statuses of commits."""

from __future__ import annotations

import datetime as dt

import pytest

from gated import (
    DAY,
    FAIL,
    HOUR,
    OTHER,
    OTHER_TREE,
    PASS,
    TRAFFIC,
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
from meshgate.promotion.records import GateVerdict
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
