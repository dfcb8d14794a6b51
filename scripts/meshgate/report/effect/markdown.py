"""The effect of a change as a comment on a pull request: what reviewers must see comes first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshgate.effect import BREAKING, Change, Strength, describe
from meshgate.effect.grouping import CallLine, PortLine, call_lines, port_lines, unsafe_lines
from meshgate.model import Severity
from meshgate.report import Options, observed
from meshgate.report import markdown as findings
from meshgate.report.budget import FIRST, LIMITS, Section, fit, size
from meshgate.report.effect.compared import Compared, Diff
from meshgate.report.escape.markdown import cell_code, code, prose, row
from meshgate.report.markdown import CLEAN, MARKS, SHORT, cut, folded, item
from meshgate.wording import plural

PORTS = ("", "ports", "before", "after", "decided by")
CALLS = ("", "calls", "of", "to", "before", "after")
# How many environments have a sentence of their own.
FEW = 8
MARK = {
    Change.BREAKS: ":x:",
    Change.LED_AWAY: ":x:",
    Change.EXPOSED: ":unlock:",
    Change.OPENED: ":unlock:",
    Change.ENCRYPTED: ":lock:",
}


def render(diff: Diff, _options: Options, *, limit: int = LIMITS["github"]) -> str:
    """The page, within `limit` characters; verdicts, breaks and first effects within 3,500."""
    first = fit(_opening(diff), min(limit, FIRST))
    return first + fit(_details(diff), limit - size(first))


def _opening(diff: Diff) -> Iterator[Section]:
    """What is seen without a click."""
    yield Section(f"### {_mark(diff)} meshgate: {prose(cut(_heading(diff), SHORT))}\n\n")
    for failure in diff.report.failures:
        message = "<br>".join(prose(cut(line, SHORT)) for line in failure.message.splitlines())
        yield Section(f"**{code(cut(failure.environment))} was not judged.** {message}\n\n")
    yield _verdicts(diff.environments)
    for note in diff.report.notes:
        yield Section(f"Note: {prose(cut(note))}\n\n")
    for each in diff.environments:
        if breaks := call_lines(each.effect.breaks):
            yield _calls(f"#### Breaks in {_name(each)}", each, breaks)
        if lines := unsafe_lines(each.effect.unsafe):
            yield _unsafe(each, lines)
    for each in diff.environments:
        if ports := port_lines(each.effect.ports):
            yield _ports(f"#### Ports in {_name(each)}", ports)
        others = call_lines(x for x in each.effect.calls if x.change not in BREAKING)
        if others:
            yield _calls(f"#### Calls in {_name(each)}", each, others)
        if told := describe.access_sentences(each.effect):
            yield _access(each, told)


def _verdicts(environments: Sequence[Compared]) -> Section:
    """A sentence for each environment, or for the first that change where they are many."""
    shown = sorted(environments, key=lambda each: each.effect.is_empty)[:FEW]
    items = [
        f"- {_sign(each)} **{_name(each)}** {prose(describe.verdict(each.effect))}\n"
        for each in (environments if len(environments) <= FEW else shown)
    ]
    rest = len(environments) - len(shown)
    return Section("".join(items) + (f"- {rest} more environments\n" if rest else "") + "\n")


def _details(diff: Diff) -> Iterator[Section]:
    """What opens with a click: what is not known, what is new, the findings in full."""
    for each in diff.environments:
        effect = each.effect
        if each.seen is not None:
            yield Section(observed.markdown(*each.seen) + "\n")
        for title, texts in (
            ("not decidable", [describe.open_end(x) for x in effect.undecided]),
            ("uncovered by what is deleted", [describe.uncovered(x) for x in effect.uncovered]),
            ("not exercised before", [describe.unexercised(x) for x in effect.unexercised]),
        ):
            if texts:
                items = (f"- {prose(cut(text))}\n" for text in texts)
                yield folded(f"{each.environment}: {len(texts)} {title}", items, len(texts))
    shown = findings.gravest(diff.report.open)
    if shown:
        items = (item(diff.report, finding) for finding in shown)
        yield folded(plural(len(shown), "finding"), items, len(shown))
    yield Section(f"Compared: {code(diff.base)} with {code(diff.head)}\n")


def _ports(title: str, lines: Sequence[PortLine]) -> Section:
    rows = (
        row(
            [
                ":unlock:" if line.first.change is Strength.LOOSENED else ":lock:",
                cell_code(cut(describe.ports_of(line), SHORT)),
                prose(describe.mode(line.first.before)),
                prose(describe.mode(line.first.after)),
                prose(cut(describe.decider(line.first.after), SHORT)),
            ]
        )
        + "\n"
        for line in lines
    )
    return _table(title, PORTS, rows, len(lines))


def _calls(title: str, each: Compared, lines: Sequence[CallLine]) -> Section:
    rows = (
        row(
            [
                MARK.get(Change(line.change), ""),
                f"{line.count:,} {describe.change(line)}",
                prose(cut(describe.who(line, each.effect.clients), SHORT)),
                cell_code(cut(describe.where(line), SHORT)),
                *map(prose, describe.outcomes(line)),
            ]
        )
        + "\n"
        for line in lines
    )
    return _table(title, CALLS, rows, len(lines))


def _access(each: Compared, told: Sequence[describe.Sentence]) -> Section:
    """Which requests policies let in or deny now, each with an example."""
    items = (f"- {prose(cut(sentence.text))}\n" for sentence in told)
    head = f"#### Let in or denied by policies in {_name(each)}\n\n"
    return Section(head, items, len(told), "\n", "- {} more\n")


def _unsafe(each: Compared, lines: Sequence[CallLine]) -> Section:
    items = (
        f"- {line.count:,} of {prose(cut(describe.who(line, each.effect.clients), SHORT))} to "
        f"{code(cut(describe.where(line), SHORT))} {prose(describe.unsafe(line))}\n"
        for line in lines
    )
    head = f"#### The way there is unsafe in {_name(each)}\n\n"
    return Section(head, items, len(lines), "\n", "- {} more\n")


def _table(title: str, columns: Sequence[str], rows: Iterator[str], number: int) -> Section:
    head = f"{title}\n\n{row(columns)}\n{row(['---'] * len(columns))}\n"
    rest = "| | {} more |" + " |" * (len(columns) - 2) + "\n"
    return Section(head, rows, number, "\n", rest)


def _name(each: Compared) -> str:
    return code(cut(each.environment, SHORT))


def _mark(diff: Diff) -> str:
    signs = {_sign(each) for each in diff.environments}
    if diff.report.failures or MARKS[Severity.ERROR] in signs or not diff.environments:
        return MARKS[Severity.ERROR]
    return MARKS[Severity.WARNING] if MARKS[Severity.WARNING] in signs else CLEAN


def _sign(each: Compared) -> str:
    gravity = describe.gravity(each.effect)
    return CLEAN if gravity is None else MARKS[gravity]


def _heading(diff: Diff) -> str:
    changed = [each for each in diff.environments if not each.effect.is_empty]
    if not diff.environments:
        return "nothing was compared"
    if not changed:
        proven = any(each.effect.is_proven for each in diff.environments)
        return f"{describe.NO_EFFECT}: {describe.PROVEN}" if proven else describe.NO_EFFECT
    breaks = sum(x.count for each in changed for x in each.effect.breaks)
    safe = "the way there is safe"
    if not all(each.effect.is_safe for each in changed):
        safe = "the way there is unsafe"
    broken = f"{plural(breaks, 'call')} would break" if breaks else describe.NO_BREAK
    named = ", ".join(each.environment for each in changed)
    return f"changes {named}: {broken}" + ("" if diff.is_drift else f", {safe}")
