"""An effect is told and written in one way, whoever reads it."""

from __future__ import annotations

from msgspec import structs

import promotion_samples as samples
from meshgate.effect import OLD_CLIENT, Change, Effect, Unsafe, codec, describe
from meshgate.effect.codec import EffectJSON
from meshgate.effect.describe import Tone
from meshgate.mesh import Outcome, Request
from meshgate.model import GateEntry, Report, Severity
from meshgate.promotion import names
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.gates import effects as effects_gate
from meshgate.promotion.guards.pr13_breaks_calls import GUARD as PR13
from meshgate.promotion.page import render
from meshgate.promotion.recorded_effects import counted_effects, recorded_effects
from meshgate.report import Options
from meshgate.report.effect import FORMATS, Compared, Diff
from meshgate.report.html.effect import effect as page_of
from meshgate.report.html.effect import verbs
from places import REPOSITORY
from promotion_samples import replace

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


def nowhere(*_: object) -> None:
    """No object is in a file."""


def of_sorts() -> Effect:
    """Three calls that break in two groups, two that are led away, and three that are let in."""
    ok, refused = Outcome.OK_MTLS, Outcome.REFUSED
    return Effect(
        ports=samples.EFFECT.ports,
        calls=(
            samples.call(samples.clients("a/x", "a/y", "a/z"), "h", ok, ok, Change.OPENED),
            samples.call(samples.clients("a/x", "a/y"), "h", ok, ok, Change.LED_AWAY),
            samples.call(samples.clients("a/x"), "h", ok, refused, Change.BREAKS),
            samples.call(samples.clients("a/y", "a/z"), "h", ok, refused, Change.BREAKS),
        ),
    )


def test_every_writer_has_the_same_verbs_order_and_counts(candidate: Candidate) -> None:
    effect = of_sorts()
    ports = "1 port loosens, 2 ports tighten"
    calls = "3 calls break, 2 calls are led away"
    record = replace(samples.RECORD, effects=recorded_effects(effect, {}, 3))
    diff = Diff("a", "b", [Compared("prod", effect, nowhere, nowhere)], Report((), (), {}))
    page = render(replace(samples.CONTENTS, effect=effect))
    broken = replace(candidate, effect=effect)
    gate = GateEntry(name="calm", type="effects", breaks=4)

    assert describe.verdict(effect) == f"{ports}, {calls}, 3 calls are let in"
    assert record.effects is not None
    assert [*counted_effects(record.effects)] == [*ports.split(", "), *calls.split(", "), LET_IN]
    assert "5 breaks, 3 opened" in names.title(record)
    assert f"#### Breaks: {calls}\n" in page
    headline = FORMATS["markdown"]([diff], Options()).splitlines()[0]
    assert "3 calls would break, 2 calls would be led away, 1 port would loosen" in headline
    assert "3 calls would be let in" in headline
    assert next(PR13.check(broken)).message == calls
    assert effects_gate.judge(gate, broken).reason == "5 breaks, at most 4"
    shown = page_of("prod", effect)
    assert [row[0] for row in shown["calls"]] == ["breaks", "breaks", "led-away", "opened"]
    assert [row[4] for row in shown["ports"]] == ["loosens", "tightens", "tightens"]


LET_IN = "3 calls are let in"


def test_what_may_fail_on_the_way_is_no_certainty_on_a_page() -> None:
    ok = samples.state(Outcome.OK_MTLS)
    unsafe = Unsafe(
        samples.clients("a/x"),
        "h",
        80,
        ok,
        ok,
        OLD_CLIENT,
        Outcome.REFUSED,
        None,
        None,
        counts=True,
    )
    effect = Effect(unsafe=(unsafe, structs.replace(unsafe, decided=False)))

    told = [row[5] for row in page_of("prod", effect)["unsafe"]]

    assert told == ["fails: refused", "may fail: refused"]


def test_whatever_is_no_good_news_needs_a_second_look() -> None:
    refused = samples.EFFECT.calls[0]
    back = structs.replace(refused, before=refused.after, after=refused.before, change=Change.MENDS)
    mended = structs.replace(back, after=samples.state(Outcome.OK_MTLS))
    unknown = structs.replace(refused, change=Change.UNKNOWN)

    assert describe.gravity(Effect(calls=(back,))) is Severity.WARNING
    assert describe.gravity(Effect(calls=(unknown,))) is Severity.WARNING
    assert describe.gravity(Effect(calls=(mended,))) is None
    for effect, mark in ((Effect(calls=(back,)), ":warning:"), (Effect(), ":white_check_mark:")):
        ready = replace(samples.CONTENTS, effect=effect, record=replace(samples.RECORD, gates=()))
        assert render(ready).startswith(f"### {mark}")


def test_requests_that_get_in_again_in_plaintext_are_told_as_the_calls_are() -> None:
    refused = samples.EFFECT.calls[0]
    request = Request("GET", "/", "h", {})
    back = structs.replace(
        refused,
        before=refused.after,
        after=refused.before,
        change=Change.MENDS,
        witness=request,
        requests=("all",),
    )

    (sentence,) = describe.access_sentences(Effect(calls=(back,)))

    assert "gets in again in plaintext" in sentence.text
    assert sentence.tone is describe.IN_PLAINTEXT.tone


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
