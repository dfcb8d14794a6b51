"""What servers answer, read with care: it comes from outside, and may be anything."""

from __future__ import annotations

import datetime
import email.utils
import json
import logging
import math
import time
from collections.abc import Mapping

from meshgate.model import JSON

LOG = logging.getLogger(__name__)

# Seconds that a server may ask to wait, in all, before what was asked for fails.
LONGEST_WAIT = 60.0
# Characters of what a server says that an error repeats.
WORDS = 300
# Digits of the seconds that an answer can have been kept for.
LONGEST_AGE = 9
# A wait that is shorter is nobody's business.
UNTOLD = 1.0


def excerpt(text: object, limit: int = WORDS) -> str:
    """What a server says, on one line and not for ever: a log may obey the start of the next."""
    line = " ".join(str(text).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def parsed(content: bytes | str) -> JSON:
    """A JSON value. Raises ValueError for anything else: `NaN` and `Infinity` are none."""
    try:
        return json.loads(content, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("it is nested more deeply than can be read") from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that `Retry-After` asks to wait; None: it is not there, or no time.

    A number of seconds or a date (RFC 9110, 10.2.3), which is one of the server's clock: it is
    counted from the answer's own `Date`, where that is given.
    """
    stated = headers.get("Retry-After")
    if stated is None:
        return None
    try:
        seconds = float(stated)
    except ValueError:
        until = _moment(stated)
        if until is None:
            return None
        seconds = until - (_moment(headers.get("Date")) or time.time())
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def clock_ahead(headers: Mapping[str, str]) -> datetime.timedelta | None:
    """How far a server's clock is ahead of this machine's; None: its answer has no `Date`.

    An answer that a cache kept says how old it is (`Age`; RFC 9111, 5.1).
    """
    dated = _moment(headers.get("Date"))
    if dated is None:
        return None
    age = headers.get("Age", "")
    cached_for = int(age) if age.isascii() and age.isdecimal() and len(age) <= LONGEST_AGE else 0
    return datetime.timedelta(seconds=round(dated + cached_for - time.time()))


def _moment(text: str | None) -> float | None:
    """The seconds since 1970 of an HTTP date; None for what is none."""
    if text is None:
        return None
    try:
        moment = email.utils.parsedate_to_datetime(text)
        return moment.replace(tzinfo=moment.tzinfo or datetime.UTC).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


class RetryBudget:
    """How long one request may still wait for a server that is busy; it says so while it does."""

    def __init__(self, server: str, limit: float = LONGEST_WAIT) -> None:
        """`server` is what messages call it."""
        self._server = server
        self._left = limit

    def wait(self, seconds: float) -> bool:
        """Sleep that long; False, at once: it would be longer than what is left."""
        if seconds > self._left:
            return False
        self._left -= seconds
        if seconds > UNTOLD:
            LOG.warning("%s asks to wait: trying again in %d s", self._server, math.ceil(seconds))
        time.sleep(seconds)
        return True
