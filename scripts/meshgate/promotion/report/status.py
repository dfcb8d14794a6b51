"""The line of environments as people look at it every day: one table, then what waits for what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import to_builtins

from meshgate.model import JSONObject
from meshgate.promotion.overview import EnvironmentOverview, NextRelease, Outlook, Overview, Posture
from meshgate.promotion.records import GateVerdict
from meshgate.promotion.times import format_duration, format_moment
from meshgate.report import Options, formats
from meshgate.report.escape.json_text import Rows, document
from meshgate.report.escape.markdown import cell_code, prose, row
from meshgate.report.escape.terminal import page, plain, wrap
from meshgate.report.json import VERSION
from meshgate.report.style import Style
from meshgate.report.table import Cell, Column, table
from meshgate.wording import plural

COLUMNS = (
    Column("environment"),
    Column("release"),
    Column("for", right=True, whole=True),
    Column("STRICT", right=True, whole=True),
    Column("behind", right=True, spare=3),
    Column("line", soft=True, spare=1),
    Column("pending", soft=True, spare=2),
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


def text(overviews: Sequence[Overview], options: Options) -> str:
    """A table, what stands in the way of each environment, and what to do next."""
    style = Style(color=options.color)
    out: list[str] = []
    for overview in overviews:
        if overview.paused is not None:
            by, reason = plain(overview.paused.by), plain(overview.paused.reason)
            out += [style("red", f"Every promotion is paused by {by}: {reason}"), ""]
        cells = [list(_cells(environment, overview)) for environment in overview.environments]
        out += [*table(COLUMNS, cells, style, options.width), ""]
        paragraphs = [
            part
            for environment in overview.environments
            for part in _paragraph(environment, overview, style)
        ]
        for part in paragraphs:
            first, *rest = wrap(part, options.width)
            out += [first, *(f"  {rest_line}" for rest_line in rest)]
        out += [""] if paragraphs else []
        out += [f"{plain(overview.branch)} is at {overview.commit[:12]}.", *_commands(overview)]
    return page(out)


def json(overviews: Sequence[Overview], _options: Options) -> str:
    """`{"version", "branch", "commit", …}` (schemas/meshgate/status.schema.json)."""
    overview = overviews[0]
    paused = overview.paused and to_builtins(overview.paused)
    return document(
        version=VERSION,
        branch=overview.branch,
        commit=overview.commit,
        now=overview.now.isoformat(),
        paused=paused,
        environments=Rows(_json(environment, overview) for environment in overview.environments),
    )


def markdown(overviews: Sequence[Overview], _options: Options) -> str:
    """For an issue or a dashboard."""
    out: list[str] = []
    for overview in overviews:
        headings = [column.heading for column in COLUMNS]
        out += [row(headings), row(["---"] * len(headings))]
        for environment in overview.environments:
            name, *others = _cells(environment, overview)
            out.append(row([cell_code(name.text), *(prose(cell.text) for cell in others)]))
        paragraphs = (
            _paragraph(environment, overview, Style(color=False))
            for environment in overview.environments
        )
        out += ["", *(f"- {prose(part)}" for own in paragraphs for part in own), ""]
    return "\n".join(out)


FORMATS = formats.of(text, json, markdown)


def _cells(environment: EnvironmentOverview, overview: Overview) -> Iterator[Cell]:
    yield Cell(plain(environment.name), "bold")
    if environment.broken:
        yield Cell("broken", "red")
    else:
        yield Cell(plain(environment.alias) or "not adopted", "" if environment.alias else "yellow")
    yield Cell(
        format_duration(overview.now - environment.since) if environment.since is not None else "-"
    )
    yield _share(environment.posture)
    yield Cell(
        str(environment.newer) if environment.newer else "-", "" if environment.newer else "dim"
    )
    yield _line(environment, overview)
    yield Cell(", ".join(f"#{pull.number}" for pull in environment.pending) or "-")
    if environment.next is None:
        yield Cell("follows main" if not environment.pinned else "adopt it", "dim")
    else:
        word, style = OUTLOOKS[environment.next.outlook]
        alias = f" {plain(environment.next.alias)}" if environment.next.alias else ""
        yield Cell(f"{word}{alias}", style)


def _share(posture: Posture | None) -> Cell:
    if posture is None or not posture.ports:
        return Cell("-", "dim")
    share = 100 * posture.strict // posture.ports
    return Cell(f"{share} %", "green" if share == 100 else "yellow")  # noqa: PLR2004 - all of them


def _line(environment: EnvironmentOverview, overview: Overview) -> Cell:
    """What keeps others out, or is owed; the gravest decides the colour."""
    state = environment.state
    if environment.broken:
        return Cell("audit it", "red")
    parts = []
    if state is not None and state.hold is not None:
        parts.append("held")
    if state is not None and state.pending_backport is not None:
        overdue = environment.overdue(overview.today)
        parts.append(f"hotfix {'overdue' if overdue else 'owed'}")
    if not parts:
        return Cell("open" if environment.pinned else "-", "green" if environment.pinned else "dim")
    return Cell(", ".join(parts), "red" if environment.overdue(overview.today) else "yellow")


def _paragraph(environment: EnvironmentOverview, overview: Overview, style: Style) -> Iterator[str]:
    """One line for each thing that a person may have to do something about."""
    name, state = style("bold", plain(environment.name)), environment.state
    if environment.broken:
        broken, command = plain(environment.broken), f"meshgate audit {plain(environment.name)}"
        yield f"{name}: {style('red', broken)}; {command}"
    if state is not None and state.hold is not None:
        hold = state.hold
        until = f" until {format_moment(hold.until)}" if hold.until else ""
        since = format_duration(overview.now - hold.since)
        by, why = plain(hold.by), plain(hold.reason)
        yield f"{name} is held{until}, for {since}, by {by}: {why}"
    if state is not None and (pending := state.pending_backport) is not None:
        late = environment.overdue(overview.today)
        due = style("red", "overdue") if late else f"due {pending.due}"
        facts = plural(len(pending.facts), "value")
        owed, main = f"{facts} of a hotfix", plain(overview.branch)
        yield f"{name} owes {owed} to {main}, {due}: {pending.record}"
    for pull in environment.pending:
        yield f"{name} has open: {plain(pull.title)} ({plain(pull.url)})"
    if environment.next is not None:
        yield from _in_the_way(name, environment.next)


def _in_the_way(name: str, following: NextRelease) -> Iterator[str]:
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


def _commands(overview: Overview) -> Iterator[str]:
    for environment in overview.environments:
        name = plain(environment.name)
        if environment.pinned and environment.state is None and not environment.broken:
            yield f"To give {name} its first state: meshgate adopt {name}"
        elif (
            environment.next is not None
            and environment.next.outlook is Outlook.READY
            and not environment.pending
        ):
            yield f"To propose what comes next: meshgate promote {name}"


def _json(environment: EnvironmentOverview, overview: Overview) -> JSONObject:
    state = environment.state
    hold = state.hold if state is not None else None
    pending_backport = state.pending_backport if state is not None else None
    return {
        "name": environment.name,
        "mode": "pinned" if environment.pinned else "floating",
        "after": list(environment.after),
        "release": environment.release or None,
        "alias": environment.alias or None,
        "sequence": state.sequence if state is not None else None,
        "since": environment.since.isoformat() if environment.since is not None else None,
        "behind": environment.newer,
        "broken": environment.broken or None,
        "posture": environment.posture._asdict() if environment.posture is not None else None,
        "hold": hold
        and {
            "since": hold.since.isoformat(),
            "until": hold.until.isoformat() if hold.until else None,
            "by": hold.by,
            "reason": hold.reason,
            "blocks": [str(event) for event in hold.blocks],
        },
        "rejected": list(state.rejected) if state is not None else [],
        "debt": pending_backport
        and {
            "record": pending_backport.record,
            "due": pending_backport.due.isoformat(),
            "overdue": environment.overdue(overview.today),
            "facts": len(pending_backport.facts),
        },
        "pending": [
            {
                "number": pull.number,
                "url": pull.url,
                "title": pull.title,
                "head": pull.head,
                "author": pull.author,
            }
            for pull in environment.pending
        ],
        "next": environment.next and _next_json(environment.next),
    }


def _next_json(following: NextRelease) -> JSONObject:
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
