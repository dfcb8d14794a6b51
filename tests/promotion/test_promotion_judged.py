"""What a pull request promotes, by the files it changes, and what is said before it is opened."""

from __future__ import annotations

import pytest

from judged import WITHOUT_FORGE, base_of, judged, proposed
from meshgate.promotion import names
from meshgate.promotion.files import ADDED, DELETED, MODIFIED, FileChange
from meshgate.promotion.forges import Draft, PullRequest
from meshgate.promotion.judge import MergeVerdict, changed_files, judge, promoted_environment
from meshgate.repository import Repository
from pipeline import ENVIRONMENTS, Pipeline, mode
from promoted import Promoted, commit, git

pytestmark = pytest.mark.sampled(every=2)

RECORD = "promotion/ledger/prod/0002-promote-r-0.yaml"


@pytest.mark.parametrize(
    ("changes", "environment"),
    [
        ([(RECORD, ADDED)], "prod"),
        # A record that is edited or gone is none that is new; a guard refuses it.
        ([(RECORD, MODIFIED)], None),
        ([(RECORD, DELETED)], None),
        ([("promotion/state/prod.yaml", MODIFIED)], "prod"),
        ([("promotion/state/prod.yaml", ADDED)], "prod"),
        # The record tells it, wherever the states are.
        ([("promotion/state/staging.yaml", MODIFIED), (RECORD, ADDED)], "prod"),
        ([(RECORD, ADDED), ("promotion/state/staging.yaml", MODIFIED)], "prod"),
        ([("promotion/state/prod.yaml", MODIFIED), (RECORD, MODIFIED)], "prod"),
        # Of no environment that is pinned, or of none at all.
        ([("promotion/ledger/dev/0001-adopt-r-0.yaml", ADDED)], None),
        ([("promotion/ledger/other/0001.yaml", ADDED), (RECORD, ADDED)], "prod"),
        ([("promotion/ledger/prod", ADDED)], None),
        ([("promotion/state/dev.yaml", MODIFIED)], None),
        ([("other/promotion/state/prod.yaml", MODIFIED)], None),
        ([(f"x/{RECORD}", ADDED), ("rendered/prod/x.yaml", ADDED)], None),
        ([("prod/x.yaml", ADDED), ("staging/x.yaml", ADDED)], None),
        ([], None),
    ],
)
def test_a_new_record_or_a_changed_state_tells_what_is_promoted(
    promoted_once: Promoted, changes: list[tuple[str, str]], environment: str | None
) -> None:
    with Repository(promoted_once.folder) as repository:
        session = base_of(repository)
        files = [FileChange(path, kind) for path, kind in changes]

        assert promoted_environment(session, files) == environment


def test_what_changed_is_counted_from_where_it_left_the_base(promoted: Promoted) -> None:
    folder = promoted.folder
    git(folder, "switch", "--quiet", "-c", "feature")
    commit(folder, {"a.txt": "1\n", "b.txt": "1\n"}, "two files", day=5)
    git(folder, "switch", "--quiet", "main")
    commit(folder, {"c.txt": "1\n"}, "main goes on", day=5)

    with Repository(folder) as repository:
        session = base_of(repository)
        found = changed_files(session, repository.resolve("feature"))
    assert [(change.path, change.kind) for change in found] == [("a.txt", ADDED), ("b.txt", ADDED)]


def test_a_commit_of_no_common_history_changes_all_that_it_has(promoted: Promoted) -> None:
    folder = promoted.folder
    git(folder, "switch", "--quiet", "--orphan", "alone")
    commit(folder, {"a.txt": "1\n"}, "alone", day=5)

    with Repository(folder) as repository:
        session = base_of(repository)
        found = changed_files(session, repository.resolve("alone"))
    assert [(change.path, change.kind) for change in found] == [("a.txt", ADDED)]


@pytest.mark.parametrize("count", [0, 2])
def test_a_promotion_adds_one_record(promoted: Promoted, count: int) -> None:
    folder = promoted.folder
    base = proposed(folder)
    ledger = folder / "promotion/ledger/prod"
    (record,) = [file for file in ledger.iterdir() if file.name.startswith("0002")]
    if count:
        (ledger / "0003-promote-r-000000000000.yaml").write_bytes(record.read_bytes())
    else:
        record.unlink()
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "edited")

    found = judged(folder, base, "HEAD")

    (refusal,) = found.refusals
    assert (refusal.guard, refusal.message) == ("PR05", f"it adds {count} records, not one")
    assert (found.asked, found.environment, found.candidate) == (("PR05",), "prod", None)
    assert found.verdict is MergeVerdict.REFUSED


def test_a_record_that_cannot_be_read_is_refused_with_the_reason(promoted: Promoted) -> None:
    folder = promoted.folder
    base = proposed(folder)
    ledger = folder / "promotion/ledger/prod"
    (record,) = [file for file in ledger.iterdir() if file.name.startswith("0002")]
    record.write_text("sequence: x\n")
    git(folder, "commit", "--quiet", "--all", "-m", "edited")

    (refusal,) = judged(folder, base, "HEAD").refusals

    assert refusal.guard == "PR05"
    assert refusal.details
    assert WITHOUT_FORGE not in refusal.message


def test_what_only_people_can_say_is_waited_for_before_there_is_a_pull_request(
    pipeline: Pipeline,
) -> None:
    asking = ENVIRONMENTS.replace("approvals: {weakening", "approvals: {count: 1, weakening")
    pipeline.commit({"environments.yaml": asking}, "one approval")
    opened = pipeline.promote("staging")
    waits = {
        refusal.guard: (refusal.message, refusal.waits, refusal.unknown)
        for refusal in opened.prepared.judgement.refusals
    }
    assert waits == {"PR19": ("1 approval of the head commit", True, False)}
    pipeline.approve(opened.pull.number, "sam")
    pipeline.merge(opened.pull.number)

    pipeline.commit(mode("PERMISSIVE"), "mesh: less")
    weaker = pipeline.promote("staging")
    assert {refusal.guard: refusal.message for refusal in weaker.prepared.judgement.refusals} == {
        "PR15": "a port gets weaker: somebody of security must agree",
        "PR19": "1 approval of the head commit",
    }
    assert names.LOOSENS in pipeline.local().get(weaker.pull.number).labels


def test_a_change_of_rules_passes_with_the_word_of_those_who_own_them(pipeline: Pipeline) -> None:
    owned = ENVIRONMENTS.replace(
        "approvals: {weakening", "approvals: {rules: {teams: [security]}, weakening"
    )
    pipeline.commit({"environments.yaml": owned}, "rules have owners")
    git(pipeline.work, "switch", "--quiet", "-c", "feature")
    head = commit(pipeline.work, {"noxfile.py": "# jobs\n"}, "another job", day=11)
    git(pipeline.work, "push", "--quiet", "origin", "feature")
    pull = pipeline.local().create(Draft("feature", "main", "t", "b"))

    def says(asked: PullRequest | None) -> list[str]:
        with pipeline.session() as session:
            return [refusal.message for refusal in judge(session, head, pull=asked).refusals]

    waits = ["1 change of rules: needs approval of security"]
    assert says(pull) == waits
    pipeline.approve(pull.number, "sam")
    assert says(pipeline.local().get(pull.number)) == []
    assert says(None) == waits  # nobody can be asked
