"""The report as people read it in a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from meshgate.model import Finding, Position, Report, Severity, Waiver
from meshgate.report import Options
from meshgate.report.escape.terminal import page, plain, wrap
from meshgate.report.excerpt import excerpt
from meshgate.report.place import RELATED, about, nearest, place_text
from meshgate.report.shared_findings import (
    SharedFinding,
    enumerated,
    shared_failures,
    shared_findings,
)
from meshgate.report.style import Style
from meshgate.report.summary import Count, counts, severity_text, total, verdict
from meshgate.report.table import Cell, Column, table

INDENT = "  "
# Prose on longer lines is hard to read, however wide the terminal.
WIDEST = 100
NARROWEST = 40

COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "blue"}
GRAVEST_FIRST = (Severity.ERROR, Severity.WARNING, Severity.INFO)
# Rules about what becomes of calls: a policy that another rule is about may be the cause.
SYMPTOMS = ("CA", "TR")
FOLLOW_UPS = "--show-follow-ups"
# So many that follow from something else are told in full, and so many more in a line.
FEW, NAMED = 2, 4
NUMBERS = ("policies", "inventory", "errors", "warnings", "info", "waived", "undecided")
# What was read is spared first, where the terminal is narrow.
SPARE = {"inventory": 4, "policies": 3, "waived": 2, "info": 1}
COLUMNS = (
    Column("environment", whole=True),
    *(Column(name, right=True, spare=SPARE.get(name, 0)) for name in NUMBERS),
)


def render(report: Report, options: Options) -> str:
    """The findings by environment and file, a table of counts, and one sentence."""
    return page(FindingsText(report, options).all())


def _rank(finding: Finding) -> tuple[int, bool]:
    """The gravest first, and of them what is wrong before the calls that fail by it."""
    return GRAVEST_FIRST.index(finding.severity), finding.rule.startswith(SYMPTOMS)


def waiver_entry(finding: Finding) -> list[str]:
    """An entry of `waivers`, line by line; who, why and until when is for a person to say."""
    resource = finding.resource
    path = finding.path if resource is not None else (finding.source.file if finding.source else "")
    return [
        f"- rule: {finding.rule}",
        *([f"  resource: {resource}"] if resource is not None else []),
        *([f"  path: {json.dumps(path)}"] if path else []),
        "  owner: TEAM",
        "  reason: WHY",
        "  expires: YYYY-MM-DD",
    ]


class FindingsText:
    """One report on its way to a terminal."""

    def __init__(self, report: Report, options: Options) -> None:
        self.report = report
        self.verbose = options.verbose
        self.style = Style(color=options.color)
        self.width = max(options.width, NARROWEST)
        self.prose = min(self.width, WIDEST)
        self.rule_page = options.rule_page
        self.follow_ups = options.follow_ups
        self.rules = {rule.id: rule for rule in options.rules}

    def all(self) -> Iterator[str]:
        """Everything, line by line, without line ends."""
        yield from self.findings()
        yield from self.closing()

    def findings(self, everywhere: Sequence[str] = ()) -> Iterator[str]:
        """The findings below the environments they hold in: the gravest, then those of most, first.

        `everywhere`: the environments of the page; what holds in all of them needs no heading.
        """
        report = self.report
        groups: dict[tuple[str, ...], list[SharedFinding]] = {}
        found = report.findings if self.verbose else report.open
        for each in shared_findings(found, across_files=True):
            groups.setdefault(each.environments, []).append(each)

        def first(names: tuple[str, ...]) -> tuple[bool, int, int]:
            # What belongs to no environment comes first, without a heading; else what fails.
            gravest = min(
                GRAVEST_FIRST.index(each.finding.severity)
                if each.finding.waiver is None
                else len(GRAVEST_FIRST)
                for each in groups[names]
            )
            return bool(names), gravest, -len(names)

        for names in sorted(groups, key=first):
            if names and names != tuple(everywhere):
                yield from self.heading(enumerated(names))
            for alike in self.bunches(sorted(groups[names], key=lambda each: _rank(each.finding))):
                yield from self.finding(alike[0].finding, alike[0].elsewhere)
                yield from self.others(alike[1:])
                yield ""

    def bunches(self, ordered: Sequence[SharedFinding]) -> list[list[SharedFinding]]:
        """What is shown together: what follows from something else, where there is much of it."""
        bunches: dict[object, list[SharedFinding]] = {}
        for number, each in enumerate(ordered):
            finding = each.finding
            follows = finding.rule.startswith(SYMPTOMS) or finding.severity is Severity.INFO
            is_whole = self.verbose or self.follow_ups or not follows
            key = number if is_whole else (finding.rule, finding.severity, finding.decided)
            bunches.setdefault(key, []).append(each)
        return [
            part
            for bunch in bunches.values()
            for part in ([bunch] if len(bunch) > FEW else [[each] for each in bunch])
        ]

    def others(self, findings: Sequence[SharedFinding]) -> Iterator[str]:
        """Further findings of the rule printed last: the first few by place, all counted."""
        if not findings:
            return
        yield f"{INDENT}and {len(findings)} more of {plain(findings[0].finding.rule)}:"
        for finding, _, _ in findings[:NAMED]:
            place = f"{place_text(finding.source)} " if finding.source else ""
            yield from self.paragraph("  - ", place + finding.message)
        if (more := len(findings) - NAMED) > 0:
            yield from self.paragraph("  - ", f"{more} more; {FOLLOW_UPS} tells each in full")
        else:
            yield from self.paragraph("    ", f"{FOLLOW_UPS} tells each in full")

    def heading(self, environments: str) -> Iterator[str]:
        """The line above the findings of these environments."""
        title = plain(environments)
        rule = "-" * max(3, self.prose - len(title) - 1)
        yield f"{self.style('bold', title)} {self.style('dim', rule)}"
        yield ""

    def finding(self, finding: Finding, elsewhere: Sequence[Position] = ()) -> Iterator[str]:
        """One finding: where, what, the line it stands in, what to do.

        elsewhere  where the same is said of other environments
        """
        yield self.title(finding)
        yield from self.paragraph("", finding.message)
        if finding.source:
            line = self.report.excerpts.get(finding.source, "")
            yield from excerpt(line, finding.source, self.width, self.style)
        if elsewhere:
            places = [place_text(each) for each in elsewhere]
            shown = [
                *places[:RELATED],
                *([f"{len(places) - RELATED} more"] if len(places) > RELATED else []),
            ]
            yield from self.paragraph("at:  ", f"also {', '.join(shown)}")
        if subject := about(finding):
            yield from self.paragraph("in:  ", ", ".join(subject))
        if finding.fix:
            yield from self.paragraph("fix: ", finding.fix, "green")
        related, more = (
            (finding.related, "") if self.follow_ups else nearest(finding, "--show-follow-ups")
        )
        for other in related:
            place = f"{place_text(other.source)} " if other.source else ""
            yield from self.paragraph("see: ", f"{place}{other.resource}: {other.message}", "cyan")
        if more:
            yield from self.paragraph("see: ", more, "cyan")
        yield from self.paragraph("see: ", self.rule_page(finding.rule), "cyan")
        if self.verbose and finding.waiver is None:
            yield from self.entry(finding)
        if finding.waiver:
            yield from self.paragraph("by:  ", accepted(finding.waiver), "green")

    def entry(self, finding: Finding) -> Iterator[str]:
        """The entry that would accept a finding for a while, to be pasted and filled in."""
        rule = self.rules.get(finding.rule)
        if rule is None or not rule.waivable or not finding.environment:
            return
        file = plain(f"waivers/{finding.environment}.yaml")
        yield f"{INDENT}{self.style('dim', 'or:  ')}accept it for a while, in {file}:"
        for line in waiver_entry(finding):
            yield f"{INDENT}       {plain(line)}"

    def title(self, finding: Finding) -> str:
        """`file:line:column severity ID name`."""
        severity = severity_text(finding.severity, decided=finding.decided)
        parts = [
            self.style("bold", plain(place_text(finding.source))) if finding.source else "",
            self.style(COLOURS[finding.severity], severity),
            self.style("bold", plain(finding.rule)),
            plain(finding.name),
            self.style("green", "(waived)") if finding.waiver else "",
        ]
        return " ".join(part for part in parts if part)

    def paragraph(self, label: str, text: str, style: str = "dim") -> Iterator[str]:
        """Untrusted text, wrapped, with a label in that style before its first line."""
        hanging = INDENT + " " * len(label)
        first = INDENT + self.style(style, label)
        for line in wrap(plain(text), self.prose - len(hanging)):
            yield first + line
            first = hanging

    def closing(self) -> Iterator[str]:
        """Counts, what else is to be known, and the verdict."""
        counted = counts(self.report)
        # What is reported of a file that was not read has no numbers.
        rows = [list(self.cells(count)) for count in counted if not count.is_file]
        if rows:
            yield from table(COLUMNS, rows, self.style, self.width)
            yield ""
        failures = ((each.environment, each.message) for each in self.report.failures)
        for message, names in shared_failures(failures).items():
            yield self.style("red", f"not judged: {plain(enumerated(names))}")
            for line in message.splitlines():
                yield from self.paragraph("", line)
        for note in self.report.notes:
            yield from wrap(f"note: {plain(note)}", self.prose)
        if self.report.failures or self.report.notes:
            yield ""
        whole = total(counted)
        failed = whole.error or self.report.failures or not counted
        colour = "red" if failed else "yellow" if whole.warning else "green"
        sentence = plain(verdict(counted))
        yield self.style(colour, self.style("bold", sentence[:1].upper() + sentence[1:] + "."))

    def cells(self, count: Count) -> Iterator[Cell]:
        """One row of the table of counts."""
        if count.judged:
            yield Cell(plain(count.label))
        else:
            yield Cell(f"{plain(count.label)} (not judged)", "red")
        for number, style in (
            (count.policies, ""),
            (count.inventory, ""),
            (count.error, "red"),
            (count.warning, "yellow"),
            (count.info, "blue"),
            (count.waived, "green"),
            (count.undecided, "yellow"),
        ):
            yield Cell(str(number), style) if number else Cell("-", "dim")


def accepted(waiver: Waiver) -> str:
    """Who accepts a finding, until when, and why."""
    return f"{waiver.owner}, {waiver.lasts}: {waiver.reason}"
