"""Guards of the ledger: each record and each state follows from the one before."""

from __future__ import annotations

import datetime as dt

import pytest

from guarded import (
    DAY,
    MINUTE,
    PA,
    STATE,
    Change,
    Refused,
    ask,
    assert_refuses,
    first_record,
    ids,
    messages,
    on,
    with_file,
    without,
)
from judged import reviews
from meshgate.errors import IntegrityError
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.environment_state import Event
from meshgate.promotion.files import sha256, state_path
from meshgate.promotion.ledger import Recorded, record_bytes, state_bytes, state_of
from promotion_samples import replace


def recorded(candidate: Candidate, **changes: object) -> Candidate:
    """Another record, whose file and state tell the same as it does."""
    record = replace(candidate.record, **changes)
    content = record_bytes(record)
    state = state_of(record, sha256(content))
    files = {
        path: data for path, data in candidate.head.files.items() if path != candidate.record.path
    }
    files |= {record.path: content, state_path(record.environment): state_bytes(state)}
    ledger = (*candidate.base.ledger, Recorded(record, sha256(content)))
    head = replace(candidate.head, files=files, state=state, ledger=ledger)
    return replace(candidate, head=head, record=record)


def first(candidate: Candidate) -> Candidate:
    """An adoption where nothing was before."""
    adopting = on(on(candidate, "record", event=Event.ADOPT), "base", state=None, ledger=())
    return on(adopting, "head.state", sequence=1, previous=None)


REFUSED: Refused = [
    ("PR02", lambda c: on(c, "head", ledger=c.base.ledger), "the newest record"),
    ("PR04", lambda c: on(c, "base.state", sequence=2), "the base is at 2"),
    ("PR04", lambda c: on(c, "base.state", record_sha256="0" * 64), "another state of prod"),
    (
        "PR04",
        lambda c: on(c, "head", state_faults=(IntegrityError("its digest is wrong"),)),
        "digest is wrong",
    ),
    (
        "PR04",
        lambda c: on(c, "base", record_faults=(IntegrityError("the chain is broken"),)),
        "chain is broken",
    ),
    ("PR05", lambda c: with_file(c, first_record(c), b"forged"), "was changed or removed"),
    ("PR05", lambda c: without(c, first_record(c)), "was changed or removed"),
    ("PR05", lambda c: on(c, "head.state", alias="other"), "is not the one that"),
    ("PR05", lambda c: on(c, "record", sequence=9), "not known: the file"),
]


@pytest.mark.parametrize(("guard", "change", "message"), REFUSED, ids=ids(REFUSED))
def test_a_guard_refuses(candidate: Candidate, guard: str, change: Change, message: str) -> None:
    assert_refuses(candidate, guard, change, message)


def test_after_a_record_of_a_wrong_clock_the_way_out_is_said(candidate: Candidate) -> None:
    last = candidate.base.ledger[-1]
    ahead = replace(last, record=replace(last.record, created_at=candidate.now + DAY))
    wrong = on(candidate, "base", ledger=(*candidate.base.ledger[:-1], ahead))
    (refusal,) = [one for one in ask("PR05", wrong) if "before the one it follows" in one.message]
    assert "which says 2026-07-08 08:00 UTC" in refusal.message
    assert "an administrator reverts its commit" in refusal.hint


def test_the_record_is_the_newest_of_its_ledger(candidate: Candidate) -> None:
    message = ["the newest record of the ledger is not that of this promotion"]
    after = (*candidate.head.ledger, *candidate.base.ledger)

    assert messages("PR02", on(candidate, "head", ledger=())) == message
    assert messages("PR02", on(candidate, "head", ledger=after)) == message


def test_the_first_state_follows_no_other(candidate: Candidate) -> None:
    begins = first(candidate)
    assert candidate.head.state is not None
    message = ["the first state of an environment follows no other"]

    assert ask("PR04", begins) == []
    assert messages("PR04", on(begins, "head.state", sequence=2)) == message
    previous = candidate.head.state.previous
    assert messages("PR04", on(begins, "head.state", previous=previous)) == message
    promoting = on(begins, "record", event=Event.PROMOTE)
    assert messages("PR04", promoting) == ["prod has no state yet"]


@pytest.mark.parametrize("change", [{"sequence": 7}, {"release": "r-0"}, {"record_sha256": "0"}])
def test_a_state_follows_exactly_the_one_of_the_base(
    candidate: Candidate, change: dict[str, object]
) -> None:
    moved = messages("PR04", on(candidate, "base.state", **change))

    assert "it was made from another state of prod than the base has now" in moved


def test_a_record_made_of_its_parts_is_a_good_one(candidate: Candidate) -> None:
    assert ask("PR05", recorded(candidate)) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"environment": "qa"}, "the record is one of qa"),
        ({"sequence": 9}, "the record has the number 9, after 1"),
        ({"previous_tree": "0" * 40}, "the record does not say what was there before"),
        ({"previous_tree": None}, "the record does not say what was there before"),
        ({"added": (PA,)}, "the record tells other files as added than its commit has"),
        ({"changed": ()}, "the record tells other files as changed than its commit has"),
        ({"removed": (PA,)}, "the record tells other files as removed than its commit has"),
        ({"effects": None}, "the record tells another effect than the change has"),
        ({"created_at": None}, "the record does not say when it was made"),
    ],
    ids=str,
)
def test_a_record_tells_what_its_commit_has(
    candidate: Candidate, change: dict[str, object], message: str
) -> None:
    assert message in messages("PR05", recorded(candidate, **change))


@pytest.mark.parametrize(
    "change",
    [
        {"digest": "0" * 64},
        {"tightened": ()},
        {"loosened": ({},)},
        {"breaks": ({},)},
        {"deleted": ({},)},
    ],
    ids=str,
)
def test_a_record_tells_the_effect_of_its_change(
    candidate: Candidate, change: dict[str, object]
) -> None:
    message = ["the record tells another effect than the change has"]
    other = recorded(candidate, effects=replace(candidate.record.effects, **change))

    assert messages("PR05", other) == message
    # Before it is written it has none, and where none was computed other guards refuse.
    assert ask("PR05", replace(other, is_draft=True)) == []
    assert ask("PR05", replace(other, effect=None)) == []


def test_the_number_of_a_record_follows_the_last_one(candidate: Candidate) -> None:
    second = replace(candidate.base.records[0], sequence=2)
    longer = on(candidate, "base", ledger=(*candidate.base.ledger, Recorded(second, "0" * 64)))

    assert "the record has the number 2, after 2" in messages("PR05", longer)
    begun = on(first(candidate), "record", sequence=1)
    assert not [one for one in messages("PR05", begun) if "has the number" in one]


def test_what_was_written_by_hand_is_noticed_by_its_bytes(candidate: Candidate) -> None:
    files = candidate.head.files
    record = candidate.record.path

    edited = messages("PR05", with_file(candidate, record, files[record] + b"# x\n"))

    assert edited == [
        f"the state is not the one that {record} leaves",
        f"{record} is not written as promotion writes it",
    ]
    assert messages("PR05", with_file(candidate, STATE, files[STATE] + b"# x\n")) == [
        "the state of prod is not written as promotion writes it"
    ]


@pytest.mark.parametrize(
    ("after_now", "message"),
    [
        (5 * MINUTE, ""),
        (6 * MINUTE, "the record was made 2026-07-07 08:06 UTC, which is ahead"),
        (-9 * DAY, "the record was made 2026-06-28 08:00 UTC, before the one it follows"),
    ],
    ids=["within", "ahead", "before"],
)
def test_a_record_was_made_after_the_last_and_before_now(
    candidate: Candidate, after_now: dt.timedelta, message: str
) -> None:
    found = ask("PR05", recorded(candidate, created_at=candidate.now + after_now))

    assert [refusal.message for refusal in found] == ([message] if message else [])
    assert all("reverts" not in refusal.hint for refusal in found)


def test_a_record_may_be_of_the_moment_of_the_last_one(candidate: Candidate) -> None:
    last = candidate.base.records[-1].created_at

    assert ask("PR05", recorded(candidate, created_at=last)) == []


def test_who_asked_opened_the_pull_request(candidate: Candidate) -> None:
    by_hand = recorded(candidate, requested_by={"login": "eve", "via": "cli"})
    opened_by = {
        name: replace(by_hand, reviews=reviews(candidate, author=name)) for name in ("eve", "sam")
    }

    assert ask("PR05", opened_by["eve"]) == []
    assert messages("PR05", opened_by["sam"]) == ["it says that eve asked, and sam opened it"]
    assert ask("PR05", by_hand) == []  # no forge was asked
    by_job = recorded(candidate, requested_by={"login": "eve", "via": "ci"})
    assert ask("PR05", replace(by_job, reviews=reviews(candidate, author="sam"))) == []
