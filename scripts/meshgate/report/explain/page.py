"""The explanation of a call, put together and written in every format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshgate.effect.codec import place
from meshgate.mesh import Allows, Call, DataPlane, Service, ServicePort, Verdict, Workload
from meshgate.model import JSONObject
from meshgate.report import Options, calls, formats
from meshgate.report.escape.json_text import Rows, document
from meshgate.report.escape.markdown import block, code, prose
from meshgate.report.escape.terminal import page, plain, wrap
from meshgate.report.explain.access import who_gets_in
from meshgate.report.explain.ends import what_is_called, who_calls
from meshgate.report.explain.explanation import CallExplanation, Case, Statement
from meshgate.report.explain.packets import which_packets_pass
from meshgate.report.explain.repair import repairs
from meshgate.report.explain.rule import which_rule
from meshgate.report.explain.server import what_happens, what_is_accepted
from meshgate.report.explain.transport import what_is_sent
from meshgate.report.json import VERSION
from meshgate.report.place import place_text
from meshgate.report.style import Style
from meshgate.report.view import View

STYLES = {"decides": "bold", "hidden": "dim", "works": "green", "broken": "red"}
WIDEST = 100
REPAIR = "How to repair it"
NOTHING = "Nothing: it works."
# The outcome where a call gets nowhere by intent.
ANSWERED = "answered by the client's proxy"
# Policies let some requests in and deny others, which may be just what is meant.
FOR_SOME = (
    "Nothing for the requests that policies let in: they work. To let in more, add a rule for them "
    "to an ALLOW policy of the server, or take them out of the DENY rule that names them."
)
NOT_HERE = "Nothing that could be told here: it depends on what the other side accepts."


def explanations(
    view: View, client: Workload, service: Service, port: ServicePort
) -> Iterator[CallExplanation]:
    """Explanations of a call, one for each place where VirtualServices may send it."""
    targets = list(destinations(view, client, service, port))
    routed = tuple(
        f"{target}:{number.number}" + (f" subset {subset}" if subset else "")
        for target, number, subset in targets
    )
    plain_ = targets == [(service, port, None)]
    for target, number, subset in targets:
        why = view.mesh.explain(client, target.host, number.number, subset)
        yield explained(Case(view, client, target, number, why, () if plain_ else routed))
    if client.plane is DataPlane.SIDECAR and is_seen(view, client, service):
        for why in view.mesh.explain_detours(client, service.host, port.number):
            yield explained(Case(view, client, service, port, why, routed))


def is_seen(view: View, client: Workload, service: Service) -> bool:
    """Whether exportTo lets the proxy of a client know the service."""
    try:
        return view.mesh.service(service.host, client.namespace) is service
    except LookupError:
        return False


def explained(case: Case) -> CallExplanation:
    """The whole explanation of one call."""
    chapters = (
        who_calls(case),
        what_is_called(case),
        which_rule(case),
        what_is_sent(case),
        *which_packets_pass(case),
        what_is_accepted(case),
        *who_gets_in(case),
        what_happens(case),
    )
    return CallExplanation(case, chapters, repairs(case))


def destinations(
    view: View, client: Workload, service: Service, port: ServicePort
) -> Iterator[tuple[Service, ServicePort, str | None]]:
    """Where a sidecar's requests may go; a host that is no service is a detour of its own."""
    if client.plane is not DataPlane.SIDECAR or not is_seen(view, client, service):
        yield service, port, None
        return
    routes = view.mesh.routes(client, service.host, port.number)
    for host, number, subset in sorted(routes, key=lambda each: (*each[:2], each.subset or "")):
        try:
            target = view.mesh.service(host, client.namespace)
        except LookupError:
            continue
        own = target.port(number or port.number)
        if own is not None:
            yield target, own, subset


def text(answers: Sequence[CallExplanation], options: Options) -> str:
    """The explanations as people read them in a terminal."""
    style = Style(color=options.color)
    width = min(options.width, WIDEST)
    lines: list[str] = []
    for explanation in answers:
        lines += ["", *_lines(explanation, style, width)]
    return page(lines[1:])


def json(answers: Sequence[CallExplanation], _options: Options) -> str:
    """`{"version", "explanations"}`."""
    return document(version=VERSION, explanations=Rows(map(_as_json, answers)))


def markdown(answers: Sequence[CallExplanation], _options: Options) -> str:
    """The explanations as sections of a page."""
    return "\n".join(map(_section, answers))


FORMATS = formats.of(text, json, markdown)


def title(explanation: CallExplanation) -> str:
    """Who calls what, where."""
    case = explanation.case
    where = f" in {case.view.environment}" if case.view.environment else ""
    subset = f" subset {case.policy.subset}" if case.policy.subset else ""
    return f"{case.client} calls {case.service.host}:{case.port.number}{subset}{where}"


def outcomes(explanation: CallExplanation) -> list[str]:
    """How the call may end, each way once."""
    return [
        str(outcome)
        for outcome in dict.fromkeys(
            each.outcome
            for delivery in explanation.case.policy.deliveries
            for each in (delivery.alternatives or (delivery,))
        )
    ]


def verdicts(explanation: CallExplanation) -> set[Verdict]:
    """Whether the call works, for each of its endpoints."""
    return {each.verdict for each in explanation.case.policy.deliveries}


def nothing(explanation: CallExplanation) -> str:
    """What is said where there is no repair."""
    if verdicts(explanation) == {Verdict.WORKS}:
        return NOTHING
    deliveries = explanation.case.policy.deliveries
    partial = [
        delivery.admission is not None and delivery.admission.allows is Allows.SOME
        for delivery in deliveries
        if delivery.verdict is not Verdict.WORKS
    ]
    return FOR_SOME if all(partial) and partial else NOT_HERE


def _lines(explanation: CallExplanation, style: Style, width: int) -> Iterator[str]:
    ends = verdicts(explanation)
    colour = "red" if Verdict.BROKEN in ends else "green" if ends == {Verdict.WORKS} else "yellow"
    ending = style(colour, " or ".join(outcomes(explanation)) or ANSWERED)
    yield f"{style('bold', plain(title(explanation)))}: {ending}"
    for chapter in explanation.chapters:
        yield ""
        yield style("cyan", chapter.title)
        for line in chapter.lines:
            yield from _sentence(line, style, width)
    yield ""
    yield style("cyan", REPAIR)
    if not explanation.repairs:
        yield from _hanging(nothing(explanation), "  ", width)
    for repair in explanation.repairs:
        yield from _hanging(plain(repair.text), "  - ", width)
        for manifest in repair.manifest.splitlines():
            yield f"      {style('dim', plain(manifest))}"


def _sentence(line: Statement, style: Style, width: int) -> Iterator[str]:
    spoken = line.text.lstrip()
    indent = "  " + line.text[: len(line.text) - len(spoken)]
    for wrapped in _hanging(plain(spoken), indent, width):
        yield style(STYLES.get(line.mark, ""), wrapped)
    if line.source is not None:
        yield f"{' ' * len(indent)}{style('dim', plain(place_text(line.source)))}"


def _hanging(spoken: str, indent: str, width: int) -> Iterator[str]:
    for number, line in enumerate(wrap(spoken, width - len(indent))):
        yield (indent if number == 0 else " " * len(indent)) + line


def _section(explanation: CallExplanation) -> str:
    ending = " or ".join(outcomes(explanation)) or ANSWERED
    parts = [f"### {prose(title(explanation))}: {prose(ending)}"]
    for chapter in explanation.chapters:
        parts.append(f"#### {prose(chapter.title)}")
        lines = [
            f"- {prose(line.text.strip())}"
            + (f" ({code(place_text(line.source))})" if line.source else "")
            for line in chapter.lines
        ]
        parts.append("\n".join(lines))
    parts.append(f"#### {REPAIR}")
    for repair in explanation.repairs:
        parts.append(prose(repair.text))
        if repair.manifest:
            parts.append(block(repair.manifest.splitlines(), "yaml"))
    if not explanation.repairs:
        parts.append(nothing(explanation))
    return "\n\n".join(parts) + "\n"


def _as_json(explanation: CallExplanation) -> JSONObject:
    case = explanation.case
    return {
        "environment": case.view.environment,
        "client": {"namespace": case.client.namespace, "workload": case.client.name},
        "host": case.service.host,
        "port": case.port.number,
        "subset": case.policy.subset,
        "outcomes": outcomes(explanation),
        "chapters": [
            {
                "title": chapter.title,
                "lines": [
                    {"text": line.text.strip(), "source": place(line.source)}
                    for line in chapter.lines
                ],
            }
            for chapter in explanation.chapters
        ],
        "repairs": [
            {"text": repair.text, "manifest": repair.manifest or None}
            for repair in explanation.repairs
        ],
        "calls": [
            calls.as_json(
                case.view,
                Call(
                    case.client, case.service, case.port, case.policy.subset, case.policy, delivery
                ),
            )
            for delivery in case.policy.deliveries
        ],
    }
