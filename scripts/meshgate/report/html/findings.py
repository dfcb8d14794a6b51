"""A finding as the page shows it: words, place, source line, and what else it is about."""

from __future__ import annotations

from meshgate.model import Finding, JSONObject, Position, Report
from meshgate.report.escape.visible import visible
from meshgate.report.excerpt import window
from meshgate.report.place import about, place_text

COLUMNS = 120


def finding(each: Finding, report: Report) -> JSONObject:
    """Everything the page tells of one finding; all text is visible text."""
    waiver = each.waiver
    return {
        "rule": each.rule,
        "name": each.name,
        "severity": each.severity.value,
        "decided": each.decided,
        "environment": visible(each.environment or ""),
        "about": [visible(part) for part in about(each)],
        "message": visible(each.message),
        "fix": visible(each.fix),
        "source": visible(place_text(each.source)) if each.source else "",
        "excerpt": _excerpt(each.source, report) if each.source else None,
        "related": [
            [
                visible(place_text(other.source)) if other.source else "",
                visible(str(other.resource)),
                visible(other.message),
            ]
            for other in each.related
        ],
        "waiver": None
        if waiver is None
        else [visible(waiver.owner), visible(waiver.reason), waiver.lasts.removeprefix("until ")],
    }


def _excerpt(place: Position, report: Report) -> list[object] | None:
    """`[line number, text, where the mark starts, how long it is]`, in columns from 0."""
    line = report.excerpts.get(place, "")
    text, start, length = window(line, place.column - 1, COLUMNS)
    return [place.line, text, start, length] if text.strip() else None
