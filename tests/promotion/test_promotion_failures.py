"""What must happen when things go wrong: the cases of the failure table, by their numbers."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

import promoted
from meshgate.errors import (
    IntegrityError,
    NothingToPromoteError,
    RefusedError,
    RepositoryError,
    UsageError,
    WaitingError,
)
from meshgate.promotion import names
from meshgate.promotion.forges import Draft, HeadMovedError, Merged
from meshgate.promotion.forges.none import NoForge
from meshgate.promotion.ledger import read_ledger
from meshgate.promotion.line import hold, write
from meshgate.promotion.promote import PromoteOptions, prepare_promotion
from meshgate.promotion.pull_request import propose
from meshgate.promotion.record import record
from meshgate.promotion.records import Event, GateVerdict
from meshgate.promotion.rollback import recorded_bytes
from meshgate.promotion.session import Session
from pipeline import ENVIRONMENTS, Pipeline, mode
from promotion_samples import replace

pytestmark = pytest.mark.sampled(every=3)

RULE = "policies/shop/destinationrule-cart.yaml"


def edited(pipeline: Pipeline, branch: str) -> str:
    """Somebody pushes a commit to a branch; its id."""
    promoted.git(pipeline.work, "fetch", "--quiet", "origin")
    promoted.git(pipeline.work, "switch", "--quiet", "-C", branch, f"origin/{branch}")
    prepared = promoted.commit(
        pipeline.work, {"rendered/staging/extra.yaml": "kind: Pod\n"}, "by hand", day=11
    )
    promoted.git(pipeline.work, "push", "--quiet", "origin", branch)
    promoted.git(pipeline.work, "switch", "--quiet", "main")
    return prepared


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


def test_03_a_branch_without_its_request_is_found(pipeline: Pipeline) -> None:
    first = pipeline.promote("staging")
    pipeline.local().store.file.unlink()
    second = pipeline.promote("staging")

    assert not second.pushed
    assert second.commit == first.commit
    assert second.pull.state == "open"


def test_04_a_branch_edited_by_hand_is_left_alone(pipeline: Pipeline) -> None:
    first = pipeline.promote("staging")
    by_hand = edited(pipeline, first.pull.head)
    for again in (False, True):
        with pytest.raises(RefusedError, match="edited by hand"):
            pipeline.promote("staging", refresh=again)

    pull = pipeline.local().get(first.pull.number)
    assert pull.head_sha == by_hand
    comments = pipeline.local().store.read()["pulls"][0]["comments"]
    assert len(comments) == 1
    assert "edited by hand" in comments[0]["body"]
    with pytest.raises(RefusedError, match="PR03"):
        pipeline.merge(first.pull.number)


def test_05_main_moving_elsewhere_changes_nothing(pipeline: Pipeline) -> None:
    first = pipeline.promote("staging")
    pipeline.commit({"README.md": "hello\n"}, "docs")
    second = pipeline.promote("staging")

    assert (second.commit, second.pushed) == (first.commit, False)
    assert pipeline.merge(first.pull.number).merged.commit == pipeline.main()


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


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_07_every_way_to_merge_gives_the_same_state(pipeline: Pipeline, method: str) -> None:
    opened = pipeline.promoted("staging", method)

    assert pipeline.state("staging") == opened.state
    with pipeline.session() as session:
        tags, degraded = record(session)
    assert not degraded
    assert names.tag("staging", 2) in {tag.name for tag in tags}
    assert pipeline.promote("prod").record.release == opened.record.release


def configured(pipeline: Pipeline, **staging: str) -> None:
    """Staging with more settings of its own."""
    told = "".join(f"    {key}: {value}\n" for key, value in staging.items())
    text = ENVIRONMENTS.replace("    gates: []\n    gatesWaived: a sample\n", told, 1)
    pipeline.commit({"environments.yaml": text + WINDOWS}, "settings")


WINDOWS = """\
gates:
  - {name: hours, type: window, windows: [office]}
windows:
  - {name: office, kind: allow, cron: "0 8 * * *", duration: 4h}
"""


def test_08_a_window_that_closed_meanwhile_is_noticed_by_the_merge(pipeline: Pipeline) -> None:
    configured(pipeline, gates="[hours]")
    opened = pipeline.promote("staging")
    assert opened.record.gates[0].verdict is GateVerdict.PASS
    pipeline.later(hours=5)
    with pytest.raises(WaitingError, match="PR10"):
        pipeline.merge(opened.pull.number)
    pipeline.later(hours=19)
    pipeline.merge(opened.pull.number)


def test_09_an_approval_dies_with_its_commit(pipeline: Pipeline) -> None:
    approvals = "{count: 1, weakening: {teams: [security]}}"
    text = ENVIRONMENTS.replace(
        "approvals: {weakening: {teams: [security]}}", f"approvals: {approvals}"
    )
    pipeline.commit({"environments.yaml": text}, "one approval")
    opened = pipeline.promote("staging")
    pipeline.approve(opened.pull.number, "sam")
    held = pipeline.hold("staging", direct=True)
    assert held.pull.state == "merged"
    resumed = pipeline.resume("staging")
    pipeline.approve(resumed.pull.number, "sam")
    pipeline.merge(resumed.pull.number)
    pipeline.promote("staging", refresh=True)
    with pytest.raises(WaitingError, match="sam approved an earlier commit"):
        pipeline.merge(opened.pull.number)
    pipeline.approve(opened.pull.number, "sam")
    pipeline.merge(opened.pull.number)


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


def test_17_tags_keep_every_source(pipeline: Pipeline) -> None:
    pipeline.promoted("staging")
    with pipeline.session() as session:
        record(session)
        again, degraded = record(session)
    assert (again, degraded) == ([], [])
    tagged = promoted.git(pipeline.hub, "tag", "--list").splitlines()
    state = pipeline.state("staging")
    assert names.release_tag(state.release) in tagged
    source = promoted.git(pipeline.hub, "rev-parse", f"release/{state.release}^{{commit}}")
    assert source == state.source.commit


def test_20_nothing_is_promoted_onto_a_hand_edit(pipeline: Pipeline) -> None:
    file = "rendered/staging/istio-system/peerauthentication-default.yaml"
    pipeline.commit({file: promoted.peer_authentication("DISABLE")}, "by an administrator")
    with pytest.raises(RefusedError, match="rendered/staging was edited"):
        pipeline.promote("staging")


def test_22_a_render_that_lost_much_is_refused(pipeline: Pipeline) -> None:
    pipeline.commit({"policies/shop/kustomization.yaml": "resources: []\n"}, "shop: none")
    with pytest.raises(RefusedError, match="1 resources, and had 2"):
        pipeline.promote("staging")
    with pytest.raises(RefusedError, match="1 resources, and had 2"):
        pipeline.promote("staging", resources=2)

    opened = pipeline.promote("staging", resources=1)
    assert [bypass.gate for bypass in opened.record.bypasses] == ["resources"]
    assert "resources" in pipeline.local().get(opened.pull.number).body


def test_22_an_empty_render_is_refused_whatever_is_said(pipeline: Pipeline) -> None:
    empty = {f"policies/{name}/kustomization.yaml": "resources: []\n" for name in ("shop", "mesh")}
    pipeline.commit(empty, "none at all")
    with pytest.raises(RefusedError, match="0 resources"):
        pipeline.promote("staging", resources=0)


def test_24_a_hotfix_is_owed_until_main_has_it(pipeline: Pipeline) -> None:
    pipeline.promoted("staging")
    pipeline.promoted("prod")
    start = repair(pipeline, "hotfix/prod/cart")
    fixed = pipeline.hotfix("prod", start, linked="https://forge.example/pr/77")

    pending_backport = fixed.state.pending_backport
    assert pending_backport is not None
    assert [fact.pointer for fact in pending_backport.facts] == ["/spec/exportTo/0"]
    assert [bypass.gate for bypass in fixed.record.bypasses] == ["staging"]
    pipeline.merge(fixed.pull.number)
    assert promoted.git(pipeline.hub, "tag", "--list", "release/*")

    pipeline.commit({RULE: promoted.RULE.replace("  host", "  subsets: []\n  host")}, "another")
    pipeline.promoted("staging")
    with pytest.raises(RefusedError, match="PR17"):
        pipeline.promote("prod")
    given_up = pipeline.promote("prod", forgive="the client is gone")
    assert given_up.state.pending_backport is None
    assert given_up.record.acknowledges[0]["finding"].startswith("PR17:DestinationRule/shop/cart")


def test_24_a_debt_ends_with_the_release_that_has_it(pipeline: Pipeline) -> None:
    pipeline.promoted("staging")
    pipeline.promoted("prod")
    start = repair(pipeline, "hotfix/prod/cart")
    fixed = pipeline.hotfix("prod", start, linked="https://forge.example/pr/77")
    pipeline.merge(fixed.pull.number)
    pipeline.commit({RULE: f"{promoted.RULE}  exportTo: [.]\n  subsets: []\n"}, "the repair, too")
    pipeline.promoted("staging")

    assert pipeline.promote("prod").state.pending_backport is None


def test_24_a_second_hotfix_still_owes_what_the_first_set(pipeline: Pipeline) -> None:
    pipeline.promoted("staging")
    pipeline.promoted("prod")
    link = "https://forge.example/pr/77"
    first = pipeline.hotfix("prod", repair(pipeline, "hotfix/prod/cart"), linked=link)
    pipeline.merge(first.pull.number)
    text = f"{promoted.RULE}  exportTo: [.]\n  subsets: []\n"
    second = pipeline.hotfix("prod", repair(pipeline, "hotfix/prod/again", text), linked=link)

    pending = second.state.pending_backport
    assert pending is not None
    assert [fact.pointer for fact in pending.facts] == ["/spec/exportTo/0", "/spec/subsets"]


def repair(pipeline: Pipeline, branch: str, text: str = f"{promoted.RULE}  exportTo: [.]\n") -> str:
    """A branch on prod's source with a small edit, pushed."""
    source = pipeline.state("prod").source.commit
    promoted.git(pipeline.work, "switch", "--quiet", "-c", branch, source)
    promoted.commit(pipeline.work, {RULE: text}, "fix", day=11)
    promoted.git(pipeline.work, "push", "--quiet", "origin", branch)
    promoted.git(pipeline.work, "switch", "--quiet", "main")
    return branch


def test_24_a_hotfix_needs_a_request_to_main(pipeline: Pipeline) -> None:
    start = repair(pipeline, "hotfix/prod/cart")
    with pytest.raises(RefusedError, match="no pull request brings hotfix/prod/cart to main"):
        pipeline.hotfix("prod", start)
    assert not promoted.git(pipeline.hub, "tag", "--list")


def test_24_a_hotfix_starts_from_what_the_environment_has(pipeline: Pipeline) -> None:
    pipeline.promoted("staging")
    pipeline.promoted("prod")
    with pytest.raises(UsageError, match="not made on what prod has"):
        pipeline.hotfix("prod", "main~4", linked="https://forge.example/pr/77")


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


def test_26_a_label_that_fails_is_told_and_tried_again(pipeline: Pipeline) -> None:
    forge = pipeline.local()

    def fail(number: int, labels: Sequence[str]) -> None:  # noqa: ARG001
        raise RepositoryError("the forge has no labels today")

    forge.set_labels = fail  # type: ignore[method-assign] # a fault
    pipeline.forge = forge
    opened = pipeline.promote("staging")
    assert opened.degraded
    assert opened.pull.state == "open"

    pipeline.forge = None
    assert not pipeline.promote("staging").degraded
    assert "env/staging" in pipeline.local().get(opened.pull.number).labels


def test_27_a_push_between_judgement_and_merge_is_not_merged(pipeline: Pipeline) -> None:
    opened = pipeline.promote("staging")
    forge = pipeline.local()
    real = forge.merge

    def late(number: int, *, head_sha: str, method: str, message: str) -> Merged:
        edited(pipeline, opened.pull.head)
        return real(number, head_sha=head_sha, method=method, message=message)

    forge.merge = late  # type: ignore[method-assign] # a fault
    pipeline.forge = forge
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


def test_30_a_tag_that_fails_is_made_by_the_next_run(pipeline: Pipeline) -> None:
    opened = pipeline.promoted("staging")
    hook = pipeline.hub / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    with pipeline.session() as session:
        _, degraded = record(session)
    assert degraded
    hook.unlink()
    with pipeline.session() as session:
        _, degraded = record(session)
    assert not degraded
    tag = names.tag("staging", opened.record.sequence)
    assert promoted.git(pipeline.hub, "tag", "--list", tag) == tag


def test_30_two_runs_may_tag_at_once(pipeline: Pipeline) -> None:
    pipeline.promoted("staging")
    other = pipeline.another("other")
    with other.session() as theirs, pipeline.session() as ours:
        record(theirs)
        promoted.git(pipeline.work, "tag", "--annotate", "-m", "x", "env/staging/0002", "main~0")
        promoted.git(pipeline.work, "tag", "--delete", "env/staging/0002")
        _, degraded = record(ours)
    assert not degraded


def test_a_closed_request_is_not_opened_again_by_itself(pipeline: Pipeline) -> None:
    opened = pipeline.promote("staging")
    pipeline.local("sam").close(opened.pull.number)
    with pytest.raises(NothingToPromoteError, match="closed by a person"):
        pipeline.promote("staging")

    again = pipeline.promote("staging", again=True)
    assert again.pull.number != opened.pull.number
    assert not again.pushed


def test_a_release_without_effect_is_no_promotion(pipeline: Pipeline) -> None:
    pipeline.promoted("staging")
    pipeline.commit({"policies/shop/README.md": "words\n"}, "docs")
    with pytest.raises(NothingToPromoteError, match="changes nothing in staging"):
        pipeline.promote("staging")


def test_a_held_environment_takes_nothing(pipeline: Pipeline) -> None:
    pipeline.hold("staging", direct=True)
    assert pipeline.state("staging").hold is not None
    before = promoted.git(pipeline.hub, "for-each-ref")
    with pytest.raises(WaitingError, match="PR11"):
        pipeline.promote("staging")
    assert promoted.git(pipeline.hub, "for-each-ref") == before


def test_a_direct_hold_loses_a_race_without_harm(pipeline: Pipeline) -> None:
    opened = pipeline.promote("staging")
    with pipeline.session() as session:
        held = hold(session, "staging", reason="incident")
        pipeline.another("faster").merge(opened.pull.number)
        with pytest.raises(RefusedError, match="moved meanwhile"):
            write(session, held, direct=True)
    assert pipeline.state("staging").hold is None


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


def test_a_rollback_that_lost_the_race_is_replaced(pipeline: Pipeline) -> None:
    pipeline.promoted("staging")
    first = pipeline.roll_back("staging", 1)
    held = pipeline.hold("staging")
    pipeline.merge(held.pull.number)
    second = pipeline.roll_back("staging", 1)
    assert second.pull.number != first.pull.number
    assert second.closed == (first.pull.number,)
    assert pipeline.roll_back("staging", 1).closed == ()


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


def test_an_environment_that_floats_is_not_promoted_to(pipeline: Pipeline) -> None:
    with pytest.raises(UsageError, match="floating"):
        pipeline.promote("dev")


def test_a_request_that_is_no_promotion_is_not_merged(pipeline: Pipeline) -> None:
    start = repair(pipeline, "feature")
    pull = pipeline.local().create(Draft(start, "main", "a change", "words"))
    with pytest.raises(RefusedError, match="no promotion"):
        pipeline.merge(pull.number)


def test_a_request_to_another_base_is_not_merged(pipeline: Pipeline) -> None:
    opened = pipeline.promote("staging")
    promoted.git(pipeline.hub, "branch", "release-1", "main")
    pull = pipeline.local().create(Draft(opened.pull.head, "release-1", "a copy", "words"))
    with pytest.raises(RefusedError, match="is to release-1, and promotions are to main"):
        pipeline.merge(pull.number)
    assert pipeline.local().get(pull.number).state == "open"


def test_without_a_forge_the_page_is_written_and_the_branch_pushed(pipeline: Pipeline) -> None:
    pipeline.forge = NoForge(pipeline.work)
    opened = pipeline.promote("staging")
    page = (pipeline.work / "pr.md").read_text()
    assert page.startswith("# promote(staging): ")
    assert "Merging this puts" in page
    assert promoted.git(pipeline.hub, "rev-parse", opened.pull.head) == opened.commit


def test_without_a_remote_the_branch_is_made_here(pipeline: Pipeline) -> None:
    promoted.git(pipeline.work, "remote", "remove", "origin")
    pipeline.forge = NoForge(pipeline.work)
    opened = pipeline.promote("staging")
    assert promoted.git(pipeline.work, "rev-parse", opened.pull.head) == opened.commit
    assert not pipeline.promote("staging").pushed


def test_a_commit_writes_its_three_places_only(pipeline: Pipeline) -> None:
    opened = pipeline.promote("staging")
    changed = promoted.git(
        pipeline.hub, "diff", "--name-only", "main", opened.pull.head
    ).splitlines()
    assert changed == [
        opened.record.path,
        "promotion/state/staging.yaml",
        "rendered/staging/istio-system/peerauthentication-default.yaml",
    ]


def test_a_second_writer_finds_what_the_first_made(pipeline: Pipeline) -> None:
    first = pipeline.promote("staging")
    other = pipeline.another("other")
    second = other.promote("staging")
    assert (second.commit, second.pushed, second.pull.number) == (
        first.commit,
        False,
        first.pull.number,
    )


def test_loosening_needs_the_security_team(pipeline: Pipeline) -> None:
    pipeline.promoted("staging")
    pipeline.commit(mode("PERMISSIVE"), "mesh: less")
    opened = pipeline.promote("staging")
    assert names.LOOSENS in pipeline.local().get(opened.pull.number).labels
    with pytest.raises(WaitingError, match="PR15"):
        pipeline.merge(opened.pull.number)
    pipeline.approve(opened.pull.number)
    pipeline.merge(opened.pull.number)
