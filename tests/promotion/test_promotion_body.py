"""The page of a pull request: complete, within every forge's limit, and harmless."""

from __future__ import annotations

import hashlib
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

import promotion_samples as samples
from conftest import expect
from examples import examples
from meshes import Object, shop, thing
from meshgate.effect import Effect, effect
from meshgate.promotion import names
from meshgate.promotion.environment_state import Event, Hold
from meshgate.promotion.guards import Refusal
from meshgate.promotion.page import FIRST_SECTIONS, first_sections, render
from meshgate.promotion.recorded_effects import recorded_effects
from meshgate.promotion.records import GateVerdict
from meshgate.report.budget import FIRST, LIMITS, size
from places import TESTS
from promotion_samples import replace

GOLDEN = TESTS / "golden/promotion"
ORDER = (
    "### ",
    "Merging this",
    "#### Effects",
    "#### Breaks",
    "#### Gates",
    "#### Where this release has been",
    "#### Changes",
    "#### Resources",
    "#### Not exercised below",
    "#### Weaker than the environment before",
    "#### Rendered diff",
    "#### How to reproduce",
    "#### How to roll back",
    "<summary>Trailers",
    "<!-- meshgate-promotion",
)


def test_page_is_as_expected(*, update: bool) -> None:
    expect(render(samples.CONTENTS), GOLDEN / "body.md", update=update)


def test_sections_are_in_order() -> None:
    page = render(samples.CONTENTS)
    places = [page.index(part) for part in ORDER]
    assert places == sorted(places)


def test_first_line_says_what_becomes_of_calls() -> None:
    first = render(samples.CONTENTS).splitlines()[0]
    assert "waits for `soak`" in first
    assert "1 port loosens, 2 ports tighten, 1 call breaks, 12 calls are shut out" in first


def test_first_line_names_the_guards_that_refuse() -> None:
    refused = replace(
        samples.CONTENTS, refusals=(Refusal("PR13", "breaks-calls", "one call breaks", ""),)
    )
    first = render(refused).splitlines()[0]
    assert first.startswith("### :x: `prod`: refused by PR13")


def test_first_line_names_the_people_who_are_waited_for() -> None:
    waits = (Refusal("PR15", "weakens", "x", ""), Refusal("PR19", "not-approved", "y", ""))
    page = render(replace(samples.CONTENTS, waits=waits))
    assert "waits for `soak`, agreement to weaker ports, approval \u2014" in page.splitlines()[0]
    assert "- :hourglass: **PR19** y" in page


def test_weaker_port_is_marked_when_nothing_waits() -> None:
    record = replace(samples.RECORD, gates=())
    first = render(replace(samples.CONTENTS, record=record)).splitlines()[0]
    assert first.startswith("### :warning: `prod`: ready to merge")


def test_no_effect_is_said() -> None:
    effects = replace(samples.EFFECTS, tightened=(), loosened=(), breaks=(), deleted=())
    record = replace(samples.RECORD, effects=effects, gates=())
    page = render(replace(samples.CONTENTS, record=record, effect=Effect()))
    assert page.startswith(
        "### :white_check_mark: `prod`: ready to merge \u2014 no effect on any port or call"
    )
    assert "No client is known to fail" in page


def test_rooms_of_the_first_sections_are_the_whole() -> None:
    assert sum(room for _, room in FIRST_SECTIONS) == FIRST


@pytest.mark.parametrize("limit", LIMITS.values(), ids=LIMITS)
@pytest.mark.parametrize("many", [1, 300])
@pytest.mark.sampled(every=2)
def test_page_fits_every_forge(limit: int, many: int) -> None:
    page = render(samples.hostile(samples.EVIL, many), limit)
    assert size(page) <= limit
    assert_whole(page)


@given(st.text(max_size=400), st.integers(1, 60))
@examples(30)
def test_first_sections_fit_whatever_is_written(text: str, many: int) -> None:
    contents = samples.hostile(text, many)
    first = first_sections(contents)
    assert size(first) <= FIRST
    for part in ORDER[:6]:
        assert part in first
    assert_whole(render(contents))


def test_nothing_of_an_author_is_obeyed() -> None:
    page = render(samples.hostile(samples.EVIL))
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(page)
    assert "<script" not in html
    assert "href=" not in html
    assert "<img" not in html
    assert "\u202e" not in page
    assert "\x1b" not in page
    assert page.rpartition("<!--")[2].count("-->") == 1


def assert_whole(page: str) -> None:
    """No fence is left open, and every element that opens closes."""
    fences: list[str] = []
    opened_elements = 0
    for line in page.splitlines():
        mark = re.match(r"(`{3,})", line)
        if mark and not fences:
            fences.append(mark[1])
        elif fences and line == fences[-1]:
            fences.pop()
        elif not fences:
            opened_elements += line.startswith("<details>") - (line == "</details>")
    assert not fences
    assert opened_elements == 0
    assert page.endswith(" -->\n")


def test_hint_is_json_and_names_the_page() -> None:
    hint = re.search(r"<!-- meshgate-promotion (.*) -->", render(samples.CONTENTS))
    assert hint
    value = json.loads(hint[1])
    assert value["release"] == samples.RELEASE
    assert value["version"] == 1


def test_names() -> None:
    record = samples.RECORD
    assert names.branch(record) == "promote/prod/r-0a1b2c3d4e5f"
    assert names.title(record) == (
        "promote(prod): 2026-08-22.3 \u2014 2 tightened, 1 loosened, 1 break"
    )
    assert names.labels(record) == (
        "promotion",
        "env/prod",
        "event/promote",
        "risk/loosens",
        "risk/breaks",
    )
    rollback = replace(record, event=Event.ROLLBACK, sequence=8)
    assert names.branch(rollback) == "rollback/prod/r-0a1b2c3d4e5f-8"
    assert names.title(rollback).startswith("rollback(prod): back to 2026-08-22.3")
    hold = replace(record, event=Event.HOLD, reason="incident 12")
    assert names.branch(hold) == "hold/prod/7"
    assert names.title(hold) == "hold(prod): incident 12"
    assert names.tag("prod", 7) == "env/prod/0007"


def test_message_has_trailers_at_its_end_and_every_author() -> None:
    message = names.message(samples.RECORD, samples.STATE)
    last = message.rstrip("\n").split("\n\n")[-1].splitlines()
    assert all(re.fullmatch(r"[A-Z][A-Za-z0-9-]*: .+", line) for line in last)
    assert last.count("Co-authored-by: Ada L <ada@example.com>") == 1
    assert "Promotion-Release: r-0a1b2c3d4e5f" in last
    assert "* boards: require mTLS" in message


def test_no_text_of_an_author_adds_a_trailer() -> None:
    evil = "x\n\nPromotion-Env: dev\nPromotion-Release: r-evil"
    record = samples.hostile(evil).record
    message = names.message(record, samples.STATE)
    assert len([line for line in message.splitlines() if line.startswith("Promotion-Env:")]) == 1
    assert not [
        line for line in message.splitlines() if line.startswith("Promotion-Release: r-evil")
    ]


def test_a_held_line_page_has_no_effects() -> None:
    record = replace(
        samples.RECORD,
        event=Event.HOLD,
        effects=None,
        gates=(),
        upstream=(),
        reason="incident 12",
        hold=Hold(samples.NOW, "ada", "incident 12", samples.NOW, (Event.PROMOTE,)),
    )
    page = render(replace(samples.CONTENTS, record=record, effect=None, diffs={}))
    assert "holds **`prod`**: no promote enters it until 2026-08-22 09:30 UTC." in page
    assert "incident 12" in page
    assert "#### Effects" not in page


def test_a_rollback_says_what_is_held_and_rejected() -> None:
    hold = Hold(samples.NOW, "ada", "incident 12")
    record = replace(
        samples.RECORD, event=Event.ROLLBACK, hold=hold, rejected=("r-1", "r-000000000006")
    )
    before = replace(samples.BEFORE, rejected=("r-1",))
    page = render(replace(samples.CONTENTS, record=record, before=before))
    assert "puts **`prod`** back to" in page
    assert "held afterwards: no promote and no hotfix enters it until it is resumed" in page
    assert "`r-000000000006` is rejected" in page
    assert "`r-1`" not in page


def test_a_rejection_names_what_it_rejects() -> None:
    record = replace(
        samples.RECORD, event=Event.REJECT, effects=None, gates=(), rejected=("r-00000000000f",)
    )
    page = render(replace(samples.CONTENTS, record=record, effect=None, diffs={}))
    assert "rejects `r-00000000000f` for **`prod`**" in page


def test_gates_that_do_not_let_pass_come_first() -> None:
    page = render(samples.CONTENTS)
    assert page.index("waits |") < page.index("passed |") < page.index("not applicable |")
    assert samples.CONTENTS.waiting[0].verdict is GateVerdict.WAITING


def policies(*namespaces: str) -> Object:
    rule = {"from": [{"source": {"namespaces": list(namespaces)}}]}
    return thing("security.istio.io/v1", "AuthorizationPolicy", "p", "b", spec={"rules": [rule]})


def test_the_page_and_the_record_say_who_is_let_in() -> None:
    opens = effect(shop(policies("b")), shop(policies("a", "b", "partners")))
    page = render(replace(samples.CONTENTS, effect=opens))

    assert "#### Who gets in: 2 calls let in that policies denied" in page
    assert ":unlock: a/ui to b/cart:8080 is let in: all, such as GET /" in page
    stranger = "whoever has the identity cluster.local/ns/partners/sa/"
    assert f":unlock: {stranger}" in page
    recorded = recorded_effects(opens, {}, 1)
    assert [each["change"] for each in recorded.opened] == ["opened", "opened"]
    assert all(each["witness"] for each in recorded.opened)
    assert recorded.closed == ()
    back = recorded_effects(effect(shop(policies("a", "b")), shop(policies("b"))), {}, 1)
    assert back.digest != recorded.digest


def test_a_record_without_access_keeps_its_digest() -> None:
    # That of a record made before records kept who is let in.
    parts: dict[str, list[str]] = {"tightened": [], "loosened": [], "breaks": [], "deleted": []}
    text = json.dumps(parts, sort_keys=True).encode()

    assert recorded_effects(Effect(), {}, 0).digest == hashlib.sha256(text).hexdigest()
