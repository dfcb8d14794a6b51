"""The report as JUnit XML: a suite for each environment, in it every rule and every finding.

An error fails; what is waived or cannot be decided is skipped; other warnings pass with a note.
"""

from __future__ import annotations

from collections import Counter
from xml.etree import ElementTree as ET

from meshgate.model import Finding, Report, Severity
from meshgate.report import Options
from meshgate.report.escape.terminal import plain, plain_lines
from meshgate.report.place import about, place_text
from meshgate.report.summary import Count, by_environment


def render(report: Report, options: Options) -> str:
    """A whole XML document."""
    root = ET.Element("testsuites", name="meshgate")
    for count, findings in by_environment(report):
        element = ET.SubElement(root, "testsuite", name=plain(count.label))
        for failure in report.failures:
            if failure.environment == count.environment:
                broken = case(element, count, "environment is judged")
                ET.SubElement(
                    broken, "error", message=plain_lines(failure.message), type="not-judged"
                )
        if count.judged and count.policies is not None:
            pass_rules(element, count, findings, options)
        fail_findings(element, count, findings)
        tally(element, list(element))
    tally(root, list(root.iter("testcase")))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def pass_rules(suite: ET.Element, count: Count, findings: list[Finding], options: Options) -> None:
    """A passing case for each rule that was asked and has nothing to say."""
    broken = {finding.rule for finding in findings}
    for rule in options.rules:
        if rule.id not in broken:
            case(suite, count, f"{rule.id} {rule.name}")


def fail_findings(suite: ET.Element, count: Count, findings: list[Finding]) -> None:
    """A case for each finding, with a name of its own."""
    used: Counter[str] = Counter()
    for finding in findings:
        name = " ".join([finding.rule, finding.name, *about(finding)])
        used[name] += 1
        again = f" ({used[name]})" if used[name] > 1 else ""
        fill(case(suite, count, name + again), finding)


def case(parent: ET.Element, count: Count, name: str) -> ET.Element:
    return ET.SubElement(
        parent,
        "testcase",
        classname=plain(f"meshgate.{count.label}"),
        name=plain(name),
        time="0",
    )


def fill(element: ET.Element, finding: Finding) -> None:
    """Say in a case what was found."""
    if finding.source:
        element.set("file", plain(finding.source.file))
        element.set("line", str(finding.source.line))
    message = plain(finding.message)
    if finding.waiver:
        waived = f"waived by {finding.waiver.owner} {finding.waiver.lasts}"
        ET.SubElement(element, "skipped", message=plain(f"{waived}: {finding.waiver.reason}"))
    elif not finding.decided:
        ET.SubElement(element, "skipped", message=f"undecided: {message}")
    elif finding.severity is Severity.ERROR:
        failure = ET.SubElement(element, "failure", message=message, type=finding.severity.value)
        failure.text = details(finding)
        return
    ET.SubElement(element, "system-out").text = details(finding)


def details(finding: Finding) -> str:
    """All of a finding, for the one who opens the case."""
    lines = [f"{finding.severity.value}: {finding.message}"]
    if finding.source:
        lines.insert(0, f"at {place_text(finding.source)}")
    if finding.fix:
        lines.append(f"fix: {finding.fix}")
    for other in finding.related:
        place = f"{place_text(other.source)} " if other.source else ""
        lines.append(f"see: {place}{other.resource}: {other.message}")
    return "\n".join(map(plain, lines))


def tally(element: ET.Element, cases: list[ET.Element]) -> None:
    """Write the numbers that readers of JUnit files show."""
    element.set("tests", str(len(cases)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(attribute, str(sum(case.find(tag) is not None for case in cases)))
