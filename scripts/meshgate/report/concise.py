"""The report with one line a finding, as compilers write it: for grep, editors and long lists."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Report
from meshgate.report import Options
from meshgate.report.escape.terminal import plain
from meshgate.report.place import about, place_text
from meshgate.report.shared_findings import (
    SharedFinding,
    enumerated,
    shared_failures,
    shared_findings,
)
from meshgate.report.style import Style
from meshgate.report.summary import counts, severity_text, verdict
from meshgate.report.text import COLOURS


def render(report: Report, options: Options) -> str:
    """`file:line:column: severity ID message (object) [environments]`, and the sentence of all."""
    return "".join(f"{line}\n" for line in lines(report, options))


def lines(report: Report, options: Options) -> Iterator[str]:
    """One line for all environments in which a finding reads the same, in the report's order."""
    style = Style(color=options.color)
    for shared in shared_findings(report.findings if options.verbose else report.open):
        yield line(shared, style)
    yield from failures(report, style)
    sentence = plain(verdict(counts(report)))
    yield style("bold", sentence[:1].upper() + sentence[1:] + ".")


def failures(report: Report, style: Style) -> Iterator[str]:
    """One line for each reason why something could not be judged."""
    failed = ((each.environment, " ".join(each.message.split())) for each in report.failures)
    for message, names in shared_failures(failed).items():
        yield f"{style('red', 'not judged')} {plain(enumerated(names))}: {plain(message)}"


def line(shared: SharedFinding, style: Style) -> str:
    """One finding, with every environment it holds in."""
    finding, environments, _ = shared
    severity = severity_text(finding.severity, decided=finding.decided)
    parts = [
        style("bold", plain(place_text(finding.source)) + ":") if finding.source else "",
        style(COLOURS[finding.severity], severity),
        style("bold", plain(finding.rule)),
        plain(" ".join(finding.message.split())),
        style("dim", plain(f"({', '.join(about(finding))})")) if about(finding) else "",
        style("dim", plain(f"[{', '.join(environments)}]")) if environments else "",
        style("green", "(waived)") if finding.waiver else "",
    ]
    return " ".join(part for part in parts if part)
