"""What must happen when two write at once, or one writes twice."""

from __future__ import annotations

import pytest

import promoted
from meshgate.errors import RefusedError
from meshgate.promotion import merge as merging
from meshgate.promotion import names
from meshgate.promotion.forges import HeadMovedError, PullRequest
from meshgate.promotion.judge import HeadJudgement, judge
from meshgate.promotion.line import hold, write
from meshgate.promotion.promote import PromoteOptions, prepare_promotion
from meshgate.promotion.pull_request import propose
from meshgate.promotion.record import record
from meshgate.promotion.session import Session
from pipeline import Pipeline
from pushed import RULE, edited, repair

pytestmark = pytest.mark.sampled(every=3)


def test_01_a_newer_release_closes_the_older_request(pipeline: Pipeline) -> None:
    first = pipeline.promote("staging")
    pipeline.commit({RULE: promoted.RULE.replace("ISTIO_MUTUAL", "DISABLE")}, "shop: a try")
    pipeline.commit({RULE: promoted.RULE.replace("  host", "  # why\n  host")}, "shop: say why")
    second = pipeline.promote("staging", "main~2")

    assert second.pull.number == first.pull.number
    third_source = pipeline.commit({RULE: promoted.RULE + "  exportTo: [.]\n"}, "shop: only here")
    third = pipeline.promote("staging")

    assert third.record.source.commit == third_source
    assert third.closed == (first.pull.number,)
    closed = pipeline.local().get(first.pull.number)
    assert closed.state == "closed"
    assert names.SUPERSEDED in closed.labels


def test_01_of_two_requests_the_first_merge_makes_the_other_unmergeable(
    pipeline: Pipeline,
) -> None:
    first = pipeline.promote("staging")
    pipeline.commit({RULE: promoted.RULE + "  exportTo: [.]\n"}, "shop: only here")
    second = pipeline.promote("staging")
    pipeline.local().store.file.write_text(
        pipeline.local().store.file.read_text().replace('"state": "closed"', '"state": "open"')
    )
    pipeline.merge(second.pull.number)

    assert pipeline.local().get(first.pull.number).mergeable is False
    with pytest.raises(RefusedError, match="refused"):
        pipeline.merge(first.pull.number)


@pytest.mark.decisive
def test_01_an_older_release_is_not_proposed_over_a_newer_one(pipeline: Pipeline) -> None:
    behind = pipeline.another("behind")
    pipeline.commit({RULE: promoted.RULE + "  exportTo: [.]\n"}, "shop: only here")
    newer = pipeline.promote("staging")
    older = pipeline.promote("staging", "main~1")

    assert older.closed == ()
    assert pipeline.local().get(newer.pull.number).state == "open"
    assert behind.promote("staging").pull.number == newer.pull.number


def test_02_the_same_command_twice_changes_nothing(pipeline: Pipeline) -> None:
    first = pipeline.promote("staging")
    book = pipeline.local().store.file.read_bytes()
    pipeline.later(days=1)
    second = pipeline.promote("staging")

    assert first.pushed
    assert not second.pushed
    assert second.commit == first.commit
    assert second.pull.number == first.pull.number
    assert pipeline.local().store.file.read_bytes() == book


def test_06_a_request_that_lost_the_race_is_made_anew_on_demand(pipeline: Pipeline) -> None:
    first = pipeline.promote("staging")
    held = pipeline.hold("staging")
    pipeline.merge(held.pull.number)
    assert pipeline.local().get(first.pull.number).mergeable is False
    resumed = pipeline.resume("staging")
    pipeline.merge(resumed.pull.number)

    with pytest.raises(RefusedError, match="--refresh"):
        pipeline.promote("staging")
    second = pipeline.promote("staging", refresh=True)
    assert second.pushed
    assert second.pull.number == first.pull.number
    assert second.record.sequence == 4
    pipeline.merge(second.pull.number)
    assert pipeline.state("staging").release == second.record.release


def test_06_of_two_that_push_at_once_one_finds_the_other(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = pipeline.another("other")
    other.later(seconds=30)
    with pipeline.session() as ours, other.session() as theirs:
        slow, fast = (
            prepare_promotion(ours, "staging", PromoteOptions()),
            prepare_promotion(theirs, "staging", PromoteOptions()),
        )
        assert slow.commit != fast.commit
        first = propose(theirs, fast)
        # What the slower one read before the faster one pushed.
        read = iter([None])
        tip = Session.tip
        monkeypatch.setattr(Session, "tip", lambda *asked: next(read, tip(*asked)))
        second = propose(ours, slow)
    assert first.pushed
    assert not second.pushed
    assert (second.commit, second.pull.number) == (fast.commit, first.pull.number)


def test_06_a_hotfix_and_a_promotion_leave_each_other_open(pipeline: Pipeline) -> None:
    pipeline.promoted("staging")
    waiting = pipeline.promote("prod")
    start = repair(pipeline, "hotfix/prod/cart")
    fixed = pipeline.hotfix("prod", start, linked="https://forge.example/pr/77")
    again = pipeline.promote("prod")

    assert again.closed == ()
    for opened in (waiting, fixed):
        assert pipeline.local().get(opened.pull.number).state == "open"
    pipeline.merge(fixed.pull.number)
    with pytest.raises(RefusedError, match="PR17"):
        pipeline.promote("prod", refresh=True)


@pytest.mark.decisive
def test_27_a_push_between_judgement_and_merge_is_not_merged(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = pipeline.promote("staging")

    def late(session: Session, head: str, *, pull: PullRequest | None = None) -> HeadJudgement:
        """All is read and judged, and then somebody pushes."""
        judgement = judge(session, head, pull=pull)
        edited(pipeline, opened.pull.head)
        return judgement

    monkeypatch.setattr(merging, "judge", late)
    before = pipeline.main()
    with pytest.raises(HeadMovedError) as raised:
        pipeline.merge(opened.pull.number)
    assert raised.value.exit_code == 8
    assert pipeline.main() == before


def test_27_what_somebody_else_merged_is_a_success(pipeline: Pipeline) -> None:
    opened = pipeline.promote("staging")
    pipeline.merge(opened.pull.number)
    assert pipeline.merge(opened.pull.number).merged.already


def test_27_what_git_merged_by_itself_is_a_success(pipeline: Pipeline) -> None:
    opened = pipeline.promote("staging")
    promoted.git(pipeline.hub, "update-ref", "refs/heads/main", opened.commit)
    assert pipeline.merge(opened.pull.number).merged.already


def test_30_two_runs_may_tag_at_once(pipeline: Pipeline) -> None:
    pipeline.promoted("staging")
    other = pipeline.another("other")
    with other.session() as theirs, pipeline.session() as ours:
        record(theirs)
        promoted.git(pipeline.work, "tag", "--annotate", "-m", "x", "env/staging/0002", "main~0")
        promoted.git(pipeline.work, "tag", "--delete", "env/staging/0002")
        _, degraded = record(ours)
    assert not degraded


def test_a_direct_hold_loses_a_race_without_harm(pipeline: Pipeline) -> None:
    opened = pipeline.promote("staging")
    with pipeline.session() as session:
        held = hold(session, "staging", reason="incident")
        pipeline.another("faster").merge(opened.pull.number)
        with pytest.raises(RefusedError, match="moved meanwhile"):
            write(session, held, direct=True)
    assert pipeline.state("staging").hold is None


def test_a_rollback_that_lost_the_race_is_replaced(pipeline: Pipeline) -> None:
    pipeline.promoted("staging")
    first = pipeline.roll_back("staging", 1)
    held = pipeline.hold("staging")
    pipeline.merge(held.pull.number)
    second = pipeline.roll_back("staging", 1)
    assert second.pull.number != first.pull.number
    assert second.closed == (first.pull.number,)
    assert pipeline.roll_back("staging", 1).closed == ()


def test_a_second_writer_finds_what_the_first_made(pipeline: Pipeline) -> None:
    first = pipeline.promote("staging")
    other = pipeline.another("other")
    second = other.promote("staging")
    assert (second.commit, second.pushed, second.pull.number) == (
        first.commit,
        False,
        first.pull.number,
    )


def test_a_branch_that_holds_another_release_was_edited(pipeline: Pipeline) -> None:
    """Whichever of the two ids is the greater one."""
    pipeline.commit({RULE: promoted.RULE + "  exportTo: [.]\n"}, "shop: only here")
    newer, older = pipeline.promote("staging"), pipeline.promote("staging", "main~1")
    for opened, other in ((newer, older), (older, newer)):
        promoted.git(pipeline.hub, "update-ref", f"refs/heads/{opened.pull.head}", other.commit)

    for release in ("", "main~1"):
        with pytest.raises(RefusedError, match="edited by hand"):
            pipeline.promote("staging", release)


def test_a_branch_of_another_hold_is_left_alone(pipeline: Pipeline) -> None:
    first = pipeline.hold("staging", "an incident")
    again = pipeline.hold("staging", "an incident")
    assert (again.pushed, again.commit) == (False, first.commit)

    with pytest.raises(RefusedError, match="edited by hand"):
        pipeline.hold("staging", "an audit")
    assert pipeline.hold("prod", "an audit").pushed


def test_a_branch_with_more_than_a_promotion_was_edited(pipeline: Pipeline) -> None:
    """A second commit on it, or a file of another place in the one that it has."""
    opened = pipeline.promote("staging")
    promoted.git(pipeline.work, "fetch", "--quiet", "origin")
    head = f"origin/{opened.pull.head}"
    edits = {
        "second": ["commit", "--quiet", "--allow-empty", "-m", "x"],
        "amended": ["commit", "--quiet", "--amend", "--no-edit"],
    }
    for name, commands in edits.items():
        promoted.git(pipeline.work, "switch", "--quiet", "-C", name, head)
        promoted.write(pipeline.work, {"README.md": f"{name}\n"})
        promoted.git(pipeline.work, "add", "--all")
        promoted.git(pipeline.work, *commands)
        target = f"{name}:{opened.pull.head}"
        promoted.git(pipeline.work, "push", "--quiet", "--force", "origin", target)
        promoted.git(pipeline.work, "switch", "--quiet", "main")
        with pytest.raises(RefusedError, match="edited by hand"):
            pipeline.promote("staging")


def test_a_refresh_makes_anew_what_tells_another_effect(pipeline: Pipeline) -> None:
    """What is proposed from the same state stays, unless what it does is another thing today."""
    first = pipeline.promote("staging")
    assert not pipeline.promote("staging", refresh=True).pushed
    more = promoted.INVENTORY.replace("name: cart", "name: shop").replace("app: cart", "app: shop")
    pipeline.commit({"inventory/staging/more.yaml": more.partition("---\n")[2]}, "more runs there")

    assert not pipeline.promote("staging").pushed
    second = pipeline.promote("staging", refresh=True)
    assert second.pushed
    assert (second.pull.number, second.record.release) == (first.pull.number, first.record.release)
    assert second.record.effects != first.record.effects


def test_a_hotfix_on_its_way_is_no_older_release(pipeline: Pipeline) -> None:
    """It is not on main, so that nothing tells whether it came before or after."""
    pipeline.promoted("staging")
    link = "https://forge.example/pr/77"
    fixed = pipeline.hotfix("prod", repair(pipeline, "hotfix/prod/cart"), linked=link)
    pipeline.commit({RULE: promoted.RULE + "  subsets: []\n"}, "another")
    pipeline.promoted("staging")

    assert pipeline.promote("prod").closed == ()
    assert pipeline.local().get(fixed.pull.number).state == "open"
