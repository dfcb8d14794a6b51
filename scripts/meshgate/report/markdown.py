"""The report as a comment on a pull request: the verdict and the gravest first, details folded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from meshgate.model import Finding, Position, Report, Severity
from meshgate.report import Options
from meshgate.report.budget import FIRST, LIMITS, Section, fit, size
from meshgate.report.escape.markdown import block, cell_code, code, prose, raw_html, row
from meshgate.report.escape.visible import visible
from meshgate.report.excerpt import window
from meshgate.report.place import about, nearest, place_text
from meshgate.report.shared_findings import (
    SharedFinding,
    enumerated,
    shared_failures,
    shared_findings,
)
from meshgate.report.summary import Count, by_environment, severity_text, total, verdict
from meshgate.wording import agree, plural

MARKS = {
    Severity.ERROR: ":x:",
    Severity.WARNING: ":warning:",
    Severity.INFO: ":information_source:",
}
CLEAN = ":white_check_mark:"
COUNTS = (
    "environment",
    "policies",
    "inventory",
    "errors",
    "warnings",
    "info",
    "waived",
    "undecided",
)
FINDINGS = ("", "rule", "where", "what")
# How many environments are shown in their own order.
FEW = 12
# The longest text out of a manifest, in characters: a long one must not push others out.
LONG = 600
SHORT = 200
EXCERPT_COLUMNS = 100


def render(report: Report, _options: Options, *, limit: int = LIMITS["github"]) -> str:
    """The page, within `limit` characters; verdict, counts and first findings within 3,500."""
    grouped = by_environment(report)
    first = fit(opening(report, [count for count, _ in grouped]), min(limit, FIRST))
    return first + fit(details(report, grouped), limit - size(first))


def not_judged(names: Sequence[str]) -> str:
    """Which environments or files could not be judged."""
    return f"{code(cut(enumerated(names)))} {agree(len(names), 'was', 'were')} not judged"


def opening(report: Report, counted: list[Count]) -> Iterator[Section]:
    """What is seen without a click."""
    yield Section(heading(report, counted))
    failures = ((each.environment, each.message) for each in report.failures)
    for message, names in shared_failures(failures).items():
        why = "<br>".join(prose(cut(line, SHORT)) for line in message.splitlines())
        yield Section(f"**{not_judged(names)}.** {why}\n\n")
    if counted:
        yield Section(
            f"{row(COUNTS)}\n{row(['---', *['--:'] * (len(COUNTS) - 1)])}\n",
            (f"{row(cells(count))}\n" for count in busiest(counted) if not count.is_file),
            len(counted),
            "\n",
            "| {} more |\n",
        )
    for note in report.notes:
        yield Section(f"Note: {prose(cut(note))}\n\n")
    if shown := shared_findings(gravest(report.open), across_files=True):
        yield Section(
            f"{row(FINDINGS)}\n{row(['---'] * len(FINDINGS))}\n",
            (f"{line(shared)}\n" for shared in shown),
            len(shown),
            "\n",
            "| | {} more | | |\n",
        )


def heading(report: Report, counted: list[Count]) -> str:
    """One line that says how it stands."""
    whole = total(counted)
    if whole.error or report.failures or not counted:
        mark = MARKS[Severity.ERROR]
    elif whole.warning:
        mark = MARKS[Severity.WARNING]
    else:
        mark = CLEAN
    return f"### {mark} meshgate: {prose(cut(verdict(counted), SHORT))}\n\n"


def cells(count: Count) -> list[str]:
    """One environment in the table of counts."""
    name = cell_code(cut(count.label)) + ("" if count.judged else " (not judged)")
    numbers = (
        count.policies,
        count.inventory,
        count.error,
        count.warning,
        count.info,
        count.waived,
        count.undecided,
    )
    return [name, *("-" if number is None else str(number) for number in numbers)]


def busiest(counted: list[Count]) -> list[Count]:
    """The environments in their own order, or the worst first where they are many."""
    return counted if len(counted) <= FEW else sorted(counted, key=badness)


def badness(count: Count) -> tuple[bool, int, int]:
    """A key that sorts the worst environment first."""
    return count.judged, -count.error, -count.warning


def gravest(findings: Iterable[Finding]) -> list[Finding]:
    """Errors first, otherwise in the order of the report."""
    return sorted(findings, key=lambda finding: finding.severity.rank)


def line(shared: SharedFinding) -> str:
    """A finding as a row of the table."""
    finding = shared.finding
    places = [enumerated(shared.environments) if shared.environments else ""]
    places.append(place_text(finding.source) if finding.source else str(finding.resource or ""))
    return row(
        [
            MARKS[finding.severity],
            cell_code(finding.rule),
            " ".join(cell_code(cut(place, SHORT)) for place in places if place),
            prose(cut(finding.message, SHORT)),
        ]
    )


def details(report: Report, grouped: list[tuple[Count, list[Finding]]]) -> Iterator[Section]:
    """The findings of each environment in full, worst first, then what is waived; folded."""
    for count, findings in sorted(grouped, key=lambda pair: badness(pair[0])):
        if shown := gravest(finding for finding in findings if not finding.waiver):
            items = (item(report, finding) for finding in shown)
            yield folded(verdict([count]), items, len(shown))
    if waived := [finding for finding in report.findings if finding.waiver]:
        yield folded(f"{plural(len(waived), 'finding')} waived", map(accepted, waived), len(waived))


def folded(summary: str, items: Iterable[str], number: int) -> Section:
    """A section that opens with a click."""
    head = f"<details><summary>{raw_html(cut(summary, SHORT))}</summary>\n\n"
    return Section(head, items, number, "\n</details>\n\n", "\n{} more\n")


def item(report: Report, finding: Finding, environments: Sequence[str] = ()) -> str:
    """A finding in full; `environments`: where it holds, if the reader does not know already."""
    severity = severity_text(finding.severity, decided=finding.decided)
    place = f" at {code(cut(place_text(finding.source)))}" if finding.source else ""
    where = f" in {code(cut(enumerated(environments), SHORT))}" if environments else ""
    parts = [
        f"**{code(finding.rule)} {prose(finding.name)}**, {severity}{place}{where}",
        prose(cut(finding.message)),
    ]
    if finding.source and (text := report.excerpts.get(finding.source)):
        parts.append(excerpt(text, finding.source))
    if subject := about(finding):
        parts.append(f"In {', '.join(code(cut(part)) for part in subject)}")
    if finding.fix:
        parts.append(f"Fix: {prose(cut(finding.fix))}")
    others = []
    related, more = nearest(finding)
    for other in related:
        seen = f"{code(cut(place_text(other.source)))} " if other.source else ""
        others.append(f"- {seen}{code(cut(str(other.resource)))}: {prose(cut(other.message))}")
    if more:
        others.append(f"- {more}")
    if others:
        parts.append("\n".join(others))
    return "\n\n".join(parts) + "\n\n"


def excerpt(text: str, place: Position) -> str:
    """The source line with a mark under the word the finding is about."""
    shown, indent, length = window(text, place.column - 1, EXCERPT_COLUMNS)
    number = str(place.line)
    return block(
        [f"{number} | {shown}", f"{' ' * len(number)} | {' ' * indent}{'^' * length}"], "yaml"
    )


def accepted(finding: Finding) -> str:
    """A waived finding: who accepts it, why, until when."""
    waiver = finding.waiver
    if waiver is None:
        return ""
    where = ", ".join(
        code(cut(part)) for part in (finding.environment or "", *about(finding)) if part
    )
    return (
        f"- {code(finding.rule)} {where}: {waiver.lasts} "
        f"by {prose(cut(waiver.owner))}: {prose(cut(waiver.reason))}\n"
    )


def cut(text: str, length: int = LONG) -> str:
    """The text with every character visible, or its start."""
    shown = visible(text[:length])
    return shown if len(shown) <= length and len(text) <= length else shown[:length] + "..."
