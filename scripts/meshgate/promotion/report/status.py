"""The line of environments as people look at it every day: one table, then what waits for what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from meshgate.model import JSONObject
from meshgate.promotion.durations import moment, told
from meshgate.promotion.overview import Line, Next, Outlook, Overview, Posture
from meshgate.promotion.values import GateVerdict
from meshgate.report import Options
from meshgate.report.escape.json_text import dump, members, rows
from meshgate.report.escape.markdown import cell_code, prose, row
from meshgate.report.escape.terminal import page, plain, wrap
from meshgate.report.json import VERSION
from meshgate.report.style import Style
from meshgate.report.table import Cell, Column, table
from meshgate.wording import plural

COLUMNS = (
    Column("environment"),
    Column("release"),
    Column("for", right=True),
    Column("STRICT", right=True),
    Column("behind", right=True),
    Column("line", soft=True),
    Column("pending", soft=True),
    Column("next", soft=True),
)
OUTLOOKS = {
    Outlook.READY: ("ready", "green"),
    Outlook.WAITING: ("waits", "yellow"),
    Outlook.REFUSED: ("refused", "red"),
    Outlook.NO_OP: ("no effect", "dim"),
    Outlook.NOTHING: ("nothing newer", "dim"),
    Outlook.MANUAL: ("by hand", "dim"),
}


def text(lines_: Sequence[Line], options: Options) -> str:
    """A table, what stands in the way of each environment, and what to do next."""
    style = Style(color=options.color)
    out: list[str] = []
    for line in lines_:
        if line.paused is not None:
            by, reason = plain(str(line.paused["by"])), plain(str(line.paused["reason"]))
            out += [style("red", f"Every promotion is paused by {by}: {reason}"), ""]
        cells = [list(_cells(one, line)) for one in line.environments]
        out += [*table(COLUMNS, cells, style, options.width), ""]
        told_ = [part for one in line.environments for part in _paragraph(one, line, style)]
        for part in told_:
            first, *rest = wrap(part, options.width)
            out += [first, *(f"  {each}" for each in rest)]
        out += [""] if told_ else []
        out += [f"{plain(line.branch)} is at {line.commit[:12]}.", *_commands(line)]
    return page(out)


def json(lines_: Sequence[Line], _options: Options) -> str:
    """`{"version", "branch", "commit", …}` (schemas/meshgate/status.schema.json)."""
    line = lines_[0]
    paused = line.paused and {key: str(line.paused[key]) for key in ("by", "reason")}
    parts = [
        ("version", dump(VERSION)),
        ("branch", dump(line.branch)),
        ("commit", dump(line.commit)),
        ("now", dump(line.now.isoformat())),
        ("paused", dump(paused)),
        ("environments", rows((_json(one, line) for one in line.environments), " ")),
    ]
    return members(parts) + "\n"


def markdown(lines_: Sequence[Line], _options: Options) -> str:
    """For an issue or a dashboard."""
    out: list[str] = []
    for line in lines_:
        headings = [column.heading for column in COLUMNS]
        out += [row(headings), row(["---"] * len(headings))]
        for one in line.environments:
            name, *others = _cells(one, line)
            out.append(row([cell_code(name.text), *(prose(cell.text) for cell in others)]))
        paragraphs = (_paragraph(one, line, Style(color=False)) for one in line.environments)
        out += ["", *(f"- {prose(part)}" for own in paragraphs for part in own), ""]
    return "\n".join(out)


FORMATS: dict[str, Callable[[Sequence[Line], Options], str]] = {
    "text": text,
    "json": json,
    "markdown": markdown,
}


def _cells(one: Overview, line: Line) -> Iterator[Cell]:
    yield Cell(plain(one.name), "bold")
    if one.broken:
        yield Cell("broken", "red")
    else:
        yield Cell(plain(one.alias) or "not adopted", "" if one.alias else "yellow")
    yield Cell(told(line.now - one.since) if one.since is not None else "-")
    yield _share(one.posture)
    yield Cell(str(one.newer) if one.newer else "-", "" if one.newer else "dim")
    yield _standing(one, line)
    yield Cell(", ".join(f"#{pull.number}" for pull in one.pending) or "-")
    if one.next is None:
        yield Cell("follows main" if not one.pinned else "adopt it", "dim")
    else:
        word, style = OUTLOOKS[one.next.outlook]
        alias = f" {plain(one.next.alias)}" if one.next.alias else ""
        yield Cell(f"{word}{alias}", style)


def _share(posture: Posture | None) -> Cell:
    if posture is None or not posture.ports:
        return Cell("-", "dim")
    share = 100 * posture.strict // posture.ports
    return Cell(f"{share} %", "green" if share == 100 else "yellow")  # noqa: PLR2004 - all of them


def _standing(one: Overview, line: Line) -> Cell:
    """What keeps others out, or is owed; the gravest decides the colour."""
    state = one.state
    if one.broken:
        return Cell("audit it", "red")
    parts = []
    if state is not None and state.hold is not None:
        parts.append("held")
    if state is not None and state.debt is not None:
        overdue = one.overdue(line.today)
        parts.append(f"hotfix {'overdue' if overdue else 'owed'}")
    if not parts:
        return Cell("open" if one.pinned else "-", "green" if one.pinned else "dim")
    return Cell(", ".join(parts), "red" if one.overdue(line.today) else "yellow")


def _paragraph(one: Overview, line: Line, style: Style) -> Iterator[str]:
    """One line for each thing that a person may have to do something about."""
    name, state = style("bold", plain(one.name)), one.state
    if one.broken:
        yield f"{name}: {style('red', plain(one.broken))}; meshgate audit {plain(one.name)}"
    if state is not None and state.hold is not None:
        hold = state.hold
        until = f" until {moment(hold.until)}" if hold.until else ""
        since = told(line.now - hold.since)
        by, why = plain(hold.by), plain(hold.reason)
        yield f"{name} is held{until}, for {since}, by {by}: {why}"
    if state is not None and state.debt is not None:
        late = one.overdue(line.today)
        due = style("red", "overdue") if late else f"due {state.debt.due}"
        facts = plural(len(state.debt.facts), "value")
        yield f"{name} owes {facts} of a hotfix to {plain(line.branch)}, {due}: {state.debt.record}"
    for pull in one.pending:
        yield f"{name} has open: {plain(pull.title)} ({plain(pull.url)})"
    if one.next is not None:
        yield from _in_the_way(name, one.next)


def _in_the_way(name: str, following: Next) -> Iterator[str]:
    if following.outlook in {Outlook.NO_OP, Outlook.MANUAL}:
        yield f"{name}: {plain(following.reasons[0])}"
        return
    if following.outlook is Outlook.NOTHING:
        return
    release = plain(following.alias) or "the next release"
    waiting = [gate for gate in following.gates if gate.verdict is GateVerdict.WAITING]
    for gate in waiting:
        yield f"{name}: {release} waits for {plain(gate.name)}: {plain(gate.reason)}"
    for reason in following.reasons:
        # A gate that waits refuses as well, in its own words.
        if not any(gate.reason in reason for gate in waiting):
            yield f"{name}: {release}: {plain(reason)}"


def _commands(line: Line) -> Iterator[str]:
    for one in line.environments:
        if one.pinned and one.state is None and not one.broken:
            yield f"To give {plain(one.name)} its first state: meshgate adopt {plain(one.name)}"
        elif one.next is not None and one.next.outlook is Outlook.READY and not one.pending:
            yield f"To propose what comes next: meshgate promote {plain(one.name)}"


def _json(one: Overview, line: Line) -> JSONObject:
    state = one.state
    hold = state.hold if state is not None else None
    debt = state.debt if state is not None else None
    return {
        "name": one.name,
        "mode": "pinned" if one.pinned else "floating",
        "after": list(one.after),
        "release": one.release or None,
        "alias": one.alias or None,
        "sequence": state.sequence if state is not None else None,
        "since": one.since.isoformat() if one.since is not None else None,
        "behind": one.newer,
        "broken": one.broken or None,
        "posture": one.posture._asdict() if one.posture is not None else None,
        "hold": hold
        and {
            "since": hold.since.isoformat(),
            "until": hold.until.isoformat() if hold.until else None,
            "by": hold.by,
            "reason": hold.reason,
            "blocks": [str(event) for event in hold.blocks],
        },
        "rejected": list(state.rejected) if state is not None else [],
        "debt": debt
        and {
            "record": debt.record,
            "due": debt.due.isoformat(),
            "overdue": one.overdue(line.today),
            "facts": len(debt.facts),
        },
        "pending": [
            {
                "number": pull.number,
                "url": pull.url,
                "title": pull.title,
                "head": pull.head,
                "author": pull.author,
            }
            for pull in one.pending
        ],
        "next": one.next and _next_json(one.next),
    }


def _next_json(following: Next) -> JSONObject:
    return {
        "outlook": following.outlook,
        "release": following.release or None,
        "alias": following.alias or None,
        "reasons": list(following.reasons),
        "gates": [
            {"name": gate.name, "verdict": gate.verdict, "reason": gate.reason}
            for gate in following.gates
        ],
    }
