"""Windows: cron and dates, in time zones, over changes of clocks; deny wins."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.errors import UsageError
from meshgate.model import JSONObject
from meshgate.promotion.environment_state import Event
from meshgate.promotion.times import duration, format_duration
from meshgate.promotion.windows import Window, applying, opening
from promotion_windows import window

BERLIN = "Europe/Berlin"
# Clocks go from 02:00 to 03:00 on 29 March 2026, and back from 03:00 to 02:00 on 25 October.
SPRING, AUTUMN = (2026, 3, 29), (2026, 10, 25)


def utc(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)  # type: ignore[misc,arg-type] # of five


def cron(expression: str, length: str, kind: str = "allow", **more: object) -> Window:
    entry: JSONObject = {"name": "w", "kind": kind, "cron": expression, "duration": length}
    return window(entry | {"timezone": BERLIN} | more)


def starts(one: Window, day: tuple[int, int, int]) -> list[str]:
    """The local starts of a day, with their offsets."""
    first = dt.datetime(*day, tzinfo=ZoneInfo(BERLIN)).astimezone(dt.UTC)
    spans = one.spans(first, first + dt.timedelta(hours=25))
    local = (span.start.astimezone(ZoneInfo(BERLIN)) for span in spans)
    return [f"{when:%H:%M%z}" for when in local if when.date() == dt.date(*day)]


@pytest.mark.parametrize(
    ("now", "is_open"),
    [
        (utc(2026, 6, 1, 6, 59), False),  # 08:59 in Berlin, a Monday
        (utc(2026, 6, 1, 7, 0), True),
        (utc(2026, 6, 1, 14, 59, 59), True),
        (utc(2026, 6, 1, 15, 0), False),  # the end is not in it
        (utc(2026, 6, 6, 10, 0), False),  # a Saturday
        (utc(2026, 12, 1, 7, 30), False),  # 08:30 in winter
        (utc(2026, 12, 1, 8, 0), True),
    ],
)
def test_a_window_follows_the_clock_on_the_wall(now: dt.datetime, *, is_open: bool) -> None:
    assert opening([cron("0 9 * * 1-5", "8h")], now).open is is_open


def test_a_start_that_spring_skips_is_the_moment_after_the_gap() -> None:
    one = cron("30 2 * * *", "1h")

    assert starts(one, SPRING) == ["03:00+0200"]
    assert one.contains(utc(2026, 3, 29, 1, 0))
    assert one.contains(utc(2026, 3, 29, 1, 59))
    assert not one.contains(utc(2026, 3, 29, 2, 0))


def test_a_start_that_autumn_repeats_is_the_first_of_the_two() -> None:
    one = cron("30 2 * * *", "45m")

    assert starts(one, AUTUMN) == ["02:30+0200"]
    # 02:30 in summer time until 02:15 in winter time: 45 minutes, though the clock went back.
    assert one.contains(utc(2026, 10, 25, 0, 30))
    assert one.contains(utc(2026, 10, 25, 1, 14))
    assert not one.contains(utc(2026, 10, 25, 1, 15))
    assert not one.contains(utc(2026, 10, 25, 1, 30))  # the second 02:30


def test_a_length_is_real_time() -> None:
    night = cron("0 22 * * *", "8h")

    assert night.contains(utc(2026, 3, 29, 4, 59))  # 06:59, an hour later by the wall
    assert not night.contains(utc(2026, 3, 29, 5, 0))
    assert night.contains(utc(2026, 10, 25, 3, 59))  # 04:59
    assert not night.contains(utc(2026, 10, 25, 4, 0))


def test_hourly_windows_run_through_a_change_of_clocks() -> None:
    one = cron("0 * * * *", "10m")

    assert len(starts(one, SPRING)) == 23
    assert len(starts(one, AUTUMN)) == 25


def test_dates_that_come_twice_are_read_for_safety() -> None:
    entry: JSONObject = {"name": "w", "from": "2026-10-25T02:30", "to": "2026-10-25T02:45"}
    deny = window(entry | {"kind": "deny", "timezone": BERLIN})

    assert deny.contains(utc(2026, 10, 25, 0, 30))
    assert deny.contains(utc(2026, 10, 25, 1, 44))
    with pytest.raises(UsageError, match="ends before it starts"):
        # The longest reading of what is denied is the shortest of what is allowed: nothing.
        window(entry | {"kind": "allow", "timezone": BERLIN})


def once(zone: str, start: str, end: str, kind: str) -> Window:
    return window({"name": "w", "kind": kind, "from": start, "to": end, "timezone": zone})


@pytest.mark.parametrize("kind", ["allow", "deny"])
@pytest.mark.parametrize(
    ("zone", "skipped", "gap"),
    [
        (BERLIN, "2026-03-29T02:30", utc(2026, 3, 29, 1, 0)),
        (BERLIN, "2026-03-29T02:00", utc(2026, 3, 29, 1, 0)),
        (BERLIN, "2026-03-29T02:59", utc(2026, 3, 29, 1, 0)),
        ("America/New_York", "2026-03-08T02:30", utc(2026, 3, 8, 7, 0)),
        # Of the other half of the world, where spring is in October.
        ("Australia/Sydney", "2026-10-04T02:15", utc(2026, 10, 3, 16, 0)),
        # Half an hour, and an hour at midnight.
        ("Australia/Lord_Howe", "2026-10-04T02:10", utc(2026, 10, 3, 15, 30)),
        ("America/Havana", "2026-03-08T00:30", utc(2026, 3, 8, 5, 0)),
        # A whole day that an island never had.
        ("Pacific/Apia", "2011-12-30T12:00", utc(2011, 12, 30, 10, 0)),
    ],
)
def test_a_date_that_no_clock_shows_is_the_moment_after_the_gap(
    zone: str, skipped: str, gap: dt.datetime, kind: str
) -> None:
    """Neither an allowing window that starts early, nor a denying one that starts late."""
    second = dt.timedelta(seconds=1)
    begins = once(zone, skipped, "2027-01-01T00:00", kind)
    ends = once(zone, "2011-01-01T00:00", skipped, kind)

    assert (begins.contains(gap - second), begins.contains(gap)) == (False, True)
    assert (ends.contains(gap - second), ends.contains(gap)) == (True, False)


@pytest.mark.parametrize(
    ("zone", "twice", "first", "second"),
    [
        (BERLIN, "2026-10-25T02:30", utc(2026, 10, 25, 0, 30), utc(2026, 10, 25, 1, 30)),
        ("Australia/Sydney", "2026-04-05T02:30", utc(2026, 4, 4, 15, 30), utc(2026, 4, 4, 16, 30)),
        (
            "Australia/Lord_Howe",
            *("2026-04-05T01:45", utc(2026, 4, 4, 14, 45), utc(2026, 4, 4, 15, 15)),
        ),
    ],
)
def test_a_date_that_a_clock_shows_twice_is_read_for_safety(
    zone: str, twice: str, first: dt.datetime, second: dt.datetime
) -> None:
    before, after = "2026-01-01T00:00", "2026-12-31T00:00"

    assert once(zone, twice, after, "deny").contains(first)
    assert not once(zone, twice, after, "allow").contains(first)
    assert once(zone, before, twice, "deny").contains(second - dt.timedelta(seconds=1))
    assert not once(zone, before, twice, "allow").contains(first)
    assert once(zone, twice, after, "allow").contains(second)


@pytest.mark.parametrize(
    ("zone", "start", "opens", "closes"),
    [
        # 22:00 to 04:00 by a length of 6 h: an hour is lost, or won, on the wall.
        (BERLIN, (2026, 3, 28), utc(2026, 3, 28, 21, 0), utc(2026, 3, 29, 3, 0)),
        (BERLIN, (2026, 10, 24), utc(2026, 10, 24, 20, 0), utc(2026, 10, 25, 2, 0)),
        ("Australia/Sydney", (2026, 10, 3), utc(2026, 10, 3, 12, 0), utc(2026, 10, 3, 18, 0)),
        ("Australia/Sydney", (2026, 4, 4), utc(2026, 4, 4, 11, 0), utc(2026, 4, 4, 17, 0)),
    ],
)
def test_a_window_across_midnight_lasts_its_length_on_either_half_of_the_world(
    zone: str, start: tuple[int, int, int], opens: dt.datetime, closes: dt.datetime
) -> None:
    night = cron("0 22 * * *", "6h", timezone=zone)
    second = dt.timedelta(seconds=1)

    assert dt.datetime(*start, 22, tzinfo=ZoneInfo(zone)).astimezone(dt.UTC) == opens
    assert [night.contains(moment) for moment in (opens - second, opens)] == [False, True]
    assert [night.contains(moment) for moment in (closes - second, closes)] == [True, False]


def test_a_denying_night_that_spring_begins_at_midnight_is_missed_by_no_day() -> None:
    """00:00 does not exist in Havana that day: the window starts at 01:00, which is the gap."""
    deny = cron("0 0 * * *", "1h", "deny", timezone="America/Havana")

    assert not deny.contains(utc(2026, 3, 8, 4, 59))
    assert deny.contains(utc(2026, 3, 8, 5, 0))
    assert not deny.contains(utc(2026, 3, 8, 6, 0))


def test_deny_wins_and_says_until_when() -> None:
    office = cron("0 9 * * 1-5", "8h", name="office")
    freeze = window(
        {
            "name": "freeze",
            "kind": "deny",
            "from": "2026-12-19T00:00",
            "to": "2027-01-04T00:00",
            "timezone": BERLIN,
            "description": "end of year",
        }
    )

    found = opening([office, freeze], utc(2026, 12, 21, 10, 0))

    assert found == (
        False,
        "closed by 'freeze' (end of year); opens 2027-01-04 09:00 CET",
        utc(2027, 1, 4, 8, 0),
    )


def test_what_is_open_says_when_it_closes() -> None:
    office = cron("0 9 * * 1-5", "8h", name="office")

    found = opening([office], utc(2026, 6, 1, 10, 0))

    assert found.reason == "open by 'office'; closes 2026-06-01 17:00 CEST"


def test_without_an_allowing_window_all_is_open_that_is_not_denied() -> None:
    freeze = cron("0 0 * * 6", "48h", "deny")

    assert opening([freeze], utc(2026, 6, 1, 10, 0)).open
    assert not opening([freeze], utc(2026, 6, 6, 10, 0)).open
    assert opening([], utc(2026, 6, 6, 10, 0)) == (True, "no window closes it now", None)


def test_what_never_opens_again_says_so() -> None:
    once = window(
        {"name": "w", "kind": "allow", "from": "2026-01-01T00:00", "to": "2026-01-02T00:00"}
    )

    found = opening([once], utc(2026, 6, 1))

    assert found.reason == "closed: outside of 'w'; does not open within 400 days"


def test_windows_apply_to_their_environments_and_events() -> None:
    every = cron("0 9 * * *", "8h", name="every")
    prod = cron("0 9 * * *", "8h", name="prod", environments=["prod"], events=["rollback"])

    def names(environment: str, event: Event) -> list[str]:
        return [one.name for one in applying([every, prod], environment, event)]

    assert names("prod", Event.PROMOTE) == ["every"]
    assert names("prod", Event.HOTFIX) == ["every"]
    # A rollback is the way out: only a window that names it stands in its way.
    assert names("prod", Event.ROLLBACK) == ["prod"]
    assert names("staging", Event.ROLLBACK) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cron": "0 9 * *"}, "is no cron expression"),
        ({"cron": "0 9 * * * *"}, "is no cron expression"),
        ({"cron": "61 9 * * *"}, "is no cron expression"),
        ({"cron": "0 9 31 2 *"}, "is no cron expression"),
        ({"timezone": "Europe/Berlim"}, "there is no time zone"),
        ({"timezone": "../../etc/passwd"}, "there is no time zone"),
        ({"duration": "0h"}, "lasts no time"),
        ({"from": "2026-01-01T00:00", "to": "2026-01-02T00:00"}, "both `cron` and `from`"),
    ],
)
def test_a_window_that_no_clock_knows_is_refused(change: JSONObject, message: str) -> None:
    entry: JSONObject = {"name": "w", "kind": "allow", "cron": "0 9 * * *", "duration": "8h"}

    with pytest.raises(UsageError, match=message):
        window(entry | change)


@pytest.mark.parametrize(
    ("dates", "message"),
    [
        ({}, "has no time"),
        ({"from": "2026-13-01T00:00", "to": "2027-01-01T00:00"}, "month must be in"),
        ({"from": "2026-02-01T00:00", "to": "2026-01-01T00:00"}, "ends before it starts"),
    ],
)
def test_dates_that_no_calendar_has_are_refused(dates: JSONObject, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        window({"name": "w", "kind": "deny"} | dates)


MOMENTS = st.datetimes(
    min_value=dt.datetime(2026, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=dt.datetime(2027, 1, 1),  # noqa: DTZ001
    timezones=st.just(dt.UTC),
)
EXPRESSIONS = st.sampled_from(
    ["30 2 * * *", "0 9 * * 1-5", "0 22 * * 5", "15 1,2,3 * * *", "*/20 2 * * *", "0 0 1 * *"]
)
ZONES = st.sampled_from([BERLIN, "UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"])
LENGTHS = st.sampled_from(["10m", "90m", "8h", "3d"])


@given(EXPRESSIONS, ZONES, LENGTHS, MOMENTS)
def test_a_window_contains_exactly_its_spans(
    expression: str, zone: str, length: str, now: dt.datetime
) -> None:
    one = cron(expression, length, timezone=zone)
    year = list(one.spans(now - dt.timedelta(days=40), now + dt.timedelta(days=40)))

    assert [span.start for span in year] == sorted(span.start for span in year)
    assert all(span.end - span.start == duration(length) for span in year)
    assert one.contains(now) is any(span.start <= now < span.end for span in year)


@given(EXPRESSIONS, EXPRESSIONS, ZONES, MOMENTS)
def test_an_answer_holds_until_it_is_said_to_change(
    allow: str, deny: str, zone: str, now: dt.datetime
) -> None:
    windows = [cron(allow, "8h", timezone=zone), cron(deny, "90m", "deny", timezone=zone)]
    found = opening(windows, now)

    if found.changes is not None:
        before = now + (found.changes - now) / 2
        assert found.changes > now
        assert opening(windows, before).open is found.open
        assert opening(windows, found.changes).open is not found.open


@given(MOMENTS, EXPRESSIONS, ZONES)
def test_deny_always_wins(now: dt.datetime, expression: str, zone: str) -> None:
    deny = cron(expression, "8h", "deny", timezone=zone)
    always = window(
        {"name": "a", "kind": "allow", "from": "2025-01-01T00:00", "to": "2028-01-01T00:00"}
    )

    assert opening([always, deny], now).open is not deny.contains(now)


@pytest.mark.parametrize(
    ("text", "seconds", "shown"),
    [
        ("30m", 1800, "30m"),
        ("1d12h", 129600, "1d 12h"),
        ("7d", 604800, "7d"),
        ("90s", 90, "1m 30s"),
        ("0s", 0, "0s"),
    ],
)
def test_lengths_of_time(text: str, seconds: int, shown: str) -> None:
    assert duration(text) == dt.timedelta(seconds=seconds)
    assert format_duration(duration(text)) == shown


@pytest.mark.parametrize("text", ["", "5", "h", "-5m", "5m ", "1y", "99999d"])
def test_what_is_no_length_of_time(text: str) -> None:
    with pytest.raises(UsageError):
        duration(text)
