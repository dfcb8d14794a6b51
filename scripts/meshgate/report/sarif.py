"""The report as SARIF 2.1.0 (OASIS), as code scanning of GitHub and others read it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from urllib.parse import quote

from meshgate.model import Finding, JSONObject, Position, Report, ResourceRef, Severity
from meshgate.report import Options
from meshgate.report.escape.json_text import Members, Rows, document
from meshgate.report.escape.visible import visible, visible_lines
from meshgate.report.excerpt import marked
from meshgate.report.place import ENVIRONMENTS, about
from meshgate.rules.rule import Rule

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
ROOT = "%SRCROOT%"
# In a message `[text](target)` is a link (section 3.11.6), which no manifest may write.
LINK = re.compile(r"\](?=\()")
# A heading of a rule's page stands at the margin, its text below is indented.
HEADING = re.compile(r"^(\S.*)\n(?= {2,}\S)", re.MULTILINE)


def render(report: Report, options: Options) -> str:
    """One log with one run."""
    described = {rule.id: descriptor(rule, options.rule_link) for rule in options.rules}
    for finding in report.findings:
        described.setdefault(finding.rule, {"id": finding.rule, "name": finding.name})
    index = {id_: position for position, id_ in enumerate(described)}
    driver = Members(name="meshgate")
    if options.rule_link:
        # The folder of the rules' pages.
        driver["informationUri"] = options.rule_link.partition("{id}")[0]
    if options.version:
        driver["version"] = options.version
    driver["rules"] = Rows(described.values())
    run = Members(
        tool=Members(driver=driver),
        columnKind="unicodeCodePoints",
        originalUriBaseIds={ROOT: {"description": text("The judged folder.")}},
        invocations=Rows([invocation(report)]),
        results=Rows(result(finding, index, report.excerpts) for finding in report.findings),
    )
    return document({"$schema": SCHEMA}, version="2.1.0", runs=Rows([run]))


def descriptor(rule: Rule, link: str = "") -> JSONObject:
    """What a rule is, with its page as help; `link`: where pages are hosted, with `{id}`."""
    page = rule.documentation
    hosted = {"helpUri": link.replace("{id}", rule.id)} if link else {}
    return {
        **hosted,
        "id": rule.id,
        "name": rule.name,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.summary},
        "help": {"text": f"{page}\n", "markdown": markdown(page)},
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
        "properties": {"tags": ["istio", "mtls"], "waivable": rule.waivable},
    }


def markdown(page: str) -> str:
    """A rule's page with its headings in bold."""
    marked = HEADING.sub(r"**\1**\n\n", page)
    return "\n".join(line.strip() for line in marked.splitlines()) + "\n"


def invocation(report: Report) -> JSONObject:
    """Whether every environment was judged."""
    return {
        "executionSuccessful": not report.failures,
        "toolExecutionNotifications": [
            {
                "level": "error",
                "message": text(f"{failure.environment} was not judged: {failure.message}"),
            }
            for failure in report.failures
        ],
    }


def result(finding: Finding, index: dict[str, int], lines: Mapping[Position, str]) -> JSONObject:
    """A finding. What cannot be decided stays a warning: other kinds have no level."""
    return {
        "ruleId": finding.rule,
        "ruleIndex": index[finding.rule],
        "level": LEVELS[finding.severity],
        "message": text(message(finding)),
        "locations": [location(finding.source, finding.resource, lines)],
        "relatedLocations": list(related(finding)),
        # The first is what GitHub matches alerts by: a hash of the line would join environments.
        "partialFingerprints": {
            "primaryLocationLineHash": finding.fingerprint,
            "meshgateFinding/v1": finding.fingerprint,
        },
        "suppressions": list(suppressions(finding)),
        "properties": {
            "environment": finding.environment,
            "path": finding.path,
            "decided": finding.decided,
        },
    }


def message(finding: Finding) -> str:
    """Everything a reader of one alert needs."""
    environment = f"[{finding.environment}] " if finding.environment else ""
    subject = " ".join(about(finding))
    undecided = "" if finding.decided else " (undecided)"
    fix = f" Fix: {ended(finding.fix)}" if finding.fix else ""
    message = ended(finding.message + undecided)
    return visible(f"{environment}{subject}{': ' if subject else ''}{message}{fix}")


def ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."


def text(message: str) -> JSONObject:
    """A plain-text message without links."""
    return {"text": LINK.sub("] ", visible_lines(message))}


def location(
    source: Position | None,
    resource: ResourceRef | None,
    lines: Mapping[Position, str] = MappingProxyType({}),
) -> JSONObject:
    """A place in a file, always: GitHub refuses a log with a result that has none.

    `lines`: the source line at a position, which tells where what is wrong there ends.
    """
    file, line, column = source or (ENVIRONMENTS, 1, 1)
    region: JSONObject = {"startLine": line, "startColumn": column}
    if source is not None and source in lines:
        region["endColumn"] = marked(lines[source], column - 1)[1] + 1
    place: JSONObject = {
        "physicalLocation": {
            "artifactLocation": {"uri": relative(file), "uriBaseId": ROOT},
            "region": region,
        }
    }
    if resource is not None:
        place["logicalLocations"] = [
            {
                "name": resource.name,
                "fullyQualifiedName": str(resource),
                "kind": "resource",
            }
        ]
    return place


def relative(path: str) -> str:
    """The path as a relative URI reference (RFC 3986): a colon makes no scheme, `//` no host.

    A file name that is not UTF-8 has lone surrogates, which are encoded as they are.
    """
    encoded = quote(path, safe="/", errors="surrogatepass")
    return "." + encoded if encoded.startswith("//") else encoded


def related(finding: Finding) -> Iterator[JSONObject]:
    """The other objects; one without a place in a file is named only."""
    for number, other in enumerate(finding.related):
        place = location(other.source, other.resource)
        if other.source is None:
            del place["physicalLocation"]
        yield {
            "id": number,
            "message": text(visible(f"{other.resource}: {other.message}")),
            **place,
        }


def suppressions(finding: Finding) -> Iterator[JSONObject]:
    """The waiver; an empty list says that there is none (section 3.27.23)."""
    waiver = finding.waiver
    if waiver is not None:
        why = f"{waiver.reason} ({waiver.owner}, {waiver.lasts})"
        yield {"kind": "external", "status": "accepted", "justification": visible(why)}
