"""What guards and gates say of pull requests: for people, programs, comments and annotations."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from meshgate.model import JSONObject
from meshgate.promotion.guards import Refusal
from meshgate.promotion.judge import HeadJudgement, MergeVerdict
from meshgate.promotion.records import GateResult
from meshgate.report import Options, formats
from meshgate.report.escape import markdown as md
from meshgate.report.escape.json_text import Rows, document
from meshgate.report.escape.terminal import page, plain
from meshgate.report.escape.workflow import command
from meshgate.report.json import VERSION
from meshgate.report.style import Style
from meshgate.wording import agree, plural

SHORT = 12
COLOURS = {
    MergeVerdict.PASS: "green",
    MergeVerdict.WAITING: "yellow",
    MergeVerdict.REFUSED: "red",
    MergeVerdict.BROKEN: "red",
}
GATE_COLOURS = {"pass": "green", "fail": "red", "waiting": "yellow", "bypassed": "yellow"}
# GitHub shows ten annotations of a sort for each step.
ANNOTATED = 10


def text(judgements: Sequence[HeadJudgement], options: Options) -> str:
    """For each pull request: the verdict, the gates, and each refusal with its way out."""
    style = Style(color=options.color)
    lines: list[str] = []
    for judgement in judgements:
        lines += [*_judgement(judgement, style), ""]
    if not judgements:
        lines = ["There is no open promotion.", ""]
    return page(lines[:-1])


def json(judgements: Sequence[HeadJudgement], _options: Options) -> str:
    """`{"version", "judged": […]}` (schemas/meshgate/check.schema.json)."""
    return document(version=VERSION, judged=Rows(map(_json, judgements)))


def markdown(judgements: Sequence[HeadJudgement], _options: Options) -> str:
    """For a comment or a step summary."""
    lines: list[str] = []
    for judgement in judgements:
        lines += [f"### {md.prose(_subject(judgement))}", "", md.prose(_sentence(judgement)), ""]
        if judgement.gates:
            lines += [md.row(("gate", "verdict", "why")), md.row(("---", "---", "---"))]
            lines += [
                md.row((md.prose(gate.name), gate.verdict.value, md.prose(gate.reason)))
                for gate in judgement.gates
            ]
            lines.append("")
        for refusal, is_last in _grouped(judgement.refusals):
            lines += _markdown(refusal, with_hint=is_last)
        lines.append("")
    return "\n".join(lines)


def github(judgements: Sequence[HeadJudgement], _options: Options) -> str:
    """One annotation for each refusal; the last one counts what does not fit."""
    refusals = [refusal for judgement in judgements for refusal in judgement.refusals]
    room = ANNOTATED if len(refusals) <= ANNOTATED else ANNOTATED - 1
    lines = [
        command(
            "warning" if refusal.waits else "error",
            {"title": f"{refusal.guard} {refusal.name}"},
            "\n".join(map(plain, [refusal.message, *refusal.details, f"hint: {refusal.hint}"])),
        )
        for refusal in refusals[:room]
    ]
    if len(refusals) > room:
        lines.append(
            command("error", {"title": f"{len(refusals) - room} more"}, "see the job's log")
        )
    return "".join(f"{line}\n" for line in lines)


FORMATS = formats.of(text, json, markdown, github)


def _judgement(judgement: HeadJudgement, style: Style) -> Iterator[str]:
    yield style("bold", plain(_subject(judgement)))
    yield style(COLOURS[judgement.verdict], _sentence(judgement))
    for gate in judgement.gates:
        yield _gate(gate, style)
    for refusal, is_last in _grouped(judgement.refusals):
        colour = "yellow" if refusal.waits else "red"
        yield f"{style(colour, refusal.guard)} {refusal.name}: {plain(refusal.message)}"
        for detail in refusal.details:
            yield f"       {plain(detail)}"
        if is_last:
            yield f"       {style('dim', 'hint: ' + plain(refusal.hint))}"


def _grouped(refusals: Sequence[Refusal]) -> Iterator[tuple[Refusal, bool]]:
    """Each refusal, and whether the next one has another hint: one that is shared is given once."""
    for refusal, after in itertools.zip_longest(refusals, refusals[1:]):
        yield refusal, after is None or (after.guard, after.hint) != (refusal.guard, refusal.hint)


def _gate(gate: GateResult, style: Style) -> str:
    verdict = style(GATE_COLOURS.get(gate.verdict, ""), f"{gate.verdict:<14}")
    return f"  {verdict} {plain(gate.name)}: {plain(gate.reason)}"


def _subject(judgement: HeadJudgement) -> str:
    number = f"#{judgement.pull.number} " if judgement.pull is not None else ""
    if judgement.candidate is None:
        what = (
            f"a promotion to {judgement.environment}" if judgement.environment else "no promotion"
        )
        return f"{number}{judgement.head[:SHORT]}: {what}"
    record = judgement.candidate.record
    return f"{number}{record.event}({record.environment}): {record.alias} ({record.release})"


def _sentence(judgement: HeadJudgement) -> str:
    guards = plural(len(judgement.asked), "guard")
    refusing = len({refusal.guard for refusal in judgement.refusals if not refusal.waits})
    match judgement.verdict:
        case MergeVerdict.PASS if judgement.environment is None:
            return "It touches nothing that only promotion may write."
        case MergeVerdict.PASS:
            return f"It may be merged: {guards} asked, none refuses."
        case MergeVerdict.WAITING:
            return f"It waits: {guards} asked, none refuses for good."
        case MergeVerdict.REFUSED:
            refuse = agree(refusing, "refuses", "refuse")
            return f"It may not be merged: {refusing} of {guards} {refuse} it."
        case _:
            return "It could not be judged, so it may not be merged."


def _markdown(refusal: Refusal, *, with_hint: bool) -> Iterator[str]:
    mark = "waits" if refusal.waits else "refused"
    yield f"- **{refusal.guard}** {refusal.name} ({mark}): {md.prose(refusal.message)}"
    for detail in refusal.details:
        yield f"  - {md.prose(detail)}"
    if with_hint:
        yield f"  - hint: {md.prose(refusal.hint)}"


def _json(judgement: HeadJudgement) -> JSONObject:
    record = judgement.candidate.record if judgement.candidate is not None else None
    return {
        "verdict": judgement.verdict.value,
        "head": judgement.head,
        "pullRequest": (
            {"number": judgement.pull.number, "url": judgement.pull.url}
            if judgement.pull is not None
            else None
        ),
        "environment": judgement.environment,
        "event": record.event.value if record else None,
        "release": record.release if record else None,
        "alias": record.alias if record else None,
        "guards": list(judgement.asked),
        "refusals": [
            {
                "guard": refusal.guard,
                "name": refusal.name,
                "message": refusal.message,
                "hint": refusal.hint,
                "waits": refusal.waits,
                "broken": refusal.broken,
                "details": list(refusal.details),
            }
            for refusal in judgement.refusals
        ],
        "gates": [
            {
                "name": gate.name,
                "verdict": gate.verdict.value,
                "reason": gate.reason,
                "evidence": list(gate.evidence),
            }
            for gate in judgement.gates
        ],
    }
