"""`meshgate gate`: open promotions judged again, over a bare repository with a forge in front."""

from __future__ import annotations

import copy
import datetime as dt
import json
import shutil
from pathlib import Path

import jsonschema
import pytest
from msgspec.structs import replace

from judged import CLOCK, NOW, base_of
from meshgate.cli import main
from meshgate.errors import RepositoryError
from meshgate.promotion import names
from meshgate.promotion.environment_state import Event, Hold
from meshgate.promotion.forges import CommitStatus, Draft, PullRequest, StatusState
from meshgate.promotion.forges.local import LocalForge
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

pytestmark = pytest.mark.sampled(every=2)

GATES = """\
    gates: [soaked, office, traffic, flux]
    approvals: {count: 1}
    soak: {promote: 1d}
"""
RULES = """\
gates:
  - {name: soaked, type: soak}
  - {name: office, type: window}
  - {name: traffic, type: evidence, evidence: traffic, reporters: [probe], maxAge: 7d}
  - {name: flux, type: commit-status, context: "flux/{env}", reporters: [flux-bot]}
windows:
  - {name: office, kind: allow, cron: "0 8 * * *", duration: 1h, environments: [prod]}
"""
ALL_GREEN = dict.fromkeys(
    ["scope", "reproducible", "order", "soak", "window", "effects", "evidence", "gate"], "success"
)


class Story:
    """A clone, its bare origin, and an open promotion to prod that waits for nothing."""

    def __init__(self, folder: Path, first: str) -> None:
        self.folder = folder
        self.first = first
        text = (folder / "environments.yaml").read_text()
        head, _, tail = text.rpartition("    gates: []\n    gatesWaived: a sample\n")
        git(folder, "remote", "remove", "origin") if "origin" in git(folder, "remote") else None
        commit(folder, {"environments.yaml": head + GATES + tail + RULES}, "gates", day=4)
        self.tree = git(folder, "rev-parse", "HEAD:rendered/staging")
        self.witness()
        self.base = git(folder, "rev-parse", "HEAD")
        self.origin = folder.parent / "origin.git"
        git(folder.parent, "clone", "--quiet", "--bare", str(folder), str(self.origin))
        git(folder, "remote", "add", "origin", "../origin.git")
        self.forge = self.seen_by("promoter")
        self.seen_by("flux-bot").set_status(
            self.base, CommitStatus("flux/staging", StatusState.SUCCESS)
        )
        self.pull = self.propose()

    def copied(self, target: Path) -> Story:
        """The same in another folder."""
        story = copy.copy(self)
        story.folder, story.origin = target / self.folder.name, target / self.origin.name
        shutil.copytree(self.folder, story.folder, symlinks=True)
        shutil.copytree(self.origin, story.origin, symlinks=True)
        story.forge = story.seen_by("promoter")
        story.pull = story.forge.get(self.pull.number)
        return story

    def seen_by(self, login: str) -> LocalForge:
        return LocalForge(self.origin, login, now=lambda: NOW, teams={"security": ["sec"]})

    def witness(self, result: str = "pass") -> None:
        value = {
            "version": 1,
            "type": "traffic",
            "env": "staging",
            "cluster": "eu",
            "subjectTree": self.tree,
            "observedAt": (NOW - dt.timedelta(hours=2)).isoformat(),
            "result": result,
        }
        path = "promotion/evidence/staging/probe/one.json"
        commit(self.folder, {path: json.dumps(value)}, "evidence", day=6)

    def propose(self) -> PullRequest:
        record = promote(self.folder, "prod", day=6).record
        branch = names.branch(record)
        git(self.folder, "branch", "--quiet", branch)
        git(self.folder, "reset", "--quiet", "--hard", self.base)
        git(self.folder, "push", "--quiet", "origin", branch)
        return self.forge.create(Draft(branch, "main", "t", "b", names.labels(record)))

    def push_main(self) -> None:
        """Main is what the working tree has committed."""
        git(self.folder, "push", "--quiet", "origin", "HEAD:main")

    def approve(self) -> None:
        self.seen_by("ruth").review(self.pull.number)

    def run(
        self, clock: Clock = CLOCK, expected: ExpectedChecks | None = None
    ) -> PostedJudgement | FailedJudgement:
        with Repository(self.folder) as repository:
            git(self.folder, "fetch", "--quiet", "origin")
            base = base_of(
                repository, "origin/main", clock=clock, forge=self.forge, without_forge=""
            )
            (pull,) = self.forge.list_open("main", "promote/")
            return gate(base, pull, expected or ExpectedChecks())

    def gated(
        self, clock: Clock = CLOCK, expected: ExpectedChecks | None = None
    ) -> PostedJudgement:
        found = self.run(clock, expected)
        assert isinstance(found, PostedJudgement)
        return found

    def statuses(self) -> dict[str, str]:
        sha = self.forge.get(self.pull.number).head_sha
        return {
            status.context.removeprefix("promotion/"): str(status.state)
            for status in self.forge.get_statuses(sha)
        }

    def description(self, context: str) -> str:
        sha = self.forge.get(self.pull.number).head_sha
        return next(
            status.description
            for status in self.forge.get_statuses(sha)
            if status.context == f"promotion/{context}"
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


def test_evidence_is_added_and_read_again(
    promoted: Promoted, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = promoted.folder
    arguments = ["evidence", "add", "staging", "--type", "traffic", "--cluster", "eu"]
    more = ["--result", "pass", "--observed-at", "2026-07-06T10:00:00+02:00", "-C", str(folder)]

    assert main([*arguments, *more, "--reporter", "probe", "--number", "plaintext=0"]) == 0

    path = "promotion/evidence/staging/probe/20260706T080000Z-traffic-eu.json"
    assert path in capsys.readouterr().out
    commit(folder, {}, "evidence", day=6)
    with Repository(folder) as repository:
        (one,) = base_of(repository).evidence("staging")
    assert (one.reporter, one.cluster, one.passed) == ("probe", "eu", True)
    assert one.tree == git(folder, "rev-parse", "HEAD:rendered/staging")
    assert main([*arguments, *more]) == 2  # whose word is it?


def test_evidence_of_an_artifact_is_the_callers_word(promoted: Promoted, tmp_path: Path) -> None:
    folder = promoted.folder
    out = tmp_path / "out"
    arguments = ["evidence", "add", "dev", "--type", "traffic", "--cluster", "dev"]

    assert main([*arguments, "--result", "pass", "--output", str(out), "-C", str(folder)]) == 0

    (file,) = out.iterdir()
    value = json.loads(file.read_text())
    assert value["release"].startswith("r-")  # a floating environment has no tree
    check = ["check", "--base", "main", "-C", str(folder), "--evidence"]
    assert main([*check, f"probe={out}"]) == 0
    assert main([*check, str(out)]) == 2
    file.write_text("{}")
    assert main([*check, f"probe={out}"]) == 2


def test_evidence_in_another_environments_folder_is_refused(promoted: Promoted) -> None:
    folder = promoted.folder
    value = {
        "version": 1,
        "type": "t",
        "env": "prod",
        "cluster": "eu",
        "subjectTree": "a" * 40,
        "observedAt": NOW.isoformat(),
        "result": "pass",
    }
    promote(folder, "prod", day=5)
    git(folder, "switch", "-qc", "promotion")
    git(folder, "switch", "-q", "main")
    git(folder, "reset", "-q", "--hard", "HEAD~1")
    commit(folder, {"promotion/evidence/staging/probe/x.json": json.dumps(value)}, "x", day=5)

    assert main(["check", "--base", "main", "-C", str(folder)]) == 0  # nobody asks yet
    assert main(["check", "--base", "main", "--head", "promotion", "-C", str(folder)]) == 2
