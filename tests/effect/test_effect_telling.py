"""An effect is told and written in one way, whoever reads it."""

from __future__ import annotations

from msgspec import structs

import promotion_samples as samples
from meshgate.effect import Change, Effect, codec, describe
from meshgate.effect.codec import EffectJSON
from meshgate.effect.describe import Tone
from meshgate.mesh import Outcome
from meshgate.model import Severity
from meshgate.promotion.page import render
from meshgate.report.html.effect import effect as page_of
from meshgate.report.html.effect import verbs
from places import REPOSITORY

PAGE = REPOSITORY / "scripts/meshgate/report/html/page"


def test_every_change_has_a_verb_and_the_table_goes_from_grave_to_harmless() -> None:
    assert tuple(describe.VERBS) == tuple(Change)
    assert list(verbs()) == [change.value for change in Change]


def test_the_page_of_a_browser_has_no_words_of_its_own() -> None:
    script = (PAGE / "effect.js").read_text(encoding="utf-8")

    assert not [verb for verb in describe.VERBS.values() if f'"{verb.many}"' in script]


def test_a_pull_request_says_the_verdict_that_diff_says() -> None:
    page = render(samples.CONTENTS)

    assert describe.verdict(samples.EFFECT) in page.splitlines()[0]


def test_what_the_ledger_keeps_is_a_part_of_what_diff_prints() -> None:
    whole = EffectJSON(samples.EFFECT, lambda *_: None, lambda *_: None).whole()

    for kept, printed in zip(map(codec.call, samples.EFFECT.calls), whole["calls"], strict=True):
        assert kept == {key: printed[key] for key in kept}
    for kept, printed in zip(map(codec.port, samples.EFFECT.ports), whole["ports"], strict=True):
        for side in ("before", "after"):
            del printed[side]["decidedBy"]["source"]
            printed[side] = {key: printed[side][key] for key in kept[side]}
        assert kept == {key: printed[key] for key in kept}


def test_gravity_is_that_of_the_worst() -> None:
    shut_out = tuple(each for each in samples.EFFECT.calls if each.change is Change.SHUT_OUT)

    assert describe.gravity(samples.EFFECT) is Severity.ERROR
    assert describe.gravity(Effect(calls=shut_out)) is Severity.WARNING
    assert describe.gravity(Effect()) is None


def test_calls_that_fail_anyway_take_no_way() -> None:
    broken = next(each for each in samples.EFFECT.calls if each.change is Change.BREAKS)
    assert broken.after is not None
    refused = structs.replace(broken.after, outcome=Outcome.REFUSED)
    denied = structs.replace(broken.after, outcome=Outcome.DENIED)
    works = structs.replace(broken.after, outcome=Outcome.OK_MTLS)
    still = structs.replace(broken, before=refused, after=denied, change=Change.MOVED)
    moved = structs.replace(broken, before=works, after=works, change=Change.MOVED)
    effect = Effect(calls=(still, moved))
    many = still.count

    (one,), (other,) = (list(describe.sentences(Effect(calls=(each,)))) for each in (still, moved))
    verb = "fails" if many == 1 else "fail"

    assert f"{verb} by another cause: refused -> denied" in one.text
    assert "another way" in other.text
    verdict = describe.verdict(effect)
    assert f"{verb} by another cause" in verdict
    assert "another way" in verdict
    words = [row[-1] for row in page_of("prod", effect)["calls"]]
    assert words == [f"{verb} by another cause", ""]


def test_who_gets_in_again_in_plaintext_is_no_good_news() -> None:
    refused, plain_, mutual = Outcome.REFUSED, Outcome.OK_PLAINTEXT, Outcome.OK_MTLS

    assert describe._verb(Change.MENDS, refused, plain_) is describe.IN_PLAINTEXT  # noqa: SLF001
    assert describe._verb(Change.MENDS, refused, mutual).tone is Tone.GOOD  # noqa: SLF001
    assert describe.IN_PLAINTEXT.tone is not Tone.GOOD
