"""What a change does to the calls that were seen: which would fail, and which nobody can tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from meshgate.effect.observed import Replay, Replayed, SeenFate
from meshgate.effect.outcomes import WIRE, SeenOutcome
from meshgate.model import JSONObject, SeenCall, Traffic
from meshgate.report.escape.markdown import cell_code, prose, row
from meshgate.report.escape.terminal import plain, wrap
from meshgate.report.style import Style
from meshgate.report.table import Cell, Column, table

HEADINGS = ("client", "to", "per second", "last seen", "before", "after")
COLUMNS = tuple(Column(name, right=name == "per second") for name in HEADINGS)
STALE = (
    "The inventory is stale, or the call is older than the policies: capture both anew, or look at "
    "when it was seen last."
)
# How many calls of a sort are listed before the rest is only counted; json has them all.
SHOWN = 20
# Slower than this is given by the day.
DAILY = 0.01
DAY = 86400


def headline(replay: Replay) -> str:
    """`2 of 4,112 seen edges would fail, 3 cannot be decided`."""
    counts = replay.counts
    text = f"{counts[SeenFate.FAILS]:,} of {len(replay.calls):,} seen edges would fail"
    if counts[SeenFate.UNDECIDED]:
        text += f", {counts[SeenFate.UNDECIDED]:,} cannot be decided"
    return text


def text(traffic: Traffic, replay: Replay, style: Style, width: int) -> list[str]:
    """The lines for a terminal."""
    colour = "red" if replay.failing else "yellow" if replay.undecided else "green"
    lines = [style(colour, headline(replay)), style("dim", plain(origin(traffic)))]
    if replay.failing:
        rows = [_cells(each) for each in replay.failing[:SHOWN]]
        lines += ["", *table(COLUMNS, rows, style, width), *_more(replay.failing)]
    for title, grouped in (
        ("cannot be decided", _by_reason(replay.undecided, lambda each: each.reason)),
        ("seen, though the files deny it", _by_reason(replay.contradicting, _contradiction)),
    ):
        if grouped:
            lines += ["", style("yellow", title)]
        for reason, calls in grouped[:SHOWN]:
            lines += [f"  {line}" for line in wrap(plain(_counted(reason, calls)), width - 2)]
        lines += _more(grouped)
    if replay.contradicting:
        lines += wrap(STALE, width)
    return lines


def markdown(traffic: Traffic, replay: Replay) -> str:
    """A paragraph, a table of what fails, and what is not known folded away."""
    parts = [f"**{headline(replay)}** ({prose(origin(traffic))})"]
    if replay.failing:
        lines = [row(HEADINGS), row(["---"] * len(HEADINGS))]
        lines += [
            row(cell_code(cell.text) for cell in _cells(each)) for each in replay.failing[:SHOWN]
        ]
        parts += ["\n".join(lines), *map(prose, _more(replay.failing))]
    for title, grouped in (
        ("Cannot be decided", _by_reason(replay.undecided, lambda each: each.reason)),
        ("Seen, though the files deny it", _by_reason(replay.contradicting, _contradiction)),
    ):
        if grouped:
            number = sum(len(calls) for _, calls in grouped)
            items = [f"- {prose(_counted(reason, calls))}" for reason, calls in grouped[:SHOWN]]
            inside = "\n".join([*items, *(f"- {prose(line)}" for line in _more(grouped))])
            summary = f"<summary>{title}: {number:,}</summary>"
            parts.append(f"<details>{summary}\n\n{inside}\n\n</details>")
    if replay.contradicting:
        parts.append(STALE)
    return "\n\n".join(parts) + "\n"


def as_json(traffic: Traffic, replay: Replay) -> JSONObject:
    """The object of the contract, with every call that does not simply hold."""
    return {
        "source": traffic.source,
        "window": {"from": _time(traffic.start), "to": _time(traffic.end)},
        "seen": len(replay.calls),
        "counts": {str(fate): replay.counts[fate] for fate in SeenFate},
        "fails": [_entry(each) for each in replay.failing],
        "undecided": [_entry(each) for each in replay.undecided],
        "contradictions": [_entry(each) for each in replay.contradicting],
    }


def origin(traffic: Traffic) -> str:
    """Where and when the calls were seen."""
    return f"{traffic.source}, {_day(traffic.start)} to {_day(traffic.end)}"


def client(call: SeenCall) -> str:
    """The client, as people read it."""
    return call.client or f"unknown ({WIRE.get(call.security, call.security)})"


def target(call: SeenCall) -> str:
    """What was called: host or workload, and the port if it is known."""
    name, port = (call.host, call.port) if call.host else (call.server, call.server_port)
    return f"{name}:{port}" if port is not None else name


def _cells(each: Replayed) -> list[Cell]:
    call = each.call
    after = each.reason or _end(each.after)
    return [
        Cell(plain(client(call))),
        Cell(plain(target(call))),
        Cell(_rate(call.rate)),
        Cell(call.last_seen.strftime("%Y-%m-%d %H:%M")),
        Cell(_end(each.before)),
        Cell(plain(after), "red"),
    ]


def _end(end: SeenOutcome) -> str:
    return " or ".join(end.outcomes) or str(end.verdict)


def _rate(rate: float) -> str:
    if rate >= DAILY:
        return f"{rate:,.2f}"
    return f"{rate * DAY:.0f} a day" if rate * DAY >= 1 else "rare"


def _contradiction(each: Replayed) -> str:
    return each.contradiction


def _by_reason(
    calls: Iterable[Replayed], reason: Callable[[Replayed], str]
) -> list[tuple[str, list[Replayed]]]:
    """The calls by what is said of them, the most frequent first."""
    by_reason: dict[str, list[Replayed]] = {}
    for each in calls:
        by_reason.setdefault(reason(each), []).append(each)
    return sorted(by_reason.items(), key=lambda item: -len(item[1]))


def _counted(reason: str, calls: Sequence[Replayed]) -> str:
    first = calls[0].call
    example = f"{client(first)} to {target(first)}"
    if len(calls) == 1:
        return f"{example}: {reason}"
    return f"{len(calls):,} such as {example}: {reason}"


def _more(rows: Sequence[object]) -> list[str]:
    rest = len(rows) - SHOWN
    return [f"and {rest:,} more; --format json has them all"] if rest > 0 else []


def _entry(each: Replayed) -> JSONObject:
    call = each.call
    return {
        "client": call.client or None,
        "host": call.host or None,
        "port": call.port,
        "server": call.server or None,
        "serverPort": call.server_port,
        "security": str(call.security),
        "rate": call.rate,
        "lastSeen": _time(call.last_seen),
        "fate": str(each.fate),
        "before": list(map(str, each.before.outcomes)),
        "after": list(map(str, each.after.outcomes)),
        "reason": each.reason,
        "contradiction": each.contradiction,
    }


def _time(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _day(time: datetime) -> str:
    return time.strftime("%Y-%m-%d %H:%M")
