"""The line of an environment: held, resumed and closed for a release, and when that was."""

from __future__ import annotations

import datetime as dt

import pytest

import promoted
from meshgate.errors import NothingToPromoteError, UsageError, WaitingError
from meshgate.promotion.environment_state import Event
from meshgate.promotion.ledger import read_ledger
from meshgate.promotion.line import hold, reject, resume, write
from pipeline import ENVIRONMENTS, Pipeline
from pushed import repair

DAY, MINUTE = dt.timedelta(days=1), dt.timedelta(minutes=1)


def test_a_hold_is_another_one_where_anything_of_it_is(pipeline: Pipeline) -> None:
    until = pipeline.now + 2 * DAY
    with pipeline.session() as session:
        write(session, hold(session, "staging", reason="m", until=until), direct=True)
    with pipeline.session() as session:
        with pytest.raises(NothingToPromoteError, match="held already, for that reason"):
            hold(session, "staging", reason="m", until=until)
        others = [
            hold(session, "staging", reason="a", until=until),
            hold(session, "staging", reason="z", until=until),
            hold(session, "staging", reason="m", until=until + DAY),
            hold(session, "staging", reason="m", until=until - DAY),
            hold(session, "staging", reason="m"),
            hold(session, "staging", reason="m", until=until, blocks=(Event.PROMOTE,)),
        ]
    assert {prepared.record.sequence for prepared in others} == {3}
    assert {prepared.record.event for prepared in others} == {Event.HOLD}


def test_a_hold_ends_later_than_it_begins(pipeline: Pipeline) -> None:
    with pipeline.session() as session:
        for until in (session.now, session.now - DAY):
            with pytest.raises(UsageError, match="would be over already"):
                hold(session, "staging", reason="x", until=until)
        prepared = hold(session, "staging", reason="x", until=session.now + MINUTE)
    assert prepared.record.hold is not None
    assert prepared.record.hold.until == pipeline.now + MINUTE


def test_a_hold_written_at_once_is_on_main(pipeline: Pipeline) -> None:
    with pipeline.session() as session:
        result = write(session, hold(session, "staging", reason="an incident"), direct=True)
    assert (result.pull.state, result.pull.base, result.pushed) == ("merged", "main", True)
    assert pipeline.main() == result.commit == result.pull.merge_commit
    found = pipeline.state("staging").hold
    assert found is not None
    assert (found.by, found.reason, found.blocks) == (
        "promoter",
        "an incident",
        (Event.PROMOTE, Event.HOTFIX),
    )


def test_without_a_remote_a_hold_is_written_here(pipeline: Pipeline) -> None:
    promoted.git(pipeline.work, "remote", "remove", "origin")
    with pipeline.session() as session:
        result = write(session, hold(session, "staging", reason="an incident"), direct=True)
    assert promoted.git(pipeline.work, "rev-parse", "main") == result.commit
    assert pipeline.main() != result.commit


def test_only_what_is_held_is_resumed(pipeline: Pipeline) -> None:
    with pipeline.session() as session:
        with pytest.raises(NothingToPromoteError, match="staging is not held"):
            resume(session, "staging", reason="over")
        write(session, hold(session, "staging", reason="x"), direct=True)
    with pipeline.session() as session:
        prepared = resume(session, "staging", reason="over")
    assert prepared.transition.state.hold is None
    assert prepared.record.reason == "over"


def test_a_release_is_rejected_once_and_where_that_is_said(pipeline: Pipeline) -> None:
    with pipeline.session() as session:
        release = session.releases.newest()
        first = reject(session, release.id, reason="bad")
        in_prod = reject(session, release.id, reason="bad", name="prod")
        write(session, first, direct=True)
    assert (first.record.environment, in_prod.record.environment) == ("staging", "prod")
    assert first.record.reason == f"{release.alias} ({release.id}): bad"
    assert first.transition.state.rejected == (release.id,)
    with (
        pipeline.session() as session,
        pytest.raises(NothingToPromoteError, match=f"staging has rejected {release.id} already"),
    ):
        reject(session, release.id, reason="again")


def test_where_nothing_is_pinned_nothing_is_rejected(pipeline: Pipeline) -> None:
    floating = "".join(
        f"  - {{name: {name}, overlay: overlays/{name}}}\n" for name in ("dev", "staging", "prod")
    )
    pipeline.commit({"environments.yaml": f"environments:\n{floating}"}, "all of it floats")
    with pipeline.session() as session, pytest.raises(UsageError, match="no environment is pinned"):
        reject(session, "main", reason="bad")


@pytest.mark.parametrize(
    ("behind", "is_of_the_last"),
    [(-1, False), (0, False), (3, True), (5, True), (6, False)],
)
def test_a_record_is_not_made_before_the_last_one(
    pipeline: Pipeline, behind: int, *, is_of_the_last: bool
) -> None:
    """A clock may be five minutes behind that of the machine that wrote the last record."""
    with pipeline.session() as session:
        last = read_ledger(session.files, "staging")[-1].record.created_at
    assert last is not None
    pipeline.now = last - behind * MINUTE

    with pipeline.session() as session:
        record = hold(session, "staging", reason="an incident").record

    assert record.created_at == (last if is_of_the_last else pipeline.now)


def test_a_pause_stops_whatever_goes_forward(pipeline: Pipeline) -> None:
    paused = f"{ENVIRONMENTS}paused: {{by: ops, reason: an audit}}\n"
    pipeline.commit({"environments.yaml": paused}, "all is paused")

    with pytest.raises(WaitingError, match="PR11 promotion is paused by ops: an audit"):
        pipeline.promote("staging")
    with pytest.raises(WaitingError, match="PR11 promotion is paused by ops: an audit"):
        pipeline.hotfix("prod", repair(pipeline, "hotfix/prod/cart"), linked="a link")
