"""The report as annotations of a GitHub Actions job."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Failure, Finding, Report, Severity
from meshgate.report import Options
from meshgate.report.escape.terminal import plain, plain_lines
from meshgate.report.escape.workflow import command
from meshgate.report.place import about, nearest
from meshgate.wording import plural

COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
# What GitHub shows of each command for one step; it drops the rest without a word.
SHOWN = 10


def render(report: Report, _options: Options) -> str:
    """One command for each open finding, gravest first, and the number of those left out."""
    return "".join(f"{line}\n" for line in commands(report))


def commands(report: Report) -> Iterator[str]:
    """The commands, at most ten of a sort: the last one counts what does not fit."""
    for severity, name in COMMANDS.items():
        failures = report.failures if severity is Severity.ERROR else ()
        findings = [finding for finding in report.open if finding.severity is severity]
        number = len(failures) + len(findings)
        room = SHOWN if number <= SHOWN else SHOWN - 1
        yield from map(not_judged, failures[:room])
        yield from (
            annotation(name, finding) for finding in findings[: max(0, room - len(failures))]
        )
        if number > room:
            yield command(
                name,
                {"title": f"{number - room} more"},
                f"{plural(number, severity.value)} in all; the step summary has them",
            )


def annotation(name: str, finding: Finding) -> str:
    """A finding beside the line it is about."""
    properties: dict[str, str | int] = {}
    if finding.source:
        properties = {
            "file": plain(finding.source.file),
            "line": finding.source.line,
            "col": finding.source.column,
        }
    environment = f" ({finding.environment})" if finding.environment else ""
    properties["title"] = plain(f"{finding.rule} {finding.name}{environment}")
    undecided = "" if finding.decided else " (undecided)"
    subject = " ".join(about(finding))
    lines = [f"{subject}: {finding.message}{undecided}" if subject else finding.message + undecided]
    if finding.fix:
        lines.append(f"fix: {finding.fix}")
    related, more = nearest(finding)
    lines += [f"see: {other.resource}: {other.message}" for other in related]
    lines += [f"see: {more}"] if more else []
    return command(name, properties, "\n".join(map(plain, lines)))


def not_judged(failure: Failure) -> str:
    """An environment that could not be judged."""
    title = plain(f"{failure.environment} was not judged")
    return command("error", {"title": title}, plain_lines(failure.message))
