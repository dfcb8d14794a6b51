"""From one state to the next, on values: holds, rejections, debts and files of each event."""

from __future__ import annotations

import datetime as dt

import pytest
from msgspec import structs

from meshgate.errors import UsageError
from meshgate.promotion.environment_state import (
    EnvironmentState,
    Event,
    Fact,
    Hold,
    PendingBackport,
    Previous,
    Release,
)
from meshgate.promotion.files import rendered_sum, state_path
from meshgate.promotion.transition import RecordDraft, Transition, advance
from promotion_samples import BEFORE, NOW, SOURCE

DAY = dt.timedelta(days=1)
STOPS = (Event.PROMOTE, Event.HOTFIX)
HOLD = Hold(NOW, "ops", "an incident", NOW + 3 * DAY, STOPS)
NEW = Release("r-000000000007", "2026-08-22.1", SOURCE)
SAME = Release(BEFORE.release, BEFORE.alias, SOURCE)
FOLDER = "rendered/prod/"
FILES = {f"{FOLDER}a.yaml": b"a\n", f"{FOLDER}b.yaml": b"b\n"}
DEBT = PendingBackport("promotion/ledger/prod/0005.yaml", (Fact("A/b/c", "/d", 1),), NOW.date())
MOVES = [Event.PROMOTE, Event.HOTFIX, Event.ROLLBACK, Event.ADOPT]
STAYS = [Event.HOLD, Event.RESUME, Event.REJECT]


def step(event: Event, state: EnvironmentState | None = BEFORE, **more: object) -> Transition:
    """The next event of prod, whose files are `a` and `b`."""
    settings: dict[str, object] = {}
    if event in MOVES:
        settings = {"release": NEW, "files": FILES, "overlay": "overlays/prod"}
    if event in {Event.HOLD, Event.ROLLBACK}:
        settings["hold"] = HOLD
    draft = RecordDraft("prod", event, NOW, **settings | more)  # type: ignore[arg-type] # fields
    return advance(state, {**FILES, "rendered/staging/a.yaml": b"x"}, draft)


@pytest.mark.parametrize("event", [*MOVES, *STAYS])
def test_the_next_state_follows_the_one_before(event: Event) -> None:
    prepared = step(event)
    record = prepared.record
    link = Previous(BEFORE.sequence, BEFORE.release, BEFORE.record_sha256)

    assert (record.sequence, record.previous, record.event) == (7, link, event)
    assert record.previous_tree == BEFORE.rendered.tree
    assert prepared.state.sequence == 7
    moved = event in MOVES
    assert record.release == (NEW.id if moved else BEFORE.release)
    assert (record.rendered == BEFORE.rendered) is not moved
    command = "meshgate rollback prod --to 6 --reason REASON"
    assert record.rollback_command == (command if moved else "")


def test_the_first_state_follows_none() -> None:
    record = step(Event.ADOPT, None).record

    assert (record.sequence, record.previous, record.previous_tree) == (1, None, None)
    assert record.rollback_command == ""
    assert (record.hold, record.rejected, record.pending_backport) == (None, (), None)
    for event in MOVES[:3] + STAYS:
        with pytest.raises(UsageError, match="prod has no state"):
            step(event, None)


def test_only_what_differs_is_written() -> None:
    new = {f"{FOLDER}a.yaml": b"a\n", f"{FOLDER}b.yaml": b"B\n", f"{FOLDER}c.yaml": b"c\n"}
    changed = step(Event.PROMOTE, files=new)
    fewer = step(Event.PROMOTE, files={f"{FOLDER}a.yaml": b"a\n"})
    own = {changed.record.path, state_path("prod")}

    assert changed.files.keys() - own == {f"{FOLDER}b.yaml", f"{FOLDER}c.yaml"}
    assert list(changed.files) == sorted(changed.files)
    assert (changed.record.added, changed.record.changed, changed.record.removed) == (
        (f"{FOLDER}c.yaml",),
        (f"{FOLDER}b.yaml",),
        (),
    )
    assert changed.record.rendered.sha256 == rendered_sum("prod", new)
    assert fewer.files[f"{FOLDER}b.yaml"] is None
    assert fewer.record.removed == (f"{FOLDER}b.yaml",)
    assert step(Event.PROMOTE).files.keys() == own


@pytest.mark.parametrize("event", MOVES)
@pytest.mark.parametrize("more", [{"release": None}, {"files": None}, {"files": {}}], ids=str)
def test_what_renders_has_a_release_and_files(event: Event, more: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=f"{event} prod: there is no release, or it renders to"):
        step(event, BEFORE, **more)


@pytest.mark.parametrize("event", STAYS)
@pytest.mark.parametrize("more", [{"release": NEW}, {"files": {}}, {"files": FILES}], ids=str)
def test_what_does_not_render_has_none(event: Event, more: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=f"{event} prod does not change what is rendered"):
        step(event, BEFORE, **more)


@pytest.mark.parametrize("event", [Event.HOLD, Event.ROLLBACK])
def test_what_keeps_the_next_release_out_is_a_hold(event: Event) -> None:
    with pytest.raises(UsageError, match=f"{event} prod: there is no hold"):
        step(event, hold=None)


@pytest.mark.parametrize(
    ("event", "stays"),
    [
        (Event.PROMOTE, True),
        (Event.ADOPT, True),
        (Event.REJECT, True),
        (Event.RESUME, False),
    ],
)
def test_a_hold_stays_until_it_is_lifted(event: Event, *, stays: bool) -> None:
    held = structs.replace(BEFORE, hold=HOLD)

    assert step(event, held).state.hold == (HOLD if stays else None)
    assert step(event, BEFORE).state.hold is None


@pytest.mark.parametrize(
    ("until", "blocks", "joined_until", "joined_blocks"),
    [
        # What either keeps out, for as long as either.
        (5, STOPS, 5, STOPS),
        (2, STOPS, 3, STOPS),
        (None, STOPS, None, STOPS),
        (5, (Event.PROMOTE,), 5, STOPS),
        (2, (Event.ROLLBACK,), 3, (Event.PROMOTE, Event.ROLLBACK, Event.HOTFIX)),
    ],
)
def test_a_hold_that_begins_while_another_lasts_keeps_out_what_both_do(
    until: int | None,
    blocks: tuple[Event, ...],
    joined_until: int | None,
    joined_blocks: tuple[Event, ...],
) -> None:
    def end(days: int | None) -> dt.datetime | None:
        return None if days is None else NOW + days * DAY

    new = Hold(NOW, "sam", "another", end(until), blocks)
    joined = step(Event.HOLD, structs.replace(BEFORE, hold=HOLD), hold=new).state.hold

    assert joined is not None
    assert (joined.by, joined.reason, joined.until) == ("sam", "another", end(joined_until))
    assert set(joined.blocks) == set(joined_blocks)
    for_ever = structs.replace(BEFORE, hold=structs.replace(HOLD, until=None))
    lasting = step(Event.HOLD, for_ever, hold=new).state.hold
    assert lasting is not None
    assert lasting.until is None


def test_a_hold_that_is_over_adds_nothing() -> None:
    over = structs.replace(BEFORE, hold=structs.replace(HOLD, until=NOW))
    last = structs.replace(BEFORE, hold=structs.replace(HOLD, until=NOW + dt.timedelta(seconds=1)))
    new = Hold(NOW, "sam", "another", NOW + DAY, (Event.ROLLBACK,))

    assert step(Event.HOLD, over, hold=new).state.hold == new
    assert step(Event.HOLD, last, hold=new).state.hold != new


def test_rejections_are_kept_in_their_order_and_once() -> None:
    rejecting = structs.replace(BEFORE, rejected=("r-2", "r-1"))

    assert step(Event.PROMOTE, rejecting).state.rejected == ("r-2", "r-1")
    both = step(Event.REJECT, rejecting, rejects=("r-1", "r-3"))
    assert both.state.rejected == ("r-2", "r-1", "r-3")
    assert step(Event.ROLLBACK, rejecting).state.rejected == ("r-2", "r-1", BEFORE.release)
    # It is the same release, rendered as it was.
    assert step(Event.ROLLBACK, rejecting, release=SAME).state.rejected == ("r-2", "r-1")
    assert step(Event.PROMOTE).state.rejected == ()


@pytest.mark.parametrize("event", [*MOVES, *STAYS])
def test_what_a_hotfix_owes_stays_until_it_is_paid(event: Event) -> None:
    owing = structs.replace(BEFORE, pending_backport=DEBT)

    assert step(event, owing).state.pending_backport == DEBT
    assert step(event, owing, ends_backport=True).state.pending_backport is None
    assert step(event).state.pending_backport is None


def test_a_new_debt_names_the_record_that_made_it() -> None:
    new = structs.replace(DEBT, record="")
    owing = structs.replace(BEFORE, pending_backport=DEBT)

    prepared = step(Event.HOTFIX, owing, pending_backport=new)

    assert prepared.state.pending_backport == structs.replace(new, record=prepared.record.path)
    named = step(Event.HOTFIX, owing, pending_backport=DEBT)
    assert named.state.pending_backport == DEBT
