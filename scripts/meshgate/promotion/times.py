"""Points and lengths of time: as people write them (`30m`, `1d12h`), read them, and as JSON."""

from __future__ import annotations

import datetime
import re

from meshgate.errors import UsageError

SECONDS = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}
WRITTEN = re.compile(r"(?:[0-9]{1,9}[smhdw])+\Z")
PART = re.compile(r"([0-9]+)([smhdw])")
# Ten years: anything longer is a slip of the pen, and would overflow what is added to it.
LONGEST = datetime.timedelta(days=3653)
LARGEST_UNITS = 2


def duration(text: str) -> datetime.timedelta:
    """The length of time that a text such as `24h` or `1d12h` means. Raises UsageError."""
    if not WRITTEN.match(text):
        raise UsageError(f"{text!r} is no length of time", hint="write it as 30m, 24h or 7d")
    seconds = sum(int(count) * SECONDS[unit] for count, unit in PART.findall(text))
    if seconds > LONGEST.total_seconds():
        raise UsageError(f"{text!r} is longer than ten years", hint="write it as 30m, 24h or 7d")
    return datetime.timedelta(seconds=seconds)


def format_duration(length: datetime.timedelta) -> str:
    """A length of time for a sentence, with its two largest units: `2d 3h`, `45m`, `0s`."""
    rest = max(0, int(length.total_seconds()))
    parts = []
    for unit in ("d", "h", "m", "s"):
        count, rest = divmod(rest, SECONDS[unit])
        if count:
            parts.append(f"{count}{unit}")
        elif parts:
            break  # no `2d 5s`
    return " ".join(parts[:LARGEST_UNITS]) or "0s"


def format_moment(when: datetime.datetime) -> str:
    """A point in time for a sentence, to the minute, in its own zone: `2026-08-01 09:00 UTC`."""
    return when.strftime("%Y-%m-%d %H:%M %Z").strip()


def format_utc(when: datetime.datetime) -> str:
    """A point in time for a sentence, to the minute, in UTC: `2026-08-01 09:00 UTC`."""
    return when.astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")


def rfc3339(when: datetime.datetime) -> str:
    """A point in time as JSON, in UTC, to the second: `2026-08-22T10:00:00Z`."""
    utc = when.astimezone(datetime.UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="seconds") + "Z"


def moment_of(text: object) -> datetime.datetime | None:
    """The point in time that a text of RFC 3339 means; None for what is none, or has no zone."""
    if not isinstance(text, str):
        return None
    try:
        when = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    return when if when.tzinfo is not None else None
