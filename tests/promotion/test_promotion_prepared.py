"""What a record tells of how its event was judged, and what keeps a pull request from opening."""

from __future__ import annotations

import datetime as dt

import pytest
from msgspec import structs

from guarded import TODAY, YESTERDAY, many, on
from judged import base_of
from meshgate.errors import RefusedError, WaitingError
from meshgate.model import Acknowledgement
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.environment_state import Event
from meshgate.promotion.guards import BY_ID, Refusal
from meshgate.promotion.guards.guard import Objection
from meshgate.promotion.judge import HeadJudgement, MergeVerdict
from meshgate.promotion.prepare import (
    PreparedCommit,
    completed,
    coverage,
    format_refusals,
    holding_back,
    refuse,
    shrinks,
    upstream,
)
from meshgate.promotion.records import Acknowledged, Upstream
from meshgate.promotion.transition import RecordDraft, Transition
from meshgate.repository import Repository
from promoted import Promoted
from promotion_samples import RECORD, STATE, replace

SOAKING = BY_ID["PR08"].refusal(Objection("soaks", waits=True))
HELD = BY_ID["PR11"].refusal(Objection("is held", "resume it", waits=True))
WRONG = BY_ID["PR12"].refusal(Objection("has errors", details=("PA001", "PA002")))
BROKEN = Refusal("PR13", "n", "failed", "report it", broken=True)


def prepared(*refusals: Refusal) -> PreparedCommit:
    judgement = HeadJudgement("h", "prod", None, refusals)
    return PreparedCommit("c", Transition(STATE, RECORD, {}), None, judgement)


@pytest.mark.parametrize(
    ("refusals", "verdict", "final"),
    [
        ((), MergeVerdict.PASS, ()),
        ((SOAKING,), MergeVerdict.WAITING, ()),
        ((SOAKING, WRONG), MergeVerdict.REFUSED, (WRONG,)),
        ((SOAKING, WRONG, BROKEN), MergeVerdict.BROKEN, (WRONG, BROKEN)),
        ((structs.replace(BROKEN, waits=True),), MergeVerdict.BROKEN, ()),
    ],
)
def test_the_gravest_of_what_guards_say_is_the_verdict(
    refusals: tuple[Refusal, ...], verdict: MergeVerdict, final: tuple[Refusal, ...]
) -> None:
    judgement = HeadJudgement("h", "prod", None, refusals)

    assert (judgement.verdict, judgement.final) == (verdict, final)


def test_what_can_be_waited_for_in_a_pull_request_keeps_none_from_being_opened() -> None:
    refuse(prepared())
    refuse(prepared(SOAKING))
    assert holding_back(prepared(SOAKING, HELD, WRONG)) == [HELD, WRONG]
    with pytest.raises(WaitingError, match="not now; nothing was pushed") as waiting:
        refuse(prepared(SOAKING, HELD))
    with pytest.raises(RefusedError, match="refused; nothing was pushed") as refused:
        refuse(prepared(HELD, WRONG))
    assert "soaks" not in waiting.value.why
    assert "has errors" in refused.value.why
    assert "is held" in refused.value.why


def test_refusals_are_told_with_their_details_and_one_way_out_each() -> None:
    """A way out that several share is given once."""
    twin = structs.replace(WRONG, message="is undecided", details=())
    text = format_refusals([twin, WRONG, HELD, structs.replace(SOAKING, hint="")])

    assert text.splitlines() == [
        "PR12 is undecided",
        "PR12 has errors",
        "  PA001",
        "  PA002",
        f"  hint: {BY_ID['PR12'].hint}",
        "PR11 is held",
        "  hint: resume it",
        "PR08 soaks",
    ]


@pytest.mark.parametrize(
    ("before", "after", "is_much"),
    [(10, 7, False), (10, 6, True), (1, 1, False), (3, 0, True), (0, 0, True), (0, 1, False)],
)
def test_how_many_resources_may_go(before: int, after: int, *, is_much: bool) -> None:
    assert shrinks(before, after) is is_much


def test_a_record_tells_how_the_environments_before_stand(candidate: Candidate) -> None:
    (there,) = candidate.upstream
    (deployment,) = there.deployments_for(candidate.release)
    never = structs.replace(there, deployments=())

    assert upstream(candidate) == (
        Upstream("staging", candidate.release, deployment.since, None, 2 * 24 * 3600),
    )
    assert upstream(replace(candidate, upstream=(never,))) == (
        Upstream("staging", candidate.release, None, None, None),
    )
    soon = replace(candidate, now=deployment.since + dt.timedelta(seconds=90))
    assert [each.soak for each in upstream(soon)] == [90]


@pytest.mark.parametrize(
    ("event", "count"),
    [(Event.PROMOTE, 2), (Event.HOTFIX, 2), (Event.ROLLBACK, 2), (Event.ADOPT, 0)],
)
def test_a_record_repeats_what_was_accepted_of_its_release(
    candidate: Candidate, promoted_once: Promoted, event: Event, count: int
) -> None:
    today = Acknowledgement(candidate.release, "1" * 64, "team", "known", TODAY)
    later = structs.replace(today, breaks="2" * 64, until=TODAY + dt.timedelta(days=1))
    over = structs.replace(today, until=YESTERDAY)
    other = structs.replace(today, release="r-000000000000")
    accepted = on(candidate, "environment", acknowledgements=(over, today, other, later))
    asked = on(replace(accepted, effect=None), "record", event=event)
    own: Acknowledged = {"finding": "PR17:x", "by": "ops"}
    draft = RecordDraft("prod", event, candidate.now, acknowledges=(own,))

    with Repository(promoted_once.folder) as repository:
        whole = completed(base_of(repository), draft, asked, ())

    expected: list[Acknowledged] = [
        {
            "finding": f"breaks {each.breaks}",
            "by": "team",
            "reason": "known",
            "until": each.until.isoformat(),
        }
        for each in (today, later)
    ]
    assert whole.acknowledges == (own, *expected[:count])
    assert whole.effects is None


def test_a_record_tells_what_was_tried_below(candidate: Candidate) -> None:
    mode = "PeerAuthentication/istio-system/default#/spec/mtls/mode"
    (there,) = candidate.upstream

    assert coverage(candidate) == ((), (mode,))
    blind = structs.replace(there, objects=())
    assert coverage(replace(candidate, upstream=(blind,))) == ((mode,), ())
    unknown = structs.replace(there, objects=None)
    for nothing in (
        replace(candidate, upstream=(unknown,)),
        replace(candidate, upstream=()),
        replace(candidate, before=None),
        replace(candidate, after=None),
    ):
        assert coverage(nothing) == ((), ())
    fewer = replace(candidate, before=many(candidate, 2), after=many(candidate, 1))
    never, seen = coverage(fewer)
    assert never == tuple(sorted(never))
    assert seen == tuple(sorted(seen))
