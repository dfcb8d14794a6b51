"""What an audit found: each environment, and each file that is not as it was written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshgate.promotion.audit import Audit, AuditedEnvironment, AuditFault
from meshgate.promotion.files import rendered_folder
from meshgate.report import Options, formats
from meshgate.report.escape.json_text import Rows, document
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
        cells = [list(_cells(audited, audit)) for audited in audit.environments]
        lines += [*table(COLUMNS, cells, style, options.width), ""]
        for fault in audit.faults:
            lines.append(f"{style('red', plain(fault.file))}: {plain(fault.what)}")
            lines += [f"  {plain(line)}" for line in fault.why.splitlines()]
        unproven = [item for audited in audit.environments for item in audited.unproven]
        for item in unproven:
            lines.append(f"{style('yellow', plain(item.file))}: {plain(item.what)}")
            lines += [f"  {plain(line)}" for line in item.why.splitlines()]
        if audit.faults:
            lines += ["", f"{plural(len(audit.faults), 'fault')}.", *_ways_out(audit)]
        elif unproven:
            records = plural(len({item.file for item in unproven}), "record")
            lines.append(f"Not whole: {records} could not be recomputed in all. The rest is whole.")
        else:
            lines.append("Everything is as promotion wrote it.")
    return page(lines)


def json(audits: Sequence[Audit], _options: Options) -> str:
    """`{"version", "deep", "environments", "faults"}` (schemas/meshgate/audit.schema.json)."""
    audit = audits[0]
    return document(
        version=VERSION,
        deep=audit.deep,
        environments=Rows(map(_environment, audit.environments)),
        faults=Rows(map(_fault, audit.faults)),
    )


FORMATS = formats.of(text, json)


def _cells(audited: AuditedEnvironment, audit: Audit) -> Iterator[Cell]:
    own = [fault for fault in audit.faults if fault.environment == audited.environment]
    yield Cell(plain(audited.environment), "bold")
    yield Cell(audited.state.release if audited.state else "-")
    yield Cell(plain(audited.state.alias) if audited.state else "-")
    yield Cell(str(audited.records))
    yield Cell(str(audited.rendered))
    if own:
        yield Cell(plural(len(own), "fault"), "red")
    elif audited.state is None:
        yield Cell("not adopted", "yellow")
    elif audited.unproven:
        yield Cell(f"{len(_not_recomputed(audited))} not recomputed", "yellow")
    else:
        yield Cell("whole", "green")


def _not_recomputed(audited: AuditedEnvironment) -> set[str]:
    return {item.file for item in audited.unproven}


def _environment(audited: AuditedEnvironment) -> dict[str, object]:
    state = audited.state
    return {
        "environment": audited.environment,
        "sequence": state.sequence if state else None,
        "release": state.release if state else None,
        "alias": state.alias if state else None,
        "records": audited.records,
        "renderedAgain": audited.rendered,
        "notRecomputed": [
            {"file": item.file, "what": item.what, "why": item.why} for item in audited.unproven
        ],
    }


def _fault(fault: AuditFault) -> dict[str, object]:
    return {
        "environment": fault.environment,
        "file": fault.file,
        "what": fault.what,
        "why": fault.why,
    }


def _ways_out(audit: Audit) -> Iterator[str]:
    yield "See what changed a file: git log -p -- FILE. Bring it back: git checkout COMMIT -- FILE."
    for audited in audit.environments:
        name = audited.environment
        own = [fault.file for fault in audit.faults if fault.environment == name]
        # An adoption follows the state and its ledger: these must be brought back.
        if own and all(file.startswith(rendered_folder(name)) for file in own):
            command = f"meshgate adopt {plain(name)} --again --reason REASON"
            yield f"Or, to have {plain(name)} rendered anew: {command}."
