"""`meshgate check` on real commits: what may be merged, and every way in that is none."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from judged import NOW, base_of, judged, proposed
from meshgate.cli import main
from meshgate.promotion import judge as judge_module
from meshgate.promotion.environment_state import Event
from meshgate.promotion.files import FileChange
from meshgate.promotion.judge import HeadJudgement, MergeVerdict, changed_files
from meshgate.promotion.release import Releases
from meshgate.promotion.transition import RecordDraft, advance
from meshgate.repository import Repository, commit_files, merge_bases
from places import REPOSITORY
from promoted import (
    FILES,
    RULE,
    TOOLCHAIN,
    Promoted,
    commit,
    current,
    git,
    owned,
    peer_authentication,
    promote,
)

pytestmark = pytest.mark.sampled(every=3)

PA = "rendered/prod/istio-system/peerauthentication-default.yaml"
STATE = "promotion/state/prod.yaml"
MESH = "policies/mesh/peerauthentication-default.yaml"
RULE_FILE = "policies/shop/destinationrule-cart.yaml"


def guards(found: HeadJudgement) -> set[str]:
    return {refusal.guard for refusal in found.refusals}


def amend(folder: Path, files: dict[str, str]) -> None:
    """Change the promotion's commit by hand."""
    commit(folder, files, "edited", day=5)


def test_a_promotion_passes(promoted: Promoted, capsys: pytest.CaptureFixture[str]) -> None:
    base = proposed(promoted.folder)

    code = main(["check", "--base", base, "-C", str(promoted.folder)])

    output = capsys.readouterr().out
    assert code == 0, output
    assert "promote(prod): 2026-07-04.1 (r-" in output
    assert "It may be merged: 19 guards asked, none refuses." in output


@pytest.mark.parametrize("style", ["merge", "squash", "rebase"])
def test_how_it_was_merged_does_not_matter(promoted: Promoted, style: str) -> None:
    """#7 of the failure cases: main as a merge queue would leave it."""
    folder = promoted.folder
    base = proposed(folder)
    head = git(folder, "rev-parse", "HEAD")
    git(folder, "reset", "--quiet", "--hard", base)
    # Unrelated changes came in between: #5.
    now = commit(folder, {"README.md": "hello\n"}, "readme", day=5)
    if style == "merge":
        git(folder, "merge", "--quiet", "--no-ff", "-m", "merged", head, day=6)
    elif style == "squash":
        git(folder, "merge", "--squash", head, day=6)
        git(folder, "commit", "--quiet", "-m", "squashed", day=6)
    else:
        git(folder, "cherry-pick", head, day=6)

    found = judged(folder, now, "HEAD")

    assert (found.verdict, found.refusals) == (MergeVerdict.PASS, ())
    assert judged(folder, now, head).verdict is MergeVerdict.PASS


BY_HAND: dict[str, tuple[dict[str, str], str]] = {
    "rendered file": ({PA: peer_authentication("PERMISSIVE")}, "PR03"),
    "foreign file": ({"rendered/prod/shop/extra.yaml": peer_authentication("DISABLE")}, "PR03"),
    "state": ({STATE: "digest: x\n"}, "PR04"),
    "other environment": ({"rendered/staging/x.yaml": "a: b\n"}, "PR01"),
    "rules": ({"environments.yaml": "environments: []\n"}, "PR20"),
    "workflow": ({".github/workflows/check.yml": "on: push\n"}, "PR01"),
    "ledger": ({"promotion/ledger/prod/0003-promote-r-000000000000.yaml": "a: b\n"}, "PR05"),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_a_promotion_that_was_edited_is_refused(promoted: Promoted, name: str) -> None:
    """#4 of the failure cases."""
    files, guard = BY_HAND[name]
    base = proposed(promoted.folder)
    amend(promoted.folder, files)

    found = judged(promoted.folder, base, "HEAD")

    assert found.verdict is MergeVerdict.REFUSED
    assert guard in guards(found)


def test_a_link_in_place_of_a_file_is_refused(promoted: Promoted) -> None:
    base = proposed(promoted.folder)
    file = promoted.folder / PA
    file.unlink()
    file.symlink_to("/etc/passwd")
    git(promoted.folder, "add", "--all")
    git(promoted.folder, "commit", "--quiet", "-m", "link")

    assert {"PR01", "PR03"} <= guards(judged(promoted.folder, base, "HEAD"))


def test_a_stale_promotion_is_refused(promoted: Promoted) -> None:
    """#6 of the failure cases: another change of the same environment came first."""
    folder = promoted.folder
    base = proposed(folder)
    stale = git(folder, "rev-parse", "HEAD")
    git(folder, "reset", "--quiet", "--hard", base)
    promote(folder, "prod", source=promoted.first, day=6)

    assert {"PR04", "PR05"} <= guards(judged(folder, "HEAD", stale))


def test_out_of_order_and_backwards(promoted: Promoted) -> None:
    folder = promoted.folder
    commit(folder, {MESH: "# new\n" + peer_authentication("STRICT")}, "a comment", day=5)
    skipped = proposed(folder, day=6)
    # The text differs, the render does not: it would change nothing in staging.
    assert judged(folder, skipped, "HEAD").verdict is MergeVerdict.PASS

    git(folder, "reset", "--quiet", "--hard", skipped)
    commit(folder, {RULE_FILE: RULE.replace("ISTIO_MUTUAL", "ISTIO_MUTUAL, sni: cart")}, "d", day=6)
    unseen = proposed(folder, day=6)
    assert "PR06" in guards(judged(folder, unseen, "HEAD"))

    git(folder, "reset", "--quiet", "--hard", skipped)
    proposed(folder, day=6)
    back = proposed(folder, day=6, source=promoted.first)
    assert "PR07" in guards(judged(folder, back, "HEAD"))


def test_a_hotfix_from_a_branch_needs_its_skipped_environments_named(promoted: Promoted) -> None:
    folder = promoted.folder
    base = git(folder, "rev-parse", "HEAD")
    git(folder, "switch", "--quiet", "-c", "hotfix", promoted.first)
    fix = commit(
        folder,
        {
            "policies/mesh/peerauthentication-default.yaml": peer_authentication("STRICT")
            + "# fix\n"
        },
        "fix",
        day=5,
    )
    git(folder, "switch", "--quiet", "main")
    promote(folder, "prod", event=Event.HOTFIX, source=fix, day=5, pending_backport=None)

    found = guards(judged(folder, base, "HEAD"))

    assert "PR07" not in found  # a hotfix is not on main yet
    assert "PR17" in found  # and says what it owes


def test_a_hand_edit_that_was_merged_blocks_the_next_promotion(promoted: Promoted) -> None:
    """#20 of the failure cases."""
    folder = promoted.folder
    commit(folder, {PA: peer_authentication("DISABLE")}, "hotfix by hand", day=5)
    base = proposed(folder)

    (refusal,) = [r for r in judged(folder, base, "HEAD").refusals if r.guard == "PR03"]

    assert refusal.message.startswith("rendered/prod was edited since record")
    assert "adopt" in refusal.hint


def test_an_empty_render_is_refused(promoted: Promoted) -> None:
    """#22 of the failure cases."""
    base = proposed(promoted.folder)
    shutil.rmtree(promoted.folder / "rendered/prod")
    git(promoted.folder, "add", "--all")
    git(promoted.folder, "commit", "--quiet", "-m", "empty")

    messages = [r.message for r in judged(promoted.folder, base, "HEAD").refusals]

    assert "rendered/prod is empty" in messages


def test_a_source_that_is_gone_is_refused(promoted: Promoted) -> None:
    """#17 of the failure cases."""
    folder = promoted.folder
    base = git(folder, "rev-parse", "HEAD")
    git(folder, "switch", "--quiet", "-c", "elsewhere")
    lost = commit(folder, {MESH: "# lost\n" + peer_authentication("STRICT")}, "lost", day=5)
    git(folder, "switch", "--quiet", "main")
    promote(folder, "prod", source=lost, day=5)
    clone = folder.parent / "clone"
    git(folder.parent, "clone", "--quiet", "--no-local", "--single-branch", str(folder), str(clone))

    found = judged(clone, base, "HEAD")

    assert {"PR03", "PR07"} <= guards(found)
    assert found.candidate is not None
    assert any(lost in reason for reason in found.candidate.reasons)


def test_another_renderer_is_refused(promoted: Promoted) -> None:
    """#18 of the failure cases: the toolchain is part of the release."""
    folder = promoted.folder
    upgraded = TOOLCHAIN.replace("5.8.1", "5.0.0")
    base = commit(folder, {"promotion/toolchain.yaml": upgraded}, "another kustomize", day=5)
    with Repository(folder) as repository:
        files = owned(repository, base)
        state = current(files, "prod")
        release = Releases(repository, base).newest()
        own = {path: data for path, data in files.items() if path.startswith("rendered/prod/")}
        bytes_ = {**own, PA: peer_authentication("STRICT").encode()}
        proposal = RecordDraft("prod", Event.PROMOTE, NOW, release, bytes_, "overlays/prod")
        head = commit_files(repository, base, advance(state, files, proposal).files, "p\n")

    assert main(["check", "--base", base, "--head", head, "-C", str(folder)]) == 4


def test_an_environment_that_is_inserted_or_removed(promoted: Promoted) -> None:
    """#21 of the failure cases: the order is computed from files, so that nothing is stuck."""
    folder = promoted.folder
    text = (folder / "environments.yaml").read_text()
    extra = text.partition("  - name: prod\n")[0].replace("staging", "qa").partition("  - name: qa")
    inserted = text.replace("after: [staging]", "after: [qa]") + extra[1] + extra[2]
    overlay = {"overlays/qa/kustomization.yaml": FILES["overlays/prod/kustomization.yaml"]}
    commit(folder, {"environments.yaml": inserted, **overlay}, "insert qa", day=5)
    base = proposed(folder, source=promoted.second, day=6)
    (refusal,) = [r for r in judged(folder, base, "HEAD").refusals if r.guard == "PR06"]
    assert refusal.message.endswith("has never been in qa")

    git(folder, "reset", "--quiet", "--hard", base)
    removed = text.replace("    after: [staging]\n", "")
    commit(folder, {"environments.yaml": removed}, "remove the order", day=6)
    base = proposed(folder, source=promoted.second, day=6)
    # Nobody who owns the rules agreed to that.
    (refusal,) = judged(folder, base, "HEAD").refusals
    assert (refusal.guard, refusal.waits) == ("PR23", True)
    assert any(detail.startswith("PR06 ") for detail in refusal.details)


def test_a_namespace_that_is_not_in_the_target_is_told(promoted: Promoted) -> None:
    """#23 of the failure cases: judged against inventory/<env>."""
    folder = promoted.folder
    elsewhere = peer_authentication("STRICT").replace("istio-system", "ghost")
    files = {
        "policies/mesh/peerauthentication-ghost.yaml": elsewhere,
        "policies/mesh/kustomization.yaml": "resources: [peerauthentication-default.yaml, "
        "peerauthentication-ghost.yaml]\n",
    }
    commit(folder, files, "ghost", day=4)
    promote(folder, "staging", day=5)
    base = proposed(folder, day=6)

    found = judged(folder, base, "HEAD")

    assert found.verdict is MergeVerdict.REFUSED
    assert guards(found) & {"PR12", "PR13"}


def strays(folder: Path, files: dict[str, str]) -> HeadJudgement:
    base = git(folder, "rev-parse", "HEAD")
    git(folder, "switch", "--quiet", "-c", "feature")
    commit(folder, files, "a feature", day=5)
    return judged(folder, base, "HEAD")


@pytest.mark.parametrize(
    "path",
    [PA, "rendered/x", "rendered/dev/y.yaml", "promotion/ledger/prod/0001-x.yaml"],
)
def test_another_pull_request_leaves_alone_what_promotion_writes(
    promoted: Promoted, path: str
) -> None:
    found = strays(promoted.folder, {path: "a: b\n", "README.md": "x\n"})

    assert guards(found) == {"PR02"} or found.environment == "prod"
    assert found.verdict is MergeVerdict.REFUSED


@pytest.mark.parametrize(
    "files",
    [{"policies/mesh/x.yaml": "a: b\n"}, {"promotion/evidence/prod/probe/x.json": "{}\n"}],
)
def test_another_pull_request_passes(promoted: Promoted, files: dict[str, str]) -> None:
    assert strays(promoted.folder, files).verdict is MergeVerdict.PASS


@pytest.mark.decisive
@pytest.mark.parametrize("order", [list, reversed])
def test_branches_that_were_merged_into_each_other_hide_nothing(
    promoted: Promoted, monkeypatch: pytest.MonkeyPatch, order: Callable[[list[str]], list[str]]
) -> None:
    """With two merge bases, a merge may bring back what one of them had."""
    folder = promoted.folder
    old = git(folder, "rev-parse", "HEAD")
    git(folder, "branch", "--quiet", "feature")
    proposed(folder)
    moved = git(folder, "rev-parse", "HEAD")
    git(folder, "switch", "--quiet", "feature")
    side = commit(folder, {"README.md": "a feature\n"}, "feature", day=5)
    # Each takes the other in; the feature keeps prod as it was before its promotion.
    git(folder, "merge", "--quiet", "--no-ff", "-s", "ours", "-m", "take main", moved, day=6)
    git(folder, "switch", "--quiet", "main")
    git(folder, "merge", "--quiet", "--no-ff", "-m", "take the feature", side, day=6)
    assert git(folder, "diff", "--name-only", old, "feature") == "README.md"

    assert len(git(folder, "merge-base", "--all", "main", "feature").split()) == 2

    # Git names both of them, in no order that counts.
    monkeypatch.setattr(
        judge_module, "merge_bases", lambda *which: list(order(merge_bases(*which)))
    )
    found = judged(folder, "main", "feature")

    assert "promotion/state/prod.yaml" in {change.path for change in found_changes(folder)}
    assert found.verdict is MergeVerdict.REFUSED


def found_changes(folder: Path) -> tuple[FileChange, ...]:
    with Repository(folder) as repository:
        return changed_files(base_of(repository), repository.resolve("feature"))


def test_rules_that_nothing_could_be_promoted_by_are_told(
    promoted: Promoted, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = promoted.folder
    text = (folder / "environments.yaml").read_text()
    strays(folder, {"environments.yaml": text.replace("    gatesWaived: a sample\n", "")})

    code = main(["check", "--base", "main", "-C", str(folder)])

    assert code == 2
    assert "staging: a pinned environment names its `gates`" in capsys.readouterr().err


def test_rules_come_from_the_base(promoted: Promoted) -> None:
    """The head waives its own findings: nobody listens."""
    folder = promoted.folder
    base = proposed(folder)
    amend(folder, {"waivers/prod.yaml": "waivers: []\n"})

    assert {"PR01", "PR20"} <= guards(judged(folder, base, "HEAD"))


def break_base(folder: Path) -> None:
    text = (folder / STATE).read_text()
    commit(folder, {STATE: text.replace("alias: ", "alias: X")}, "edited", day=5)


@pytest.mark.parametrize(
    ("change", "code"),
    [(lambda _: None, 0), (break_base, 11)],
    ids=["whole", "broken"],
)
def test_a_broken_base_ends_with_11(
    promoted: Promoted, change: Callable[[Path], None], code: int
) -> None:
    folder = promoted.folder
    proposed(folder)
    head = git(folder, "rev-parse", "HEAD")
    git(folder, "reset", "--quiet", "--hard", "HEAD~1")
    change(folder)

    assert main(["check", "--base", "main", "--head", head, "-C", str(folder)]) == code


def test_every_format(promoted: Promoted, capsys: pytest.CaptureFixture[str]) -> None:
    folder = promoted.folder
    base = proposed(folder)
    amend(folder, {PA: "a: <script>alert(1)</script>\n"})
    arguments = ["check", "--base", base, "-C", str(folder), "--format"]
    schema = json.loads((REPOSITORY / "schemas/meshgate/check.schema.json").read_text())

    assert main([*arguments, "json"]) == 8
    value = json.loads(capsys.readouterr().out)
    jsonschema.validate(value, schema)
    (one,) = value["judged"]
    assert (one["verdict"], one["environment"], one["event"]) == ("refused", "prod", "promote")
    assert {"PR03"} <= {refusal["guard"] for refusal in one["refusals"]}
    assert main([*arguments, "text"]) == 8
    assert "PR03 not-reproducible: 1 file of rendered/prod differs" in capsys.readouterr().out
    assert main([*arguments, "github"]) == 8
    assert "::error title=PR03 not-reproducible::" in capsys.readouterr().out
    assert main([*arguments, "markdown"]) == 8
    assert "- **PR03** not-reproducible (refused): " in capsys.readouterr().out


def test_the_base_is_judged_at_the_commit_that_is_named(promoted: Promoted) -> None:
    with Repository(promoted.folder) as repository:
        base = base_of(repository)

        assert base.commit == git(promoted.folder, "rev-parse", "main")
        assert [one.name for one in base.policy.before("prod")] == ["staging", "dev"]
