"""What follows the verdict: effects, breaks, gates, and where the release has been."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from meshgate.effect import CallChange, CallState, Change, PortChange, describe
from meshgate.mesh import Verdict
from meshgate.model import JSONObject
from meshgate.promotion.body.contents import Contents
from meshgate.promotion.body.words import LONG, SHORT, cut, moment
from meshgate.promotion.durations import told
from meshgate.promotion.values import GateVerdict
from meshgate.report.budget import Section
from meshgate.report.escape.markdown import cell_code, prose, row
from meshgate.wording import plural

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
    effect = contents.effect
    if effect is None:
        return Section("")
    rows = [_port_row(change, ":unlock:") for change in effect.loosened]
    rows += [_port_row(change, ":lock:") for change in effect.tightened]
    if rows:
        return _table("#### Effects", ("", "port", "before", "after", "decided by"), rows, "ports")
    if effect.calls:
        return Section("#### Effects\n\nNo port accepts anything else than before.\n\n")
    unchanged = contents.record.effects.unchanged if contents.record.effects else 0
    same = f": {plural(unchanged, 'port')} as before" if unchanged else ""
    return Section(
        f"#### Effects\n\nNo port accepts anything else than before, no call changes{same}.\n\n"
    )


def calls(contents: Contents) -> Section:
    """What becomes of calls, gravest first; those that break have a section of their own."""
    found = contents.effect.calls if contents.effect else ()
    rows = [
        _call_row(change)
        for change in sorted(found, key=lambda each: (_GRAVITY[each.change], -each.count))
        if change.change is not Change.BREAKS
    ]
    if not rows:
        return Section("")
    return _table("", ("calls", "from", "to", "before", "after"), rows, "groups")


def breaks(contents: Contents) -> Section:
    """The clients that will fail, or that none is known to."""
    if contents.effect is None:
        return Section("")
    found = contents.effect.breaks
    seen = _inventory(contents.record.effects.inventory if contents.record.effects else {})
    if not found:
        return Section(f"#### Breaks\n\nNo client is known to fail. {seen}\n\n")
    rows = [f"{row(_break_cells(change))}\n" for change in found]
    total = sum(change.count for change in found)
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


_GRAVITY = {change: rank for rank, change in enumerate(describe.VERBS)}


def _table(heading: str, cells: Sequence[str], rows: list[str], noun: str) -> Section:
    head = f"{heading}\n\n" if heading else ""
    head += f"{row(cells)}\n{row(['---'] * len(cells))}\n"
    rest = row(["", f"{{}} more {noun}", *[""] * (len(cells) - 2)])
    return Section(head, [f"{line}\n" for line in rows], len(rows), "\n", f"{rest}\n")


def _port_row(change: PortChange, mark: str) -> str:
    return row(
        (
            mark,
            cell_code(cut(str(change), SHORT)),
            cell_code(describe.mode(change.before)),
            cell_code(describe.mode(change.after)),
            prose(cut(describe.decider(change.after), SHORT)),
        )
    )


def _call_row(change: CallChange) -> str:
    becomes = describe.becomes(change.change, change.count)
    return row((f"{change.count:,} {becomes}", *_call_cells(change)))


def _call_cells(change: CallChange) -> tuple[str, ...]:
    return (
        cell_code(cut(describe.clients(change.clients, change.clients.plane), SHORT)),
        cell_code(cut(f"{change.host}:{change.port}", SHORT)),
        _outcome(change.before),
        _outcome(change.after),
    )


def _break_cells(change: CallChange) -> tuple[str, ...]:
    who, *others = _call_cells(change)
    return (who + (f" ({change.count} calls)" if change.count > 1 else ""), *others)


def _outcome(state: CallState | None) -> str:
    told = prose(describe.outcome(state))
    return f"**{told}**" if state is not None and state.verdict is Verdict.BROKEN else told


def _inventory(inventory: JSONObject) -> str:
    at = inventory.get("at")
    of = f"the inventory of {prose(cut(str(at), SHORT))}" if at else "the inventory in this commit"
    return f"Judged with {of}."


def _links(evidence: Iterable[JSONObject]) -> str:
    urls = [str(item["url"]) for item in evidence if item.get("url")]
    return "".join(f" {cell_code(cut(url, LONG // 2))}" for url in urls[:1])
