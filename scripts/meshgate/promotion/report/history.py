"""The events of environments, and what a workload enforced, for people and programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from meshgate.effect.describe import named, owner
from meshgate.mesh import ServerMode
from meshgate.model import JSONObject
from meshgate.promotion.history import EnforcedModes, HistoryEntry
from meshgate.promotion.recorded_effects import count_calls, counted_effects
from meshgate.promotion.records import Effects
from meshgate.promotion.times import format_moment, rfc3339
from meshgate.report import Options, formats
from meshgate.report.escape.json_text import Rows, document
from meshgate.report.escape.terminal import page, plain
from meshgate.report.json import VERSION
from meshgate.report.style import Style
from meshgate.report.table import Cell, Column, table
from meshgate.report.view import MODE_STYLES

EVENTS = (
    Column("", right=True),
    Column("merged", whole=True),
    Column("event"),
    Column("release"),
    Column("effect", soft=True),
    Column("by", soft=True, spare=1),
    Column("why", soft=True, spare=2),
)
PORTS = (Column("port", right=True), Column("enforced"), Column("decided by"))
SHORT = 12


class HistoryReport(NamedTuple):
    """What was asked for: the events of environments, or what a workload enforced in each."""

    events: tuple[tuple[str, Sequence[HistoryEntry]], ...] = ()
    enforced: tuple[EnforcedModes, ...] = ()


def text(answers: Sequence[HistoryReport], options: Options) -> str:
    """A table for each environment, or for each answer."""
    style = Style(color=options.color)
    lines: list[str] = []
    for report in answers:
        for name, entries in report.events:
            lines += [style("bold", plain(name)), ""]
            cells = [list(_event(entry)) for entry in entries]
            lines += [*table(EVENTS, cells, style, options.width), ""]
        for enforced in report.enforced:
            lines += [*_enforced(enforced, style, options.width), ""]
    return page(lines[:-1])


def json(answers: Sequence[HistoryReport], _options: Options) -> str:
    """`{"version", "environments", "enforced"}` (schemas/meshgate/history.schema.json)."""
    report = answers[0]
    events = (
        {"environment": name, "events": list(map(_event_json, entries))}
        for name, entries in report.events
    )
    return document(
        version=VERSION,
        environments=Rows(events),
        enforced=Rows(map(_enforced_json, report.enforced)),
    )


FORMATS = formats.of(text, json)


def _event(entry: HistoryEntry) -> Iterator[Cell]:
    record = entry.record
    yield Cell(str(record.sequence), "dim")
    yield Cell(format_moment(entry.merged.committed_at))
    yield Cell(str(record.event), "bold")
    yield Cell(plain(record.alias))
    yield Cell(_effect(record.effects))
    yield Cell(plain(", ".join(_people(entry))))
    yield Cell(plain(record.reason) or "-", "" if record.reason else "dim")


def _people(entry: HistoryEntry) -> Iterator[str]:
    """Who asked, who merged, who agreed."""
    asked = entry.record.requested_by.get("login")
    if asked:
        yield str(asked)
    merger = (entry.pull or {}).get("mergedBy") or entry.merged.committer.partition(" <")[0]
    if merger and merger != asked:
        yield f"merged by {merger}"
    if entry.approvals:
        yield "approved by " + ", ".join(str(enforced["login"]) for enforced in entry.approvals)


def _effect(effects: Effects | None) -> str:
    if effects is None:
        return "-"
    return ", ".join(counted_effects(effects)) or "no port changed"


def _enforced(enforced: EnforcedModes, style: Style, width: int) -> Iterator[str]:
    title = f"{named(enforced.workload)} in {enforced.environment}, {format_moment(enforced.at)}"
    yield style("bold", plain(title))
    yield ""
    yield from table(
        PORTS, [list(_port(port, answer)) for port, answer in enforced.ports], style, width
    )
    yield ""
    if enforced.entry is None:
        yield f"By {enforced.commit.sha[:SHORT]} on the base branch: the environment was floating."
        return
    record, merged = enforced.entry.record, enforced.entry.merged
    when, commit = format_moment(merged.committed_at), merged.sha[:SHORT]
    yield f"By {record.path}, {record.event} of {plain(record.alias)}, merged {when} ({commit})."
    yield plain(f"People: {', '.join(_people(enforced.entry)) or 'not known'}.")
    if not enforced.entry.known_by:
        yield "Who approved it is not known here: there is no tag of it, and no forge to ask."
    elif not enforced.entry.approvals:
        yield f"Its {enforced.entry.known_by} has no approval of it."
    for approval in enforced.entry.approvals:
        login, head = plain(str(approval["login"])), plain(str(approval["commit"]))[:SHORT]
        yield f"Approved by {login} at {head}, {plain(str(approval['at']))}."


def _port(port: int | None, answer: ServerMode) -> Iterator[Cell]:
    yield Cell(str(port) if port is not None else "others")
    if answer.mode is None:
        yield Cell("nothing: no sidecar", "yellow")
        yield Cell("-", "dim")
        return
    doubt = "" if answer.decided else f"? ({answer.reason})"
    captured = "" if answer.captured else " (not captured)"
    yield Cell(plain(f"{answer.mode}{captured}{doubt}"), MODE_STYLES[answer.mode])
    level, policy = answer.decided_by
    yield Cell(plain(f"{level} {owner(policy)}") if policy is not None else "Istio's default")


def _event_json(entry: HistoryEntry) -> JSONObject:
    record, effects = entry.record, entry.record.effects
    return {
        "sequence": record.sequence,
        "event": str(record.event),
        "release": record.release,
        "alias": record.alias,
        "record": record.path,
        "reason": record.reason,
        "ticket": record.ticket,
        "requestedBy": record.requested_by.get("login"),
        "effects": effects
        and {
            "tightened": len(effects.tightened),
            "loosened": len(effects.loosened),
            "breaks": count_calls(effects.breaks),
            "opened": count_calls(effects.opened),
            "closed": count_calls(effects.closed),
        },
        "bypasses": [bypass.gate for bypass in record.bypasses],
        "merged": {
            "commit": entry.merged.sha,
            "by": (entry.pull or {}).get("mergedBy") or entry.merged.committer,
            "at": rfc3339(entry.merged.committed_at),
        },
        "pullRequest": (entry.pull or {}).get("url"),
        "approvals": [
            {key: str(approval[key]) for key in ("login", "commit", "at")}
            for approval in entry.approvals
        ],
        "knownBy": entry.known_by or None,
    }


def _enforced_json(enforced: EnforcedModes) -> JSONObject:
    return {
        "environment": enforced.environment,
        "at": rfc3339(enforced.at),
        "commit": enforced.commit.sha,
        "namespace": enforced.workload.namespace,
        "workload": enforced.workload.name,
        "ports": [
            {
                "port": port,
                "mode": answer.mode,
                "captured": answer.captured,
                "decided": answer.decided,
                "decidedBy": {
                    "level": str(answer.decided_by.level),
                    "resource": owner(answer.decided_by.policy)
                    if answer.decided_by.policy is not None
                    else None,
                },
            }
            for port, answer in enforced.ports
        ],
        "event": _event_json(enforced.entry) if enforced.entry is not None else None,
    }
