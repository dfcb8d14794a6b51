"""The way back: rollbacks, rejected releases and holds."""

from __future__ import annotations

import pytest

import promoted
from meshgate.errors import (
    IntegrityError,
    NothingToPromoteError,
    RefusedError,
    UsageError,
    WaitingError,
)
from meshgate.model import Resource, SchemaViolation
from meshgate.promotion import rollback
from meshgate.promotion.environment_state import Event
from meshgate.promotion.ledger import read_ledger
from meshgate.promotion.rollback import prepare_rollback, recorded_bytes
from pipeline import Pipeline, mode
from promotion_samples import replace
from pushed import RULE


def test_16_a_release_that_was_rejected_below_is_closed(pipeline: Pipeline) -> None:
    pipeline.promoted("staging")
    waiting = pipeline.promote("prod")
    back = pipeline.roll_back("staging", 1)
    pipeline.approve(back.pull.number)
    pipeline.merge(back.pull.number)

    with pytest.raises(RefusedError, match="PR06"):
        pipeline.merge(waiting.pull.number)
    with pytest.raises(NothingToPromoteError):
        pipeline.promote("prod")
    assert pipeline.local().get(waiting.pull.number).state == "closed"


def test_17_a_lost_source_does_not_hinder_a_rollback(pipeline: Pipeline) -> None:
    """The bytes are in the commit of the record, not in the source."""
    pipeline.promoted("staging")
    before = pipeline.files("main~1")
    back = pipeline.roll_back("staging", 1)
    branch = pipeline.files(back.pull.head)

    wanted = {path: data for path, data in before.items() if path.startswith("rendered/staging")}
    assert wanted == {p: d for p, d in branch.items() if p.startswith("rendered/staging")}


def test_25_bytes_that_the_cluster_would_refuse_are_not_brought_back(pipeline: Pipeline) -> None:
    """What an older API took, and today's schema does not."""
    pipeline.commit(mode("STRICTEST"), "mesh: a mode of old")
    promoted.promote(pipeline.work, "staging", day=10)
    promoted.git(pipeline.work, "push", "--quiet", "origin", "main")
    pipeline.commit(mode("STRICT"), "mesh: a mode of today")
    pipeline.promoted("staging")
    with pytest.raises(RefusedError, match="SH002 PeerAuthentication"):
        pipeline.roll_back("staging", 2)
    assert not pipeline.local().list_open("main", "rollback/")


def test_a_held_environment_takes_nothing(pipeline: Pipeline) -> None:
    pipeline.hold("staging", direct=True)
    assert pipeline.state("staging").hold is not None
    before = promoted.git(pipeline.hub, "for-each-ref")
    with pytest.raises(WaitingError, match="PR11"):
        pipeline.promote("staging")
    assert promoted.git(pipeline.hub, "for-each-ref") == before


def test_a_rollback_holds_rejects_and_is_kept(pipeline: Pipeline) -> None:
    pipeline.promoted("staging")
    bad = pipeline.state("staging").release
    back = pipeline.roll_back("staging", 1)
    assert back.record.event is Event.ROLLBACK
    with pytest.raises(WaitingError, match="PR15"):
        pipeline.merge(back.pull.number)
    pipeline.approve(back.pull.number)
    pipeline.merge(back.pull.number)

    state = pipeline.state("staging")
    assert state.rejected == (bad,)
    assert state.hold is not None
    assert state.sequence == 3
    with pytest.raises(NothingToPromoteError):
        pipeline.promote("staging")
    resumed = pipeline.resume("staging")
    pipeline.approve(resumed.pull.number)
    pipeline.merge(resumed.pull.number)
    with pytest.raises(NothingToPromoteError):
        pipeline.promote("staging")
    mended = pipeline.commit({RULE: promoted.RULE + "  exportTo: [.]\n"}, "mended")
    assert pipeline.promote("staging").record.source.commit == mended


def test_a_rollback_says_what_else_has_the_release(pipeline: Pipeline) -> None:
    pipeline.promoted("staging")
    pipeline.promoted("prod")
    back = pipeline.roll_back("prod", 1)
    body = pipeline.local().get(back.pull.number).body
    assert "`staging` has the rejected release too" in body
    assert "1 port loosens" in body


def test_a_rollback_to_edited_bytes_is_broken_integrity(pipeline: Pipeline) -> None:
    pipeline.promoted("staging")
    with pipeline.session() as session:
        first = read_ledger(session.files, "staging")[0].record
        rendered = replace(first.rendered, sha256="0" * 64)
        with pytest.raises(IntegrityError, match="not in the commit"):
            recorded_bytes(session, replace(first, rendered=rendered))


def test_a_rollback_to_nowhere_lists_where_it_may_go(pipeline: Pipeline) -> None:
    pipeline.promoted("staging")
    with pytest.raises(UsageError, match="no sequence 9") as raised:
        pipeline.roll_back("staging", 9)
    assert "1 (2026-07-01.1)" in raised.value.hint
    with pytest.raises(NothingToPromoteError, match="has what sequence 2 had"):
        pipeline.roll_back("staging", 2)


def test_a_rejected_release_stays_out_of_all_that_follows(pipeline: Pipeline) -> None:
    pipeline.promoted("staging")
    release = pipeline.state("staging").release
    opened = pipeline.reject(release)
    assert opened.record.environment == "staging"
    pipeline.merge(opened.pull.number)
    with pytest.raises(NothingToPromoteError):
        pipeline.promote("prod")
    with pytest.raises(RefusedError, match="rejected"):
        pipeline.promote("prod", release)


def test_a_rollback_is_offered_what_rendered_other_bytes(pipeline: Pipeline) -> None:
    """Neither what is there now nor what rendered nothing."""
    pipeline.promoted("staging")
    pipeline.hold("staging", direct=True)
    for nowhere in (3, 9):
        with pytest.raises(UsageError, match=f"no sequence {nowhere} that rendered") as raised:
            pipeline.roll_back("staging", nowhere)
        assert raised.value.hint == "it has 1 (2026-07-01.1)"
    with pytest.raises(UsageError) as raised:
        pipeline.roll_back("prod", 9)
    assert raised.value.hint == "see `meshgate history prod`"


def test_a_rollback_is_undone_by_another_one(pipeline: Pipeline) -> None:
    pipeline.promoted("staging")
    bad = pipeline.state("staging")
    back = pipeline.roll_back("staging", 1)
    pipeline.approve(back.pull.number)
    pipeline.merge(back.pull.number)
    with pytest.raises(NothingToPromoteError, match="has what sequence 1 had already"):
        pipeline.roll_back("staging", 1)

    forth = pipeline.roll_back("staging", 2)

    assert forth.record.rendered == bad.rendered
    assert forth.state.rejected == (bad.release, back.record.release)


def test_a_rollback_tells_who_made_it_why_and_by_which_ticket(pipeline: Pipeline) -> None:
    pipeline.promoted("staging")
    record = pipeline.roll_back("staging", 1).record

    assert record.hold is not None
    assert record.hold.reason == "rolled back to sequence 1: 503 in checkout"
    assert record.hold.by == "promoter"
    assert record.hold.blocks == (Event.PROMOTE, Event.HOTFIX)
    assert [(bypass.gate, bypass.ticket) for bypass in record.bypasses] == [("PR12", "INC-12")]
    with pipeline.session() as session:
        prepared = prepare_rollback(session, "staging", 1, reason="503 in checkout")
    assert prepared.record.bypasses == ()


def test_a_rollback_is_made_anew_on_demand(pipeline: Pipeline) -> None:
    """What it does to calls is another thing since more runs there."""
    pipeline.promoted("staging")
    first = pipeline.roll_back("staging", 1)
    more = promoted.INVENTORY.replace("name: cart", "name: shop").replace("app: cart", "app: shop")
    pipeline.commit({"inventory/staging/more.yaml": more.partition("---\n")[2]}, "more runs there")

    assert not pipeline.roll_back("staging", 1).pushed
    second = pipeline.roll_back("staging", 1, refresh=True)
    assert second.pushed
    assert second.pull.number == first.pull.number


def test_what_the_cluster_would_not_take_today_is_not_rolled_back_to(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.promoted("staging")

    def refused(resources: list[Resource], **_: object) -> list[SchemaViolation]:
        return [SchemaViolation("SH002", resources[0], "spec", "it is no field any more")]

    monkeypatch.setattr(rollback, "check", refused)
    with pytest.raises(RefusedError, match="which refuses what was there then") as told:
        pipeline.roll_back("staging", 1)
    assert told.value.why.endswith(": it is no field any more")
