"""A hotfix: where it starts, and what is owed until main has it."""

from __future__ import annotations

import pytest

import promoted
from meshgate.errors import RefusedError, UsageError
from pipeline import Pipeline
from pushed import RULE, repair

pytestmark = pytest.mark.sampled(every=3)


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
