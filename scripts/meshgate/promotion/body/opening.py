"""What follows the verdict: effects, breaks, gates, and where the release has been."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from meshgate.model import JSONObject
from meshgate.promotion.body.contents import Contents
from meshgate.promotion.body.words import (
    CHANGES,
    GRAVEST,
    LONG,
    SHORT,
    client,
    count,
    cut,
    decided_by,
    mode,
    moment,
    outcome,
    port,
    target,
)
from meshgate.promotion.durations import told
from meshgate.promotion.values import GateVerdict
from meshgate.report.budget import Section
from meshgate.report.escape.markdown import cell_code, prose, row
from meshgate.report.summary import plural

GATE_MARKS = {
    GateVerdict.PASS: ":white_check_mark:",
    GateVerdict.FAIL: ":x:",
    GateVerdict.WAITING: ":hourglass:",
    GateVerdict.BYPASSED: ":warning:",
    GateVerdict.NOT_APPLICABLE: ":heavy_minus_sign:",
}
VERDICTS = {
    GateVerdict.PASS: "passed",
    GateVerdict.FAIL: "failed",
    GateVerdict.WAITING: "waits",
    GateVerdict.BYPASSED: "bypassed",
    GateVerdict.NOT_APPLICABLE: "not applicable",
}


def ports(contents: Contents) -> Section:
    """What ports accept, weaker ones first."""
    found = contents.record.effects
    if found is None:
        return Section("")
    rows = [_port_row(entry, ":unlock:") for entry in found.loosened]
    rows += [_port_row(entry, ":lock:") for entry in found.tightened]
    if rows:
        return _table("#### Effects", ("", "port", "before", "after", "decided by"), rows, "ports")
    if contents.calls:
        return Section("#### Effects\n\nNo port accepts anything else than before.\n\n")
    same = f": {plural(found.unchanged, 'port')} as before" if found.unchanged else ""
    return Section(
        f"#### Effects\n\nNo port accepts anything else than before, no call changes{same}.\n\n"
    )


def calls(contents: Contents) -> Section:
    """What becomes of calls, gravest first; those that break have a section of their own."""
    rows = [_call_row(entry) for entry in _by_gravity(contents.calls)]
    if not rows or contents.record.effects is None:
        return Section("")
    return _table("", ("calls", "from", "to", "before", "after"), rows, "groups")


def breaks(contents: Contents) -> Section:
    """The clients that will fail, or that none is known to."""
    found = contents.record.effects
    if found is None:
        return Section("")
    seen = _inventory(found.inventory)
    if not found.breaks:
        return Section(f"#### Breaks\n\nNo client is known to fail. {seen}\n\n")
    rows = [f"{row(_break_cells(entry))}\n" for entry in found.breaks]
    total = sum(count(entry) for entry in found.breaks)
    head = (
        f"#### Breaks: {plural(total, 'call')} will fail\n\n"
        f"{row(('from', 'to', 'before', 'after'))}\n{row(['---'] * 4)}\n"
    )
    end = f"\n{seen}\n\n"
    return Section(head, rows, len(rows), end, "| {} more | | | |\n")


def gates(contents: Contents) -> Section:
    """What it waits for, what passed, and why."""
    results = sorted(contents.record.gates, key=lambda gate: _GATE_ORDER.index(gate.verdict))
    if not results:
        return Section("" if contents.is_stop else "#### Gates\n\nThis environment has none.\n\n")
    rows = [
        row(
            (
                f"{GATE_MARKS[gate.verdict]} {VERDICTS[gate.verdict]}",
                cell_code(cut(gate.name, SHORT)),
                prose(cut(gate.reason, LONG // 2)) + _links(gate.evidence),
            )
        )
        + "\n"
        for gate in results
    ]
    head = f"#### Gates\n\n{row(('', 'gate', 'why'))}\n{row(['---'] * 3)}\n"
    return Section(head, rows, len(rows), "\n", "| | {} more | |\n")


def history(contents: Contents) -> Section:
    """Where this release has been before."""
    rows = [
        row(
            (
                cell_code(cut(stay.environment, SHORT)),
                moment(stay.since) if stay.since else "not yet",
                told(stay.soak) if stay.soak is not None else "-",
                moment(stay.synced_at) if stay.synced_at else "-",
                prose(cut(stay.verification, SHORT)) or "-",
            )
        )
        + "\n"
        for stay in contents.record.upstream
    ]
    if not rows:
        return Section("")
    cells = ("environment", "since", "for", "synced", "verified")
    head = f"#### Where this release has been\n\n{row(cells)}\n{row(['---'] * len(cells))}\n"
    return Section(head, rows, len(rows), "\n", "| {} more | | | | |\n")


_GATE_ORDER = (
    GateVerdict.FAIL,
    GateVerdict.WAITING,
    GateVerdict.BYPASSED,
    GateVerdict.PASS,
    GateVerdict.NOT_APPLICABLE,
)


def _by_gravity(calls: Iterable[JSONObject]) -> list[JSONObject]:
    def key(entry: JSONObject) -> tuple[int, int]:
        change = str(entry.get("change"))
        place = GRAVEST.index(change) if change in GRAVEST else len(GRAVEST)
        return place, -count(entry)

    # Breaks have a section of their own.
    return sorted((entry for entry in calls if entry.get("change") != "breaks"), key=key)


def _table(heading: str, cells: Sequence[str], rows: list[str], noun: str) -> Section:
    head = f"{heading}\n\n" if heading else ""
    head += f"{row(cells)}\n{row(['---'] * len(cells))}\n"
    rest = row(["", f"{{}} more {noun}", *[""] * (len(cells) - 2)])
    return Section(head, [f"{line}\n" for line in rows], len(rows), "\n", f"{rest}\n")


def _port_row(entry: JSONObject, mark: str) -> str:
    before, after = entry.get("before"), entry.get("after")
    return row((mark, port(entry), mode(before), mode(after), decided_by(after)))


def _call_row(entry: JSONObject) -> str:
    number = count(entry)
    change = str(entry.get("change"))
    becomes = CHANGES[change][number != 1] if change in CHANGES else prose(change)
    return row(
        (
            f"{number} {becomes}",
            client(entry),
            target(entry),
            outcome(entry.get("before")),
            outcome(entry.get("after")),
        )
    )


def _break_cells(entry: JSONObject) -> tuple[str, ...]:
    number = count(entry)
    who = client(entry) + (f" ({number} calls)" if number > 1 else "")
    return who, target(entry), outcome(entry.get("before")), outcome(entry.get("after"))


def _inventory(inventory: JSONObject) -> str:
    at = inventory.get("at")
    of = f"the inventory of {prose(cut(str(at), SHORT))}" if at else "the inventory in this commit"
    return f"Judged with {of}."


def _links(evidence: Iterable[JSONObject]) -> str:
    urls = [str(item["url"]) for item in evidence if item.get("url")]
    return "".join(f" {cell_code(cut(url, LONG // 2))}" for url in urls[:1])
