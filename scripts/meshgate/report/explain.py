"""One call, told step by step: who calls, which rule wins, what is sent, accepted, and done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshgate.mesh import Call, Verdict
from meshgate.mesh.terms import verdict
from meshgate.report import calls
from meshgate.report.escape.json_text import dump, members, rows
from meshgate.report.escape.markdown import block, code, prose
from meshgate.report.escape.terminal import page, plain, wrap
from meshgate.report.json import VERSION, place
from meshgate.report.place import told
from meshgate.report.story.accepted import what_happens, what_is_accepted
from meshgate.report.story.lookup import which_rule
from meshgate.report.story.parties import what_is_called, who_calls
from meshgate.report.story.repair import repairs
from meshgate.report.story.sent import what_is_sent
from meshgate.report.story.told import Case, Story
from meshgate.report.style import Style

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from meshgate.mesh import Service, ServicePort, Workload
    from meshgate.model import JSONObject
    from meshgate.report import Options
    from meshgate.report.story.told import Line
    from meshgate.report.view import View

STYLES = {"decides": "bold", "hidden": "dim", "works": "green", "broken": "red"}
WIDEST = 100
REPAIR = "How to repair it"
NOTHING = "Nothing is to be repaired."


def tell(view: View, client: Workload, service: Service, port: ServicePort) -> Story:
    """The whole story of a call."""
    policy = view.mesh.client_policy(client, service.host, port.number)
    case = Case(view, client, service, port, policy)
    chapters = (
        who_calls(case),
        what_is_called(case),
        which_rule(case),
        what_is_sent(case),
        what_is_accepted(case),
        what_happens(case),
    )
    return Story(case, chapters, repairs(case))


def text(stories: Sequence[Story], options: Options) -> str:
    """The stories as people read them in a terminal."""
    style = Style(color=options.color)
    width = min(options.width, WIDEST)
    lines: list[str] = []
    for story in stories:
        lines += ["", *_lines(story, style, width)]
    return page(lines[1:])


def json(stories: Sequence[Story], _options: Options) -> str:
    """`{"version", "explanations"}`."""
    found = map(_as_json, stories)
    return members([("version", dump(VERSION)), ("explanations", rows(found, " "))]) + "\n"


def markdown(stories: Sequence[Story], _options: Options) -> str:
    """The stories as sections of a page."""
    return "\n".join(map(_section, stories))


FORMATS: dict[str, Callable[[Sequence[Story], Options], str]] = {
    "text": text,
    "json": json,
    "markdown": markdown,
}


def title(story: Story) -> str:
    """Who calls what, where."""
    case = story.case
    where = f" in {case.view.environment}" if case.view.environment else ""
    return f"{case.client} calls {case.service.host}:{case.port.number}{where}"


def outcomes(story: Story) -> list[str]:
    """How the call may end, each way once."""
    return [
        str(outcome)
        for outcome in dict.fromkeys(
            each.outcome
            for delivery in story.case.policy.deliveries
            for each in (delivery.alternatives or (delivery,))
        )
    ]


def _lines(story: Story, style: Style, width: int) -> Iterator[str]:
    verdicts = {verdict(each.outcome, each.transport) for each in story.case.policy.deliveries}
    colour = (
        "red"
        if Verdict.BROKEN in verdicts
        else "green"
        if verdicts == {Verdict.WORKS}
        else "yellow"
    )
    ending = style(colour, " or ".join(outcomes(story)))
    yield f"{style('bold', plain(title(story)))}: {ending}"
    for chapter in story.chapters:
        yield ""
        yield style("cyan", chapter.title)
        for line in chapter.lines:
            yield from _sentence(line, style, width)
    yield ""
    yield style("cyan", REPAIR)
    if not story.repairs:
        yield f"  {NOTHING}"
    for repair in story.repairs:
        yield from _hanging(plain(repair.text), "  - ", width)
        for manifest in repair.manifest.splitlines():
            yield f"      {style('dim', plain(manifest))}"


def _sentence(line: Line, style: Style, width: int) -> Iterator[str]:
    spoken = line.text.lstrip()
    indent = "  " + line.text[: len(line.text) - len(spoken)]
    for told_ in _hanging(plain(spoken), indent, width):
        yield style(STYLES.get(line.mark, ""), told_)
    if line.source is not None:
        yield f"{' ' * len(indent)}{style('dim', plain(told(line.source)))}"


def _hanging(spoken: str, indent: str, width: int) -> Iterator[str]:
    for number, line in enumerate(wrap(spoken, width - len(indent))):
        yield (indent if number == 0 else " " * len(indent)) + line


def _section(story: Story) -> str:
    parts = [f"### {prose(title(story))}: {prose(' or '.join(outcomes(story)))}"]
    for chapter in story.chapters:
        parts.append(f"#### {prose(chapter.title)}")
        lines = [
            f"- {prose(line.text.strip())}"
            + (f" ({code(told(line.source))})" if line.source else "")
            for line in chapter.lines
        ]
        parts.append("\n".join(lines))
    parts.append(f"#### {REPAIR}")
    for repair in story.repairs:
        parts.append(prose(repair.text))
        if repair.manifest:
            parts.append(block(repair.manifest.splitlines(), "yaml"))
    if not story.repairs:
        parts.append(NOTHING)
    return "\n\n".join(parts) + "\n"


def _as_json(story: Story) -> JSONObject:
    case = story.case
    return {
        "environment": case.view.environment,
        "client": {"namespace": case.client.namespace, "workload": case.client.name},
        "host": case.service.host,
        "port": case.port.number,
        "outcomes": outcomes(story),
        "chapters": [
            {
                "title": chapter.title,
                "lines": [
                    {"text": line.text.strip(), "source": place(line.source)}
                    for line in chapter.lines
                ],
            }
            for chapter in story.chapters
        ],
        "repairs": [
            {"text": repair.text, "manifest": repair.manifest or None} for repair in story.repairs
        ],
        "calls": [
            calls.as_json(
                case.view,
                Call(case.client, case.service, case.port, None, case.policy, delivery),
            )
            for delivery in case.policy.deliveries
        ],
    }
