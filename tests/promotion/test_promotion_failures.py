"""What must happen when things go wrong: the cases of the failure table, by their numbers."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

import promoted
from meshgate.errors import (
    NothingToPromoteError,
    RefusedError,
    RepositoryError,
    UsageError,
    WaitingError,
)
from meshgate.promotion import names
from meshgate.promotion.forges import Draft
from meshgate.promotion.forges.none import NoForge
from meshgate.promotion.record import record
from meshgate.promotion.records import GateVerdict
from pipeline import ENVIRONMENTS, Pipeline, mode
from pushed import edited, repair

pytestmark = pytest.mark.sampled(every=3)


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


@pytest.mark.decisive
def test_22_a_render_that_lost_much_is_refused(pipeline: Pipeline) -> None:
    pipeline.commit({"policies/shop/kustomization.yaml": "resources: []\n"}, "shop: none")
    with pytest.raises(RefusedError, match="1 resource, and had 2"):
        pipeline.promote("staging")
    with pytest.raises(RefusedError, match="1 resource, and had 2"):
        pipeline.promote("staging", resources=2)

    opened = pipeline.promote("staging", resources=1)
    assert [bypass.gate for bypass in opened.record.bypasses] == ["resources"]
    assert "resources" in pipeline.local().get(opened.pull.number).body


def test_22_an_empty_render_is_refused_whatever_is_said(pipeline: Pipeline) -> None:
    empty = {f"policies/{name}/kustomization.yaml": "resources: []\n" for name in ("shop", "mesh")}
    pipeline.commit(empty, "none at all")
    with pytest.raises(RefusedError, match="0 resources"):
        pipeline.promote("staging", resources=0)


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


def test_loosening_needs_the_security_team(pipeline: Pipeline) -> None:
    pipeline.promoted("staging")
    pipeline.commit(mode("PERMISSIVE"), "mesh: less")
    opened = pipeline.promote("staging")
    assert names.LOOSENS in pipeline.local().get(opened.pull.number).labels
    with pytest.raises(WaitingError, match="PR15"):
        pipeline.merge(opened.pull.number)
    pipeline.approve(opened.pull.number)
    pipeline.merge(opened.pull.number)
