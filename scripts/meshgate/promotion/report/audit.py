"""What an audit found: each environment, and each file that is not as it was written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from meshgate.promotion.audit import Audit, Audited
from meshgate.promotion.files import rendered_folder
from meshgate.report import Options
from meshgate.report.escape.json_text import dump, members, rows
from meshgate.report.escape.terminal import page, plain
from meshgate.report.json import VERSION
from meshgate.report.style import Style
from meshgate.report.table import Cell, Column, table
from meshgate.wording import plural

COLUMNS = (
    Column("environment"),
    Column("release"),
    Column("alias"),
    Column("records", right=True),
    Column("rendered again", right=True),
    Column("result"),
)


def text(audits: Sequence[Audit], options: Options) -> str:
    """A table, then each fault with what to do about it."""
    style = Style(color=options.color)
    lines: list[str] = []
    for audit in audits:
        rows_ = [list(_cells(each, audit)) for each in audit.environments]
        lines += [*table(COLUMNS, rows_, style, options.width), ""]
        for fault in audit.faults:
            lines.append(f"{style('red', plain(fault.file))}: {plain(fault.what)}")
            lines += [f"  {plain(line)}" for line in fault.why.splitlines()]
        if audit.faults:
            lines += ["", f"{plural(len(audit.faults), 'fault')}.", *_ways_out(audit)]
        else:
            lines.append("Everything is as promotion wrote it.")
    return page(lines)


def json(audits: Sequence[Audit], _options: Options) -> str:
    """`{"version", "deep", "environments", "faults"}` (schemas/meshgate/audit.schema.json)."""
    audit = audits[0]
    return (
        members(
            [
                ("version", dump(VERSION)),
                ("deep", dump(audit.deep)),
                ("environments", rows(map(_environment, audit.environments), " ")),
                ("faults", rows((fault._asdict() for fault in audit.faults), " ")),
            ]
        )
        + "\n"
    )


FORMATS: dict[str, Callable[[Sequence[Audit], Options], str]] = {"text": text, "json": json}


def _cells(each: Audited, audit: Audit) -> Iterator[Cell]:
    own = [fault for fault in audit.faults if fault.environment == each.environment]
    yield Cell(plain(each.environment), "bold")
    yield Cell(each.state.release if each.state else "-")
    yield Cell(plain(each.state.alias) if each.state else "-")
    yield Cell(str(each.records))
    yield Cell(str(each.rendered))
    if own:
        yield Cell(plural(len(own), "fault"), "red")
    elif each.state is None:
        yield Cell("not adopted", "yellow")
    else:
        yield Cell("whole", "green")


def _environment(each: Audited) -> dict[str, object]:
    state = each.state
    return {
        "environment": each.environment,
        "sequence": state.sequence if state else None,
        "release": state.release if state else None,
        "alias": state.alias if state else None,
        "records": each.records,
        "renderedAgain": each.rendered,
    }


def _ways_out(audit: Audit) -> Iterator[str]:
    yield "See what changed a file: git log -p -- FILE. Bring it back: git checkout COMMIT -- FILE."
    for each in audit.environments:
        name = each.environment
        own = [fault.file for fault in audit.faults if fault.environment == name]
        # An adoption follows the state and its ledger: these must be brought back.
        if own and all(file.startswith(rendered_folder(name)) for file in own):
            command = f"meshgate adopt {plain(name)} --again --reason REASON"
            yield f"Or, to have {plain(name)} rendered anew: {command}."
