"""The first sections of a page: verdict, alarms, effects, breaks, gates, and its history."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence

from meshgate.effect import BREAKING, CallChange, CallState, PortChange, describe
from meshgate.effect.changes import port_name
from meshgate.mesh import Verdict
from meshgate.promotion.environment_state import Event
from meshgate.promotion.guards import BY_ID
from meshgate.promotion.page.contents import LONG, SHORT, PageContents, cut
from meshgate.promotion.records import GateEvidence, GateVerdict, InventoryUsed, PromotionRecord
from meshgate.promotion.times import format_duration, format_utc
from meshgate.report.budget import Section
from meshgate.report.escape.markdown import cell_code, code, prose, row
from meshgate.wording import agree, plural

REFUSED, WAITS, DOUBTFUL, READY = ":x:", ":hourglass:", ":warning:", ":white_check_mark:"
# How many of what it waits for the first line names.
NAMED = 3
DOES = {
    Event.PROMOTE: "puts {0} on {1}",
    Event.HOTFIX: "puts the hotfix {0} on {1}",
    Event.ROLLBACK: "puts {1} back to {0}",
    Event.ADOPT: "takes {1} over as it is, at {0}",
    Event.HOLD: "holds {1}: {2}",
    Event.RESUME: "resumes {1}: promotions may enter it again",
    Event.REJECT: "rejects {3} for {1} and everything after it",
}

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


def verdict(contents: PageContents) -> Section:
    """One line that says how it stands, and what a merge will do."""
    return Section(f"### {_heading(contents)}\n\n{_what_happens(contents)}\n\n")


def reason(contents: PageContents) -> Section:
    """Why somebody asked for it."""
    record = contents.record
    if not record.reason:
        return Section("")
    ticket = f" ({prose(cut(record.ticket, SHORT))})" if record.ticket else ""
    item = f"**Why:** {prose(cut(record.reason, LONG // 2))}{ticket}\n\n"
    return Section("", [item], 1, "", f"**Why:** see {code(record.path)}\n\n")


def alarms(contents: PageContents) -> Section:
    """What a reviewer must not miss: refusals, accepted breaks, bypasses, weaker ports."""
    items = [
        f"- :x: **{prose(refusal.guard)}** {prose(cut(refusal.message, LONG // 2))}\n"
        for refusal in contents.refusals
    ]
    items += [
        f"- :hourglass: **{prose(refusal.guard)}** {prose(cut(refusal.message, LONG // 2))}\n"
        for refusal in contents.waits
    ]
    record = contents.record
    items += [
        f"- :warning: {code(cut(str(accepted.get('finding', 'breaks')), SHORT))} is acknowledged "
        f"by {prose(cut(str(accepted.get('by', '')), SHORT))} until "
        f"{prose(str(accepted.get('until', '')))}\n"
        for accepted in record.acknowledges
    ]
    items += [
        f"- :warning: {code(cut(bypass.gate, SHORT))} is passed over by "
        f"{prose(cut(bypass.by, SHORT))}: {prose(cut(bypass.reason, SHORT))}\n"
        for bypass in record.bypasses
    ]
    items += [f"- {prose(cut(note, LONG // 2))}\n" for note in contents.notes]
    if contents.also_in:
        names = ", ".join(map(code, contents.also_in))
        items.append(
            f"- :warning: {names} {agree(len(contents.also_in), 'has', 'have')} the rejected "
            "release too: run the same command there\n"
        )
    return Section("", items, len(items), "\n", "- {} more\n") if items else Section("")


def _heading(contents: PageContents) -> str:
    mark, stand = _status(contents)
    return f"{mark} {code(cut(contents.environment, SHORT))}: {stand}{_summary(contents)}"


def _status(contents: PageContents) -> tuple[str, str]:
    if contents.refusals:
        guards = ", ".join(dict.fromkeys(refusal.guard for refusal in contents.refusals))
        return REFUSED, f"refused by {prose(cut(guards, SHORT))}"
    names = [code(cut(gate.name, SHORT)) for gate in contents.waiting]
    names += [BY_ID[refusal.guard].awaits or prose(refusal.name) for refusal in contents.waits]
    if names := list(dict.fromkeys(names)):
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        return WAITS, f"waits for {', '.join(names[:NAMED])}{more}"
    return (DOUBTFUL if contents.needs_a_look else READY), "ready to merge"


def _summary(contents: PageContents) -> str:
    effect = contents.effect
    return "" if effect is None else f" \u2014 {describe.verdict(effect)}"


def _what_happens(contents: PageContents) -> str:
    record = contents.record
    release = f"**{code(record.alias)}** ({code(record.release)})"
    name = f"**{code(record.environment)}**"
    gone = ", ".join(map(code, _rejected(contents)))
    text = "Merging this " + DOES[record.event].format(release, name, _hold_text(record), gone)
    before = contents.before
    if before is not None and record.event.changes_render:
        text += f", in place of {code(before.alias)} (sequence {before.sequence})"
    if record.event.changes_render:
        numbers = (
            f"{len(files)} {word}"
            for files, word in (
                (record.added, "added"),
                (record.changed, "changed"),
                (record.removed, "removed"),
            )
            if files
        )
        changed = ", ".join(numbers) or "no file changes"
        folder = code(f"rendered/{record.environment}")
        text += f". Its clusters sync {folder}: {changed}, {record.rendered.resources} in all"
    if record.event is Event.ROLLBACK:
        text += f". {name} is held afterwards: {_hold_text(record)}"
        text += f"; {gone} is rejected, here and in everything after it" if gone else ""
    return text + "."


def _hold_text(record: PromotionRecord) -> str:
    """What a hold keeps out, and until when."""
    if record.hold is None:
        return ""
    until = format_utc(record.hold.until) if record.hold.until else "it is resumed"
    return f"no {' and no '.join(map(str, record.hold.blocks))} enters it until {until}"


def _rejected(contents: PageContents) -> list[str]:
    """The releases that are rejected by this event."""
    before = contents.before.rejected if contents.before else ()
    return [release for release in contents.record.rejected if release not in before]


def ports(contents: PageContents) -> Section:
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


def access(contents: PageContents) -> Section:
    """Who is let in now, or denied requests, each with one request as an example."""
    effect = contents.effect
    sentences = describe.access_sentences(effect, *describe.ACCESS) if effect is not None else []
    if not sentences:
        return Section("")
    opened = sum(each.count for each in effect.opened) if effect is not None else 0
    head = f"#### Who gets in: {plural(opened, 'call')} let in that policies denied\n\n"
    items = [
        f"- {MARKS.get(each.tone, ':lock:')} {prose(cut(each.text, LONG))}\n" for each in sentences
    ]
    return Section(head, items, len(items), "\n", "- {} more\n")


def calls(contents: PageContents) -> Section:
    """What becomes of calls, gravest first; who breaks or is let in has a section of its own."""
    calls = contents.effect.calls if contents.effect else ()
    rows = [
        _call_row(change)
        for change in describe.gravest_first(calls)
        if change.change not in {*BREAKING, *describe.ACCESS}
    ]
    if not rows:
        return Section("")
    return _table("", ("calls", "from", "to", "before", "after"), rows, "groups")


def breaks(contents: PageContents) -> Section:
    """The clients whose calls break or are led away, or that none is known to."""
    if contents.effect is None:
        return Section("")
    broken = contents.effect.breaks
    effects = contents.record.effects
    seen = _inventory(effects.inventory if effects else {})
    if not broken:
        return Section(f"#### Breaks\n\nNo client is known to fail. {seen}\n\n")
    rows = [f"{row(_break_cells(change))}\n" for change in describe.gravest_first(broken)]
    head = (
        f"#### Breaks: {describe.counted_calls(broken)}\n\n"
        f"{row(('from', 'to', 'before', 'after'))}\n{row(['---'] * 4)}\n"
    )
    end = f"\n{seen}\n\n"
    return Section(head, rows, len(rows), end, "| {} more | | | |\n")


def gates(contents: PageContents) -> Section:
    """What it waits for, what passed, and why."""
    results = sorted(contents.record.gates, key=lambda gate: _GATE_ORDER.index(gate.verdict))
    if not results:
        if contents.is_stop:
            return Section("")
        named = ", ".join(cell_code(cut(name, SHORT)) for name in contents.named)
        none = f"None of them holds for this: {named}." if named else "This environment has none."
        return Section(f"#### Gates\n\n{none}\n\n")
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


def history(contents: PageContents) -> Section:
    """Where this release has been before."""
    rows = [
        row(
            (
                cell_code(cut(upstream.environment, SHORT)),
                format_utc(upstream.since) if upstream.since else "not yet",
                _length(upstream.soak),
                format_utc(upstream.synced_at) if upstream.synced_at else "-",
                prose(cut(upstream.verification, SHORT)) or "-",
            )
        )
        + "\n"
        for upstream in contents.record.upstream
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


MARKS = {describe.Tone.BAD: ":unlock:"}


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
    becomes = describe.of_count(describe.of_call(change), change.count)
    return row((f"{change.count:,} {becomes}", *_call_cells(change)))


def _call_cells(change: CallChange) -> tuple[str, ...]:
    return (
        cell_code(cut(describe.clients(change.clients, change.clients.plane), SHORT)),
        cell_code(cut(f"{change.host}:{port_name(change.port)}", SHORT)),
        _outcome(change.before),
        _outcome(change.after),
    )


def _break_cells(change: CallChange) -> tuple[str, ...]:
    who, *others = _call_cells(change)
    return (who + (f" ({change.count} calls)" if change.count > 1 else ""), *others)


def _outcome(state: CallState | None) -> str:
    text = prose(describe.outcome(state))
    return f"**{text}**" if state is not None and state.verdict is Verdict.BROKEN else text


def _length(seconds: int | None) -> str:
    return "-" if seconds is None else format_duration(datetime.timedelta(seconds=seconds))


def _inventory(inventory: InventoryUsed) -> str:
    at = inventory.get("at")
    of = f"the inventory of {prose(cut(str(at), SHORT))}" if at else "the inventory in this commit"
    return f"Judged with {of}."


def _links(evidence: Iterable[GateEvidence]) -> str:
    urls = [str(item["url"]) for item in evidence if item.get("url")]
    return "".join(f" {cell_code(cut(url, LONG // 2))}" for url in urls[:1])
