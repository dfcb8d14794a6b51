"""Windows: when a promotion may be merged, by cron or by date, in a time zone; deny wins."""

from __future__ import annotations

import datetime
import heapq
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from msgspec import Struct

from meshgate.errors import UsageError
from meshgate.model import WindowEntry
from meshgate.promotion.environment_state import Event
from meshgate.promotion.times import duration, format_moment

# A rollback is the way out of an incident: only a window that names it stands in its way.
DEFAULT_EVENTS = (Event.PROMOTE, Event.HOTFIX)
# Clocks are put back by an hour, seldom by two or three: from this far back no start is missed.
CLOCK_CHANGE = datetime.timedelta(hours=3)
# How far ahead the next opening is looked for.
HORIZON = datetime.timedelta(days=400)
BOUNDARIES = 5000
CRON_FIELDS = 5
# Years with room on both sides, so that time zones and lengths lead to no year that is not there.
FIRST_YEAR, LAST_YEAR = 1970, 8999


class Span(Struct, frozen=True):
    """From one moment until another, the end not included; in UTC, where time does not jump."""

    start: datetime.datetime
    end: datetime.datetime


class Window(Struct, frozen=True):
    """A time in which promotions are allowed, or denied.

    environments  empty: every environment
    cron, length  the start as five cron fields, and how long it stays
    dates         or once, from and to as local times
    """

    name: str
    kind: str  # allow | deny
    timezone: ZoneInfo
    environments: tuple[str, ...] = ()
    events: tuple[Event, ...] = DEFAULT_EVENTS
    cron: str = ""
    length: datetime.timedelta = datetime.timedelta()
    dates: Span | None = None
    description: str = ""

    def applies(self, environment: str, event: Event) -> bool:
        """Whether it has a say in this event of this environment."""
        return event in self.events and (not self.environments or environment in self.environments)

    def contains(self, now: datetime.datetime) -> bool:
        """Whether it lasts at this moment."""
        return any(self.spans(now, now))

    def spans(self, first: datetime.datetime, last: datetime.datetime) -> Iterator[Span]:
        """Its spans that end after `first` and start up to `last`, in the order of their starts.

        A start that the clock skips in spring is the moment after the gap; one that comes twice
        in autumn is the first of the two. A span's length is real time in both cases.
        """
        if self.dates is not None:
            if self.dates.start <= last and self.dates.end > first:
                yield self.dates
            return
        begin = (first - self.length - CLOCK_CHANGE).astimezone(self.timezone)
        for local in CronSim(self.cron, begin):
            start = local.astimezone(datetime.UTC)
            if start > last:
                return
            if start + self.length > first:
                yield Span(start, start + self.length)


class Opening(NamedTuple):
    """Whether an event may happen now, why, and when the answer changes (None: not foreseeable)."""

    open: bool
    reason: str
    changes: datetime.datetime | None


def read_window(entry: WindowEntry) -> Window:
    """A window of environments.yaml. Raises UsageError for what no clock or calendar knows."""
    name, zone = entry.name, _zone(entry.name, entry.timezone)
    length, dates = datetime.timedelta(), None
    if entry.cron and entry.start:
        raise UsageError(
            f"window {name!r} has both `cron` and `from`", hint="make two windows of it"
        )
    if entry.cron:
        length = duration(entry.duration)
        _check_cron(name, entry.cron, zone)
        if not length:
            raise UsageError(f"window {name!r} lasts no time", hint="give a `duration` as 8h")
    elif entry.start:
        dates = _dates(entry, zone)
    else:
        raise UsageError(
            f"window {name!r} has no time",
            hint="add `cron` and `duration`, or `from` and `to`",
        )
    return Window(
        name=name,
        kind=entry.kind,
        timezone=zone,
        environments=entry.environments,
        events=DEFAULT_EVENTS if entry.events is None else tuple(map(Event, entry.events)),
        cron=entry.cron,
        length=length,
        dates=dates,
        description=entry.description,
    )


def opening(windows: Sequence[Window], now: datetime.datetime) -> Opening:
    """What these windows, all of which apply, say at a moment. Deny wins over allow.

    Without an allowing window everything that is not denied is open.
    """
    is_open, reason = _answer(windows, now)
    changes = _next_change(windows, now, is_open=is_open)
    local = changes and changes.astimezone(windows[0].timezone)
    return Opening(is_open, reason + _until(local, is_open=is_open), changes)


def _answer(windows: Sequence[Window], now: datetime.datetime) -> tuple[bool, str]:
    denying = [window for window in windows if window.kind == "deny" and window.contains(now)]
    if denying:
        return False, "closed by " + " and ".join(_named(window) for window in denying)
    allowing = [window for window in windows if window.kind == "allow"]
    if not allowing:
        return True, "no window closes it now"
    lasting = [window for window in allowing if window.contains(now)]
    if lasting:
        return True, "open by " + " and ".join(_named(window) for window in lasting)
    return False, "closed: outside of " + " and ".join(_named(window) for window in allowing)


def _named(window: Window) -> str:
    return f"{window.name!r} ({window.description})" if window.description else f"{window.name!r}"


def _until(changes: datetime.datetime | None, *, is_open: bool) -> str:
    if changes is not None:
        return f"; {'closes' if is_open else 'opens'} {format_moment(changes)}"
    return "" if is_open else f"; does not open within {HORIZON.days} days"


def _next_change(
    windows: Sequence[Window], now: datetime.datetime, *, is_open: bool
) -> datetime.datetime | None:
    boundaries = heapq.merge(*(_boundaries(window, now) for window in windows))
    for when in itertools.islice(boundaries, BOUNDARIES):
        if _answer(windows, when)[0] is not is_open:
            return when
    return None


def _boundaries(window: Window, now: datetime.datetime) -> Iterator[datetime.datetime]:
    """The moments after `now` at which a window starts or ends, in order."""
    starts = (span.start for span in window.spans(now, now + HORIZON))
    ends = (span.end for span in window.spans(now, now + HORIZON))
    return (when for when in heapq.merge(starts, ends) if when > now)


def _zone(name: str, key: str) -> ZoneInfo:
    try:
        return ZoneInfo(key)
    except (KeyError, ValueError, OSError) as error:
        raise UsageError(
            f"window {name!r}: there is no time zone {key!r}",
            hint="use a name of the IANA database, such as Europe/Berlin",
        ) from error


def _check_cron(name: str, cron: str, zone: ZoneInfo) -> None:
    hint = "write five fields: minute, hour, day of month, month, day of week"
    if len(cron.split()) != CRON_FIELDS:
        raise UsageError(f"window {name!r}: {cron!r} is no cron expression", hint=hint)
    try:
        next(CronSim(cron, datetime.datetime(2026, 1, 1, tzinfo=zone)))
    except CronSimError as error:
        raise UsageError(
            f"window {name!r}: {cron!r} is no cron expression", why=str(error), hint=hint
        ) from error
    except StopIteration:
        raise UsageError(f"window {name!r}: {cron!r} never comes", hint=hint) from None


def _dates(entry: WindowEntry, zone: ZoneInfo) -> Span:
    """Where a clock shows a time twice, a denying window takes the longer reading.

    A time that it never shows is the moment after the gap, as the start of a `cron` is.
    """
    late = int(entry.kind == "deny")
    try:
        start = datetime.datetime.fromisoformat(entry.start)
        end = datetime.datetime.fromisoformat(entry.end)
    except ValueError as error:
        raise UsageError(
            f"window {entry.name!r}: {error}", hint="write moments as YYYY-MM-DDTHH:MM"
        ) from error
    if min(start.year, end.year) < FIRST_YEAR or max(start.year, end.year) > LAST_YEAR:
        raise UsageError(
            f"window {entry.name!r}: {entry.start} to {entry.end} is not between the years "
            f"{FIRST_YEAR} and {LAST_YEAR}"
        )
    span = Span(
        _moment(start.replace(tzinfo=zone, fold=1 - late)),
        _moment(end.replace(tzinfo=zone, fold=late)),
    )
    if span.start >= span.end:
        raise UsageError(f"window {entry.name!r} ends before it starts")
    return span


def _moment(local: datetime.datetime) -> datetime.datetime:
    """The moment, in UTC, that a clock on the wall means; after the gap where it never shows it."""
    late, early = (local.replace(fold=fold).astimezone(datetime.UTC) for fold in (0, 1))
    if late <= early:
        return local.astimezone(datetime.UTC)
    # In a gap the first reading is by the offset before it, and lies after the second.
    after = early.astimezone(local.tzinfo).utcoffset()
    while late - early > datetime.timedelta(seconds=1):
        middle = early + (late - early) // 2
        if middle.astimezone(local.tzinfo).utcoffset() == after:
            early = middle
        else:
            late = middle
    return late.replace(microsecond=0)


def applying(windows: Iterable[Window], environment: str, event: Event) -> tuple[Window, ...]:
    """The windows that have a say in this event of this environment."""
    return tuple(window for window in windows if window.applies(environment, event))
