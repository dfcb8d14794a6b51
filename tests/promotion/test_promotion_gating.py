"""`meshgate gate`: open promotions judged again, over a bare repository with a forge in front."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path

import jsonschema
import pytest
from msgspec.structs import replace

from gated_request import Story
from judged import CLOCK, NOW, base_of
from meshgate.cli import main
from meshgate.errors import RepositoryError
from meshgate.promotion import names
from meshgate.promotion.environment_state import Event, Hold
from meshgate.promotion.forges import CommitStatus, Draft, StatusState
from meshgate.promotion.judge import MergeVerdict
from meshgate.promotion.session import Clock
from meshgate.promotion.statuses import (
    ExpectedCheck,
    ExpectedChecks,
    FailedJudgement,
    PostedJudgement,
    gate,
)
from meshgate.promotion.transition import RecordDraft, advance
from meshgate.repository import Repository, commit_files
from places import REPOSITORY
from promoted import Promoted, commit, current, git, owned, promote

ALL_GREEN = dict.fromkeys(
    ["scope", "reproducible", "order", "soak", "window", "effects", "evidence", "gate"], "success"
)


@pytest.fixture(scope="session")
def story_once(promoted_once: Promoted, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """The shared one: never change it."""
    folder = tmp_path_factory.mktemp("story") / "repository"
    shutil.copytree(promoted_once.folder, folder, symlinks=True)
    return Story(folder, promoted_once.first)


@pytest.fixture
def story(story_once: Story, tmp_path: Path) -> Story:
    return story_once.copied(tmp_path)


def test_all_is_green_when_nothing_is_waited_for(story: Story) -> None:
    story.approve()

    found = story.gated()

    assert found.judgement.refusals == ()
    assert story.statuses() == ALL_GREEN
    assert story.description("soak") == "staging: stayed 2d of 1d"
    assert story.description("window") == "open by 'office'; closes 2026-07-07 09:00 UTC"


def test_an_approval_is_waited_for_and_counts_for_its_commit_only(story: Story) -> None:
    """#9 of the failure cases: approval given, then a push."""
    assert story.gated().judgement.verdict is MergeVerdict.WAITING
    assert story.statuses() == ALL_GREEN | {"gate": "pending"}
    assert story.description("gate") == "PR19 0 of 1 approvals of the head commit"

    story.approve()
    assert story.gated().judgement.verdict is MergeVerdict.PASS

    git(story.folder, "switch", "--quiet", story.pull.head)
    commit(story.folder, {}, "an empty push", day=6)
    git(story.folder, "push", "--quiet", "origin", story.pull.head)
    git(story.folder, "switch", "--quiet", "main")

    assert story.gated().judgement.verdict is MergeVerdict.WAITING
    assert story.statuses()["gate"] == "pending"


def test_a_window_that_closes_turns_green_to_pending(story: Story) -> None:
    """#8 of the failure cases."""
    story.approve()
    story.gated()

    story.gated(Clock(NOW + dt.timedelta(hours=1), CLOCK.today))

    assert story.statuses() == ALL_GREEN | {"window": "pending", "gate": "pending"}
    assert "opens 2026-07-08 08:00 UTC" in story.description("window")


def test_the_same_is_not_posted_twice(story: Story) -> None:
    story.gated()
    before = story.forge.store.read()

    story.gated()

    assert story.forge.store.read() == before


def test_evidence_that_fails_closes_the_gate(story: Story) -> None:
    story.approve()
    story.witness("fail")
    story.push_main()

    assert story.gated().judgement.verdict is MergeVerdict.REFUSED
    assert story.statuses() == ALL_GREEN | {"evidence": "failure", "gate": "failure"}


def test_a_status_on_a_later_commit_with_the_same_tree_counts(story: Story) -> None:
    """#11 of the failure cases: Flux skips what changes nothing for it."""
    story.approve()
    story.seen_by("flux-bot").set_status(
        story.base, CommitStatus("flux/staging", StatusState.FAILURE)
    )
    assert story.gated().judgement.verdict is MergeVerdict.REFUSED

    later = commit(story.folder, {"README.md": "x\n"}, "unrelated", day=6)
    story.push_main()
    with_time = story.seen_by("flux-bot")
    with_time.now = lambda: NOW + dt.timedelta(minutes=1)
    with_time.set_status(later, CommitStatus("flux/staging", StatusState.SUCCESS))

    assert story.gated().judgement.verdict is MergeVerdict.PASS


def test_a_hold_is_seen_at_once(story: Story) -> None:
    story.approve()
    with Repository(story.folder) as repository:
        files = owned(repository, "main")
        hold = RecordDraft("prod", Event.HOLD, NOW, hold=Hold(NOW, "ops", "an incident"))
        held = advance(current(files, "prod"), files, hold)
        prepared = commit_files(repository, story.base, held.files, "hold\n", when=NOW)
    git(story.folder, "reset", "--quiet", "--hard", prepared)
    story.push_main()

    found = story.gated()

    assert {"PR04", "PR11"} <= {refusal.guard for refusal in found.judgement.refusals}
    assert story.statuses()["order"] == "failure"
    assert story.statuses()["gate"] == "failure"


def test_another_pull_request_gets_the_one_status_that_may_be_required(story: Story) -> None:
    for branch, path, state in [
        ("docs", "README.md", "success"),
        ("sneaky", "rendered/prod/shop/x.yaml", "failure"),
    ]:
        git(story.folder, "switch", "--quiet", "-c", branch, story.base)
        commit(story.folder, {path: "a: b\n"}, branch, day=6)
        git(story.folder, "push", "--quiet", "origin", branch)
        pull = story.forge.create(Draft(branch, "main", "t", "b"))
        with Repository(story.folder) as repository:
            base = base_of(repository, story.base, forge=story.forge, without_forge="")
            assert isinstance(gate(base, pull, ExpectedChecks()), PostedJudgement)

        (status,) = story.forge.get_statuses(pull.head_sha)
        assert (status.context, str(status.state)) == ("promotion/gate", state)


def test_a_release_rejected_meanwhile_closes_the_promotion(story: Story) -> None:
    """#16 of the failure cases: staging was rolled back after the pull request was opened."""
    promote(
        story.folder,
        "staging",
        event=Event.ROLLBACK,
        source=story.first,
        day=6,
        hold=Hold(NOW, "ops", "errors"),
    )
    story.push_main()

    found = story.gated()

    assert {"PR06", "PR11"} <= {refusal.guard for refusal in found.judgement.refusals}
    assert found.closed
    pull = story.forge.get(story.pull.number)
    assert pull.state == "closed"
    assert names.SUPERSEDED in pull.labels


def test_labels_that_got_lost_are_set_again(story: Story) -> None:
    """#26 of the failure cases."""
    with story.forge.store.changed() as book:
        book["pulls"][0]["labels"] = ["mine"]

    story.gated()

    assert set(story.forge.get(story.pull.number).labels) == {
        "mine",
        "promotion",
        "env/prod",
        "event/promote",
    }


def test_a_forge_that_refuses_labels_and_statuses_is_told(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RepositoryError("the forge refuses", why="rate limit")

    monkeypatch.setattr(story.forge, "set_status", refuse)

    found = story.gated()

    assert len(found.degraded) == len(ALL_GREEN)
    assert found.degraded[0] == "the status promotion/scope: rate limit"


def test_an_armed_auto_merge_is_a_failure(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """#10 of the failure cases."""
    story.approve()
    plain = story.forge.list_open
    monkeypatch.setattr(
        story.forge,
        "list_open",
        lambda *a: [replace(pull, auto_merge=True) for pull in plain(*a)],
    )

    assert story.gated().judgement.verdict is MergeVerdict.REFUSED
    assert story.statuses()["gate"] == "failure"
    assert story.description("gate") == "PR19 the forge's auto-merge is armed"


def test_a_check_that_never_starts_is_told_with_the_reason(story: Story) -> None:
    """#28 of the failure cases."""
    story.approve()
    expected = ExpectedChecks((ExpectedCheck("promotion-check"),), dt.timedelta(minutes=10))

    (refusal,) = story.gated(expected=expected).judgement.refusals
    assert refusal.message == "the check promotion-check has not started yet"  # just pushed

    late = Clock(NOW + dt.timedelta(minutes=11), CLOCK.today)
    (refusal,) = story.gated(late, expected).judgement.refusals
    assert refusal.message == "the check promotion-check has not started for 11m"
    assert "GITHUB_TOKEN" in refusal.hint
    assert story.statuses()["evidence"] == "pending"


@pytest.mark.parametrize(
    ("by", "state", "message"),
    [
        ("ci", StatusState.PENDING, "is not done"),
        ("ci", StatusState.FAILURE, "failed"),
        ("mallory", StatusState.SUCCESS, "is told by mallory, and only ci's word counts"),
        ("ci", StatusState.SUCCESS, None),
    ],
)
def test_a_check_is_believed_by_its_state_and_its_reporter(
    story: Story, by: str, state: StatusState, message: str | None
) -> None:
    story.approve()
    expected = ExpectedChecks((ExpectedCheck("promotion-check", "ci"),))
    sha = story.forge.get(story.pull.number).head_sha
    story.seen_by(by).set_status(sha, CommitStatus("promotion-check", state))
    found = [refusal.message for refusal in story.gated(expected=expected).judgement.refusals]
    assert found == ([] if message is None else [f"the check promotion-check {message}"])


def test_a_head_that_git_does_not_have_is_not_passed(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = story.forge.list_open
    monkeypatch.setattr(
        story.forge,
        "list_open",
        lambda *a: [replace(p, head_sha="f" * 40) for p in plain(*a)],
    )

    found = story.run()

    assert isinstance(found, FailedJudgement)
    (status,) = story.forge.get_statuses("f" * 40)
    assert (status.context, status.state) == ("promotion/gate", StatusState.FAILURE)


def test_the_command(
    story: Story, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MESHGATE_FORGE_URL", str(story.origin))
    arguments = ["gate", "--all", "--forge", "local", "-C", str(story.folder)]

    # By the clock of the machine: the evidence is old, and nobody approved.
    assert main([*arguments, "--format", "json"]) == 10
    captured = capsys.readouterr()
    value = json.loads(captured.out)
    schema = json.loads((REPOSITORY / "schemas/meshgate/check.schema.json").read_text())
    jsonschema.validate(value, schema)
    (one,) = value["judged"]
    assert one["verdict"] == "waiting"
    assert one["pullRequest"]["number"] == story.pull.number
    assert {gate["name"]: gate["verdict"] for gate in one["gates"]}["soaked"] == "pass"

    assert main([*arguments]) == 10
    output = capsys.readouterr().out
    assert f"#{story.pull.number} promote(prod): 2026-07-04.1" in output
    assert "It waits: " in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gate", "--forge", "none"], "name pull requests, or ask for --all"),
        (["gate", "--all", "--forge", "none"], "holds no pull requests"),
        (["gate", "1", "--all", "--forge", "none"], "name pull requests, or ask for --all"),
        (["gate", "--all", "--forge", "none", "--expect-within", "soon"], "no pull requests"),
    ],
)
def test_what_cannot_be_gated(
    promoted_once: Promoted,
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*arguments, "-C", str(promoted_once.folder)]) == 2
    assert message in capsys.readouterr().err
