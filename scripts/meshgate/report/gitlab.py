"""The report as a GitLab Code Quality artifact (docs.gitlab.com, Code Quality report format)."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Finding, JSONObject, Report, Severity, fingerprint
from meshgate.report import Options
from meshgate.report.escape.json_text import Rows, write
from meshgate.report.escape.visible import visible, visible_lines
from meshgate.report.place import ENVIRONMENTS

SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "minor", Severity.INFO: "info"}
NOT_JUDGED = "blocker"


def render(report: Report, _options: Options) -> str:
    """A JSON array of the findings that nobody has accepted."""
    return write(Rows(unique(issues(report)))) + "\n"


def issues(report: Report) -> Iterator[JSONObject]:
    """One entry for each open finding and each environment that was not judged."""
    for failure in report.failures:
        yield {
            "description": visible_lines(
                f"{failure.environment} was not judged: {failure.message}"
            ),
            "check_name": "not-judged",
            "fingerprint": fingerprint("not-judged", failure.environment),
            "severity": NOT_JUDGED,
            "location": {"path": ENVIRONMENTS, "lines": {"begin": 1}},
        }
    for finding in report.open:
        yield issue(finding)


def issue(finding: Finding) -> JSONObject:
    """A finding; without a source it is shown at the file that declares the environments."""
    place = finding.source
    environment = f"{finding.environment}: " if finding.environment else ""
    about = f"{finding.resource}: " if finding.resource else ""
    undecided = "" if finding.decided else " (undecided)"
    return {
        "description": visible(f"{environment}{about}{finding.message}{undecided}"),
        "check_name": f"{finding.rule} {finding.name}",
        "fingerprint": finding.fingerprint,
        "severity": SEVERITIES[finding.severity],
        "location": {
            "path": place.file if place else ENVIRONMENTS,
            "lines": {"begin": place.line if place else 1},
        },
    }


def unique(entries: Iterator[JSONObject]) -> Iterator[JSONObject]:
    """The entries, each with its own fingerprint: GitLab shows only the first of equal ones."""
    seen: dict[str, int] = {}
    for entry in entries:
        mark = entry["fingerprint"]
        seen[mark] = repeat = seen.get(mark, 0) + 1
        yield entry if repeat == 1 else {**entry, "fingerprint": fingerprint(mark, str(repeat))}
