"""Claim: records are sealed, a stop is only shortened by `resume`, and no clock is turned back."""

from __future__ import annotations

import datetime as dt

import pytest
from msgspec import structs
from msgspec.structs import replace

from judged import NOW, pull_request, reviews
from meshgate.effect import codec
from meshgate.model import GateEntry
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.environment_state import Event, Hold
from meshgate.promotion.files import sha256, state_path
from meshgate.promotion.gates import evaluate_gates
from meshgate.promotion.guards import refusals
from meshgate.promotion.guards.pr11_held_or_rejected import covers
from meshgate.promotion.ledger import record_bytes, state_bytes, state_of
from meshgate.promotion.recorded_effects import recorded_effects
from meshgate.promotion.records import GateVerdict, PromotionRecord
from meshgate.promotion.transition import RecordDraft
from meshgate.promotion.transition import _hold as hold_after

HOUR = dt.timedelta(hours=1)


def forged(candidate: Candidate, **changes: object) -> Candidate:
    """The candidate with a record that says something else, all digests made to fit."""
    record: PromotionRecord = structs.replace(candidate.record, **changes)
    return with_record(candidate, record, record_bytes(record))


def with_record(candidate: Candidate, record: PromotionRecord, content: bytes) -> Candidate:
    state = state_of(record, sha256(content))
    files = {**candidate.head.files, record.path: content}
    files[state_path(candidate.name)] = state_bytes(state)
    head = replace(candidate.head, files=files, state=state)
    return replace(candidate, record=record, head=head)


def said(candidate: Candidate, guard: str) -> list[str]:
    return [refusal.message for refusal in refusals(candidate, [guard])]


def test_a_record_as_it_was_written_passes(candidate: Candidate) -> None:
    record = candidate.record
    assert said(with_record(candidate, record, record_bytes(record)), "PR05") == []


BYTES = {
    "a comment": lambda text: text + b"# approved by everyone\n",
    "a comment inside": lambda text: text.replace(b"\n", b"  # x\n", 1),
    "another order": lambda text: b"".join(sorted(text.splitlines(keepends=True)[:2])[::-1]) + text,
    "a document's start": lambda text: b"---\n" + text,
    "a document's end": lambda text: text + b"...\n",
    "an anchor": lambda text: text.replace(b"environment: prod", b"environment: &a prod"),
    "a tag": lambda text: text.replace(b"environment: prod", b"environment: !!str prod"),
    "quotes": lambda text: text.replace(b"environment: prod", b'environment: "prod"'),
    "line ends": lambda text: text.replace(b"\n", b"\r\n"),
    "a mark of order": lambda text: b"\xef\xbb\xbf" + text,
    "blank lines": lambda text: text + b"\n",
}


@pytest.mark.parametrize("name", BYTES)
def test_a_record_in_other_bytes_is_refused(candidate: Candidate, name: str) -> None:
    record = candidate.record
    content = BYTES[name](record_bytes(record))
    assert content != record_bytes(record)
    assert any(
        "as promotion writes" in it for it in said(with_record(candidate, record, content), "PR05")
    )


def test_a_state_in_other_bytes_is_refused(candidate: Candidate) -> None:
    path = state_path(candidate.name)
    files = {**candidate.head.files, path: candidate.head.files[path] + b"# x\n"}
    found = said(replace(candidate, head=replace(candidate.head, files=files)), "PR05")
    assert any("state of prod is not written" in it for it in found)


TIMES = {
    "an hour ahead": NOW + HOUR,
    "a century ahead": NOW.replace(year=2126),
    "before the one it follows": NOW.replace(year=2026, month=1),
    "before there were clocks": dt.datetime(1970, 1, 1, tzinfo=dt.UTC),
}


@pytest.mark.parametrize("name", TIMES)
def test_a_record_is_made_after_the_last_and_not_ahead(candidate: Candidate, name: str) -> None:
    assert any("was made" in it for it in said(forged(candidate, created_at=TIMES[name]), "PR05"))


@pytest.mark.parametrize("key", ["added", "changed", "removed"])
def test_a_record_lists_the_files_it_changes(candidate: Candidate, key: str) -> None:
    other = ("rendered/prod/x.yaml",)
    assert f"as {key} than" in " ".join(said(forged(candidate, **{key: other}), "PR05"))


@pytest.mark.parametrize("key", ["digest", "tightened", "loosened", "breaks"])
def test_a_record_tells_the_effect_that_the_change_has(candidate: Candidate, key: str) -> None:
    assert candidate.effect is not None
    told = recorded_effects(candidate.effect, {}, candidate.ports)
    assert said(forged(candidate, effects=told), "PR05") == []
    port = tuple(map(codec.port, candidate.effect.tightened))
    assert port
    lies = {"digest": "0" * 64, "tightened": (), "loosened": port, "breaks": ({"host": "x"},)}
    found = said(forged(candidate, effects=structs.replace(told, **{key: lies[key]})), "PR05")
    assert found == ["the record tells another effect than the change has"]


@pytest.mark.parametrize("login", ["mallory", "", "Promoter", "promoter "])
def test_who_asked_is_who_opened_it(candidate: Candidate, login: str) -> None:
    asked = forged(candidate, requested_by={"login": login, "via": "cli", "run": None})
    asked = replace(asked, reviews=reviews(asked))
    assert any("asked, and promoter opened" in it for it in said(asked, "PR05"))
    assert pull_request("x").author == "promoter"


def hold(until: dt.datetime | None = None, *blocks: Event) -> Hold:
    return Hold(
        since=NOW - HOUR, by="a", reason="r", until=until, blocks=blocks or (Event.PROMOTE,)
    )


STRONG = hold(None, Event.PROMOTE, Event.HOTFIX)
WEAKER = {
    "no hold": None,
    "over soon": hold(NOW + HOUR, Event.PROMOTE, Event.HOTFIX),
    "over already": hold(NOW - HOUR, Event.PROMOTE, Event.HOTFIX),
    "for fewer events": hold(None, Event.PROMOTE),
    "for other events": hold(None, Event.ROLLBACK, Event.HOTFIX),
}
ENDING = [event for event in Event if event is not Event.RESUME]


def stopped(
    candidate: Candidate, event: Event, before: Hold | None, after: Hold | None
) -> Candidate:
    assert candidate.base.state is not None
    assert candidate.head.state is not None
    base = replace(candidate.base, state=structs.replace(candidate.base.state, hold=before))
    head = replace(candidate.head, state=structs.replace(candidate.head.state, hold=after))
    record = structs.replace(candidate.record, event=event)
    return replace(candidate, record=record, base=base, head=head)


@pytest.mark.parametrize("event", ENDING)
@pytest.mark.parametrize("name", WEAKER)
def test_no_event_but_resume_puts_a_weaker_stop(
    candidate: Candidate, name: str, event: Event
) -> None:
    found = said(stopped(candidate, event, STRONG, WEAKER[name]), "PR11")
    assert any("weaker hold" in it for it in found)


def test_resume_ends_a_stop(candidate: Candidate) -> None:
    assert said(stopped(candidate, Event.RESUME, STRONG, None), "PR11") == []


def test_the_end_of_a_stop_is_the_end(candidate: Candidate) -> None:
    over = hold(NOW - HOUR, Event.PROMOTE, Event.HOTFIX)
    assert said(stopped(candidate, Event.PROMOTE, over, None), "PR11") == []


@pytest.mark.parametrize("name", WEAKER)
def test_a_hold_that_begins_keeps_what_lasts(candidate: Candidate, name: str) -> None:
    assert candidate.base.state is not None
    state = structs.replace(candidate.base.state, hold=STRONG)
    draft = RecordDraft(
        environment="prod",
        event=Event.HOLD,
        created_at=NOW,
        hold=WEAKER[name] or hold(NOW + HOUR),
    )
    assert covers(hold_after(state, draft), STRONG)


@pytest.mark.parametrize("event", [Event.PROMOTE, Event.HOTFIX])
def test_what_was_rejected_is_not_forgotten(candidate: Candidate, event: Event) -> None:
    assert candidate.base.state is not None
    base = replace(
        candidate.base, state=structs.replace(candidate.base.state, rejected=("r-000000000000",))
    )
    record = structs.replace(candidate.record, event=event)
    found = said(replace(candidate, base=base, record=record), "PR11")
    assert any("forgets that r-000000000000 was rejected" in it for it in found)


def gated(candidate: Candidate, event: Event, **settings: object) -> GateVerdict:
    gate = GateEntry(name="calm", type="effects", loosened=0, **settings)  # type: ignore[arg-type] # fields
    assert candidate.effect is not None

    policy = replace(candidate.policy, gates=(gate,))
    record = structs.replace(candidate.record, event=event)
    (result,) = evaluate_gates(replace(candidate, policy=policy, record=record))
    return result.verdict


def test_a_rollback_is_not_refused_by_what_a_release_waits_for(candidate: Candidate) -> None:
    blind = replace(candidate, effect=candidate.effect)
    assert gated(blind, Event.ROLLBACK) is GateVerdict.NOT_APPLICABLE
    assert gated(blind, Event.ROLLBACK, events=("rollback",)) is GateVerdict.PASS
    assert gated(blind, Event.HOTFIX) is GateVerdict.PASS
    assert gated(blind, Event.HOTFIX, events=("promote",)) is GateVerdict.NOT_APPLICABLE
