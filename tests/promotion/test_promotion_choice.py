"""Which release comes next: what was asked for, or the newest that may come."""

from __future__ import annotations

import pytest

import promoted
from meshgate.errors import NothingToPromoteError, UsageError
from meshgate.promotion.environment_state import Release
from meshgate.promotion.promote import choose_release, newer_releases, passed_upstream, rejected
from pipeline import ENVIRONMENTS, Pipeline, mode
from pushed import RULE


def chosen(pipeline: Pipeline, environment: str, wanted: str = "") -> Release:
    with pipeline.session() as session:
        policy, state = session.adopted(environment)
        return choose_release(session, policy, state, wanted)


def configured(pipeline: Pipeline, old: str, new: str) -> None:
    """Main with other environments."""
    assert old in ENVIRONMENTS
    pipeline.commit({"environments.yaml": ENVIRONMENTS.replace(old, new)}, "settings")


def test_the_newest_that_may_come_is_chosen(pipeline: Pipeline) -> None:
    newest = pipeline.commit({RULE: promoted.RULE + "  exportTo: [.]\n"}, "shop: only here")

    assert chosen(pipeline, "staging").source.commit == newest
    older = chosen(pipeline, "staging", "main~1")
    assert older.source.commit == promoted.git(pipeline.work, "rev-parse", "main~1")
    with pytest.raises(NothingToPromoteError, match="and nothing newer has passed staging"):
        chosen(pipeline, "prod")


def test_what_is_there_is_not_chosen(pipeline: Pipeline) -> None:
    pipeline.promoted("staging")
    state = pipeline.state("staging")

    with pytest.raises(NothingToPromoteError, match=f"staging has {state.alias} .* already"):
        chosen(pipeline, "staging", state.release)
    with pytest.raises(NothingToPromoteError, match="and nothing newer has passed dev"):
        chosen(pipeline, "staging")


def test_what_comes_after_nothing_takes_what_is_on_main(pipeline: Pipeline) -> None:
    pipeline.promoted("staging")
    configured(pipeline, "    after: [dev]\n", "")

    with pytest.raises(NothingToPromoteError, match="and nothing newer is on main"):
        chosen(pipeline, "staging")
    newest = pipeline.commit(mode("DISABLE"), "mesh: none")
    assert chosen(pipeline, "staging").source.commit == newest


def test_where_people_choose_one_must_be_named(pipeline: Pipeline) -> None:
    configured(pipeline, "    after: [dev]\n", "    after: [dev]\n    select: manual\n")

    with pytest.raises(UsageError, match="takes the releases that people choose"):
        chosen(pipeline, "staging")
    assert chosen(pipeline, "staging", "main~1").id


def test_nothing_older_than_what_is_there_is_newer(pipeline: Pipeline) -> None:
    pipeline.promoted("staging")
    pipeline.commit({RULE: promoted.RULE + "  exportTo: [.]\n"}, "shop: only here")
    pipeline.commit({RULE: promoted.RULE + "  subsets: []\n"}, "shop: and everywhere")

    with pipeline.session() as session:
        _, state = session.adopted("staging")
        found = [release.source.commit for release in newer_releases(session, state)]
        _, prods = session.adopted("prod")
        for_prod = [release.source.commit for release in newer_releases(session, prods)]
    assert found == promoted.git(pipeline.work, "rev-list", "--max-count=2", "main").split()
    assert for_prod[:2] == found
    assert len(for_prod) == 3


def test_what_was_rejected_on_the_way_is_not_chosen(pipeline: Pipeline) -> None:
    pipeline.promoted("staging")
    bad = pipeline.state("staging").release
    pipeline.merge(pipeline.reject(bad).pull.number)

    with pipeline.session() as session:
        policies = {name: session.policy.of(name) for name in ("staging", "prod")}
        assert rejected(session, policies["staging"]) == {bad}
        assert rejected(session, policies["prod"]) == {bad}
    with pytest.raises(NothingToPromoteError):
        chosen(pipeline, "prod")
    own = pipeline.another("own")
    own.merge(own.reject(own.state("prod").release, "prod").pull.number)
    with pipeline.session() as session:
        assert rejected(session, session.policy.of("staging")) == {bad}
        assert len(rejected(session, session.policy.of("prod"))) == 2


def test_all_or_any_of_the_environments_before_have_had_it(pipeline: Pipeline) -> None:
    """A floating one has what main has; a pinned one what it had, or what changes nothing there."""
    with pipeline.session() as session:
        newest, first = session.releases.newest(), session.releases.find("main~1")
        staging, prod = session.policy.of("staging"), session.policy.of("prod")
        assert passed_upstream(session, staging, newest)
        assert not passed_upstream(session, prod, newest)
        assert passed_upstream(session, prod, first)
    configured(pipeline, "after: [staging]", "after: {any: [staging, dev]}")
    with pipeline.session() as session:
        assert passed_upstream(session, session.policy.of("prod"), newest)
    configured(pipeline, "after: [staging]", "after: [staging, dev]")
    with pipeline.session() as session:
        assert not passed_upstream(session, session.policy.of("prod"), newest)
    pipeline.commit({"policies/shop/README.md": "words\n"}, "docs")
    pipeline.promoted("staging", "merge")
    pipeline.commit({"policies/shop/README.md": "more\n"}, "docs")
    with pipeline.session() as session:
        same = session.releases.newest()
        assert same.id != pipeline.state("staging").release
        assert passed_upstream(session, session.policy.of("prod"), same)


def test_only_promotions_of_rejected_releases_are_closed(pipeline: Pipeline) -> None:
    pipeline.promoted("staging")
    waiting = pipeline.promote("prod")
    pipeline.merge(pipeline.reject(waiting.record.release).pull.number)
    held = pipeline.hold("prod")
    with pytest.raises(NothingToPromoteError):
        pipeline.promote("prod")

    forge = pipeline.local()
    assert forge.get(waiting.pull.number).state == "closed"
    assert forge.get(held.pull.number).state == "open"
    (comment,) = forge.comments(waiting.pull.number)
    assert comment[1] == (
        f"{waiting.record.release} was rejected since; `meshgate status` tells where."
    )


def test_a_release_that_is_named_is_proposed_beside_a_newer_one(pipeline: Pipeline) -> None:
    pipeline.commit({RULE: promoted.RULE + "  exportTo: [.]\n"}, "shop: only here")
    newer = pipeline.promote("staging")
    named = pipeline.promote("staging", "main~1")

    assert named.pull.number != newer.pull.number
    assert pipeline.local().get(newer.pull.number).state == "open"
