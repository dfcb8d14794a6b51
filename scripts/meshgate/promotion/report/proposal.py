"""A promotion before and after it is proposed: for a terminal, for programs, as its own page."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from msgspec import Struct, to_builtins

from meshgate.effect import codec, describe
from meshgate.model import JSONObject
from meshgate.promotion import names
from meshgate.promotion.environment_state import Event
from meshgate.promotion.guards import Refusal
from meshgate.promotion.page import PageContents, render
from meshgate.promotion.pull_request import PullRequestResult
from meshgate.promotion.records import GateVerdict
from meshgate.promotion.times import format_utc
from meshgate.report import Options, formats
from meshgate.report.escape.json_text import Rows, document
from meshgate.report.escape.terminal import page, plain
from meshgate.report.style import TONES, Style

VERSION = 1
# How many ports, calls, files or commits of one sort a terminal is shown.
SHOWN = 12
GATE_STYLES = {
    GateVerdict.PASS: "green",
    GateVerdict.FAIL: "red",
    GateVerdict.WAITING: "yellow",
    GateVerdict.BYPASSED: "yellow",
    GateVerdict.NOT_APPLICABLE: "dim",
}


class ProposalReport(Struct, frozen=True):
    """A promotion, all that guards say of it, and its pull request; `result` None: only planned."""

    contents: PageContents
    refusals: tuple[Refusal, ...]
    result: PullRequestResult | None = None
    # Of the pull request's page.
    limit: int = 65_536


def text(proposals: Sequence[ProposalReport], options: Options) -> str:
    """What would be proposed, or was: effects, files, gates, refusals, and what comes next."""
    style = Style(color=options.color)
    return page(line for proposal in proposals for line in _lines(proposal, style))


def markdown(proposals: Sequence[ProposalReport], _options: Options) -> str:
    """The pull request's page."""
    return "".join(render(proposal.contents, proposal.limit) for proposal in proposals)


def json(proposals: Sequence[ProposalReport], _options: Options) -> str:
    """`{"version", "proposals": [...]}` (schemas/meshgate/proposals.schema.json)."""
    return document(version=VERSION, proposals=Rows(map(as_object, proposals)))


FORMATS = formats.of(text, json, markdown)


def as_object(proposal: ProposalReport) -> JSONObject:
    """A promotion as programs read it."""
    contents, result = proposal.contents, proposal.result
    record = contents.record
    return {
        "environment": record.environment,
        "event": str(record.event),
        "release": record.release,
        "alias": record.alias,
        "sequence": record.sequence,
        "from": contents.before.release if contents.before else None,
        "title": names.title(record),
        "branch": names.branch(record),
        "effects": to_builtins(record.effects),
        "calls": list(map(codec.call, contents.effect.calls)) if contents.effect else [],
        "gates": to_builtins(record.gates),
        "refusals": [
            {
                "guard": refusal.guard,
                "message": refusal.message,
                "hint": refusal.hint,
                "waits": refusal.waits,
                "details": list(refusal.details),
            }
            for refusal in proposal.refusals
        ],
        "commit": result.commit if result else None,
        "pushed": bool(result and result.pushed and result.remote),
        "pullRequest": {
            "number": result.pull.number,
            "url": result.pull.url,
            "state": result.pull.state,
        }
        if result
        else None,
        "superseded": list(result.closed) if result else [],
        "degraded": list(result.degraded) if result else [],
    }


def _lines(proposal: ProposalReport, style: Style) -> Iterator[str]:
    contents = proposal.contents
    record, before = contents.record, contents.before
    yield style("bold", plain(names.title(record)))
    if before is not None and record.event.changes_render:
        yield (
            f"  {plain(before.alias)} ({before.release}) -> {plain(record.alias)} "
            f"({record.release}), sequence {record.sequence}"
        )
    if record.hold is not None and record.event in {Event.HOLD, Event.ROLLBACK}:
        until = format_utc(record.hold.until) if record.hold.until else "it is resumed"
        yield f"  keeps out {' and '.join(map(str, record.hold.blocks))} until {until}"
    for title, lines in (
        ("effects", list(_effects(contents, style))),
        ("resources", list(_resources(contents))),
        (
            "commits",
            [
                f"{change.sha[:10]} {plain(change.subject)}, {plain(change.author)}"
                for change in record.changes
            ],
        ),
        ("gates", list(_gates(contents, style))),
        (
            "passed over",
            [f"{plain(b.gate)}: {plain(b.reason)} ({plain(b.by)})" for b in record.bypasses],
        ),
        ("refused", list(_refusals((r for r in proposal.refusals if not r.waits), style, "red"))),
        ("waits for", list(_refusals(iter(contents.waits), style, "yellow"))),
        ("note", list(map(plain, contents.notes))),
    ):
        yield from _section(title, lines, style)
    if proposal.result is not None:
        yield from _result(proposal.result, style)
    elif not any(not refusal.waits for refusal in proposal.refusals):
        yield ""
        yield f"Nothing was written. `meshgate {record.event}` would open {names.branch(record)}."


def _section(title: str, lines: list[str], style: Style) -> Iterator[str]:
    if not lines:
        return
    yield ""
    yield style("dim", title)
    whole = title in {"refused", "waits for", "gates"}
    for line in lines if whole else lines[:SHOWN]:
        yield f"  {line}"
    if not whole and len(lines) > SHOWN:
        yield f"  and {len(lines) - SHOWN} more"


def _effects(contents: PageContents, style: Style) -> Iterator[str]:
    effect = contents.effect
    if effect is None:
        return
    if effect.is_empty and not effect.uncovered:
        yield describe.NO_EFFECT
    yield from (
        style(TONES[sentence.tone], plain(sentence.text)) for sentence in describe.sentences(effect)
    )
    yield from (plain(describe.uncovered(gone)) for gone in effect.uncovered if gone.is_deleted)


def _resources(contents: PageContents) -> Iterator[str]:
    record = contents.record
    for mark, paths in (("+", record.added), ("~", record.changed), ("-", record.removed)):
        for path in paths:
            yield f"{mark} {plain(path)}"


def _gates(contents: PageContents, style: Style) -> Iterator[str]:
    for gate in contents.record.gates:
        verdict = style(GATE_STYLES[gate.verdict], f"{gate.verdict:14}")
        yield f"{verdict} {plain(gate.name)}: {plain(gate.reason)}"


def _refusals(refusals: Iterator[Refusal], style: Style, colour: str) -> Iterator[str]:
    for (_, hint), group in itertools.groupby(
        refusals, key=lambda refusal: (refusal.guard, refusal.hint)
    ):
        for refusal in group:
            yield f"{style(colour, refusal.guard)} {plain(refusal.message)}"
            yield from (f"  {plain(detail)}" for detail in refusal.details)
        if hint:
            yield f"  hint: {plain(hint)}"


def _result(result: PullRequestResult, style: Style) -> Iterator[str]:
    pull = result.pull
    yield ""
    if pull.state == "merged":
        yield f"{result.commit[:12]} is on {plain(pull.base)}."
        return
    made = "pushed" if result.remote else "made here: there is no remote to push to"
    what = made if result.pushed else "already there, nothing was pushed"
    yield f"{style('bold', plain(pull.url))}: {plain(pull.head)} at {result.commit[:12]}, {what}"
    if result.closed:
        yield "closed, superseded: " + ", ".join(f"{number}" for number in result.closed)
    for reason in result.degraded:
        yield f"{style('yellow', 'degraded')} {plain(reason)}; the next run tries it again"
    if pull.note:
        yield plain(pull.note)
