"""From windows of promotion to sync windows of Argo CD: the second belt, never the first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from meshgate.model import JSONObject, WindowEntry
from meshgate.promotion.windows import read_window

EVERY_EVENT = frozenset({"promote", "rollback", "hotfix"})
PART = re.compile(r"(\d+)([smhdw])")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
MINUTE = 60
# Seconds of a window from which on people should know what it costs.
LONG = SECONDS["d"]


def sync_windows(windows: Iterable[WindowEntry]) -> list[JSONObject]:
    """The sync windows that these windows lead to.

    Only a window that denies every event has one: Argo CD cannot tell a rollback from a promotion,
    and outside an `allow` window it would not even undo drift.
    """
    return [
        {
            "kind": "deny",
            **_schedule(window),
            "timeZone": window.timezone,
            "applications": ["*"],
            "manualSync": True,
            "description": _description(window),
        }
        for window in windows
        if denies_all(window)
    ]


def denies_all(window: WindowEntry) -> bool:
    """Whether nothing at all may be merged in this window."""
    return window.kind == "deny" and EVERY_EVENT.issubset(window.events or EVERY_EVENT)


def without_repair(windows: Iterable[WindowEntry]) -> Iterator[str]:
    """For each long window in which Argo CD undoes no drift: how long that is, in a sentence."""
    for window in windows:
        if denies_all(window) and (length := _length(window)) >= LONG:
            days, rest = divmod(length, SECONDS["d"])
            hours = rest // SECONDS["h"]
            lasts = f"{days} days" + (f" and {hours} hours" if hours else "")
            yield (
                f"environments.yaml: while the window {window.name} lasts, {lasts}, Argo CD undoes "
                "no drift by itself; run `meshgate verify` meanwhile"
            )


def _length(window: WindowEntry) -> int:
    """How many seconds a window lasts."""
    if window.cron:
        return _seconds(window.duration)
    dates = read_window(window).dates
    assert dates is not None
    return int((dates.end - dates.start).total_seconds())


def _schedule(window: WindowEntry) -> JSONObject:
    if window.cron:
        return {"schedule": window.cron, "duration": _hours(_seconds(window.duration))}
    begin = datetime.fromisoformat(window.start)
    return {
        "schedule": f"{begin.minute} {begin.hour} {begin.day} {begin.month} *",
        "duration": _hours(_length(window)),
    }


def _description(window: WindowEntry) -> str:
    """Argo CD knows no year: a window of one date comes back until it is removed."""
    text = window.description or window.name
    return f"{text} ({window.start} to {window.end})" if window.start else text


def _seconds(duration: str) -> int:
    return sum(int(number) * SECONDS[unit] for number, unit in PART.findall(duration))


def _hours(seconds: int) -> str:
    """A duration as Go writes it, which knows no days."""
    minutes = -(-seconds // MINUTE)
    hours, rest = divmod(minutes, MINUTE)
    return f"{hours}h{rest}m" if rest else f"{hours}h"
