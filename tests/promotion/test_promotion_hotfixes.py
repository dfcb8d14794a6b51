"""A hotfix: where it starts, and what is owed until main has it."""

from __future__ import annotations

import pytest

import promoted
from meshgate.errors import NothingToPromoteError, RefusedError, UsageError
from meshgate.promotion import judge as judge_module
from meshgate.promotion.forges import Draft
from meshgate.promotion.hotfix import HotfixOptions, prepare_hotfix
from meshgate.promotion.loosenings import Loosening
from meshgate.promotion.session import Session
from pipeline import Pipeline
from pushed import RULE, repair


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


def test_a_hotfix_names_the_request_that_brings_it_to_main(pipeline: Pipeline) -> None:
    start = repair(pipeline, "hotfix/prod/cart")
    forge = pipeline.local()
    pull = forge.create(Draft(start, "main", "the repair", "words"))
    other = forge.create(Draft(repair(pipeline, "feature"), "main", "another", "words"))
    waits = f"{pull.url} brings it to main: not merged yet"

    by_branch = prepared(pipeline, start)
    assert by_branch == (f"503 in checkout (main: {pull.url})", (waits,))
    assert prepared(pipeline, start, str(pull.number)) == by_branch
    assert prepared(pipeline, start, str(other.number))[0].endswith(f"(main: {other.url})")
    elsewhere = "https://forge.example/pr/77"
    assert prepared(pipeline, start, elsewhere) == (f"503 in checkout (main: {elsewhere})", ())

    forge.close(pull.number)
    for linked, error in (("", "no pull request brings"), (str(pull.number), "is closed")):
        with pytest.raises(RefusedError, match=error):
            prepared(pipeline, start, linked)


def test_a_repair_that_main_has_waits_for_nothing(pipeline: Pipeline) -> None:
    start = repair(pipeline, "hotfix/prod/cart")
    pull = pipeline.local().create(Draft(start, "main", "the repair", "words"))
    pipeline.local().merge(pull.number, head_sha=pull.head_sha, method="merge", message="m")

    for linked in ("", str(pull.number)):
        assert prepared(pipeline, start, linked) == (f"503 in checkout (main: {pull.url})", ())


def prepared(pipeline: Pipeline, start: str, linked: str = "") -> tuple[str, tuple[str, ...]]:
    """The reason in the record of a hotfix, and what its reviewer must know."""
    options = HotfixOptions(
        start=start, reason="503 in checkout", ticket="", due=pipeline.now.date(), linked=linked
    )
    with pipeline.session() as session:
        made, notes = prepare_hotfix(session, "prod", options)
    return made.record.reason, notes


def test_a_hotfix_changes_something(pipeline: Pipeline) -> None:
    link = "https://forge.example/pr/77"
    source = pipeline.state("prod").source.commit
    promoted.git(pipeline.work, "switch", "--quiet", "-c", "docs", source)
    promoted.commit(pipeline.work, {"README.md": "x\n"}, "docs", day=11)
    promoted.git(pipeline.work, "switch", "--quiet", "main")
    with pytest.raises(NothingToPromoteError, match="docs changes no input of prod"):
        pipeline.hotfix("prod", "docs", linked=link)
    commented = repair(pipeline, "words", f"# why\n{promoted.RULE}")
    with pytest.raises(NothingToPromoteError, match="words changes nothing in prod"):
        pipeline.hotfix("prod", commented, linked=link)


def test_a_hotfix_passes_over_what_never_had_it(pipeline: Pipeline) -> None:
    """Who, why and by which ticket is said of each environment that it skips, and of no other."""
    start = repair(pipeline, "hotfix/prod/cart")
    fixed = pipeline.hotfix("prod", start, linked="https://forge.example/pr/77").record

    assert [(one.gate, one.by, one.reason, one.ticket) for one in fixed.bypasses] == [
        ("staging", "promoter", "503 in checkout", "INC-12")
    ]
    assert fixed.ticket == "INC-12"
    tag = promoted.git(pipeline.hub, "rev-parse", f"release/{fixed.release}^{{commit}}")
    assert tag == fixed.source.commit


def test_a_hotfix_and_a_rollback_are_judged_by_the_rules_before_too(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rules that were loosened without a word let nothing pass that goes to clusters."""

    def unreadable(*_: object) -> Session:
        raise UsageError("they are gone")

    pipeline.promoted("staging")
    loosening = Loosening("a" * 40, "b" * 40, (), ("prod: a gate is gone",), ("security",))
    monkeypatch.setattr(judge_module, "unagreed", lambda *_: [loosening])
    monkeypatch.setattr(judge_module, "by_rules_before", unreadable)
    start = repair(pipeline, "hotfix/prod/cart")

    for opened in (
        pipeline.hotfix("prod", start, linked="https://forge.example/pr/77"),
        pipeline.roll_back("staging", 1),
    ):
        (refusal,) = [each for each in opened.prepared.judgement.refusals if each.guard == "PR23"]
        assert "the rules before cannot be read: they are gone" in refusal.details
