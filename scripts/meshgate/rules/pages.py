"""The rules' own pages, in Markdown: one for each rule, and a table of them all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshgate.rules.rule import Needs, Rule

HEADINGS = ("What it checks", "Why it matters", "How to fix", "Known gaps")

FAMILIES = {
    "SH": "Shape",
    "PA": "PeerAuthentication",
    "DR": "DestinationRule",
    "CA": "Calls",
    "AZ": "Authorization",
    "NP": "NetworkPolicy",
    "GW": "Gateway",
    "VS": "VirtualService",
    "SE": "ServiceEntry",
    "RE": "Repository and overlays",
    "WA": "Waivers",
    "TR": "Change",
}

NEEDS = {
    Needs.POLICIES: "the policies alone",
    Needs.FACTS: "declared mesh facts",
    Needs.INVENTORY: "the inventory",
    Needs.BUILD: "the build record",
    Needs.EFFECT: "two revisions",
}

INDENT = "    "

INTRODUCTION = """\
# Rules

An id is stable for ever; a rule is named for its bad pattern. `meshgate rules ID` prints the same
page. An environment may raise a severity (`severities`), and a waiver may accept a finding,
except where the table says that it cannot.
"""
COLUMNS = "| Rule | Name | Severity | Waiver | What is wrong |\n|---|---|---|---|---|\n"


def rule_pages(rules: Iterable[Rule]) -> dict[str, str]:
    """Every page: its file name, and its text."""
    listed = list(rules)
    return {"README.md": table(listed), **{f"{rule.id}.md": page(rule) for rule in listed}}


def page(rule: Rule) -> str:
    """All there is to know of one rule."""
    waiver = "may be waived" if rule.waivable else "cannot be waived"
    return (
        f"# {rule.id} {rule.name}\n\n"
        f"{rule.severity.value} · {waiver} · judged from {needs(rule)}\n\n"
        + "\n".join(markdown(rule.documentation))
        + f"\n\nExamples, with what the rule says of each: "
        f"[tests/cases/{rule.id}](../../tests/cases/{rule.id}).\n"
    )


def markdown(documentation: str) -> Iterator[str]:
    """The lines of a rule's docstring, its headings made Markdown's and its sections flush left."""
    for line in documentation.splitlines():
        if line in HEADINGS:
            yield f"## {line}"
            yield ""
        else:
            yield line.removeprefix(INDENT)


def needs(rule: Rule) -> str:
    """What a rule is judged from, in words; what only sharpens it in brackets."""
    more = rule.sharper_with
    return NEEDS[rule.needs] + (f" (sharper with {NEEDS[more]})" if more else "")


def table(rules: Iterable[Rule]) -> str:
    """The catalogue: a table for each family, linked to the pages."""
    parts = [INTRODUCTION]
    by_family: dict[str, list[Rule]] = {}
    for rule in rules:
        by_family.setdefault(rule.id.rstrip("0123456789"), []).append(rule)
    for family, title in FAMILIES.items():
        if family in by_family:
            rows = "".join(row(rule) for rule in by_family[family])
            parts.append(f"\n## {title}\n\n{COLUMNS}{rows}")
    return "".join(parts)


def row(rule: Rule) -> str:
    """One line of the catalogue."""
    waiver = "yes" if rule.waivable else "never"
    summary = rule.summary.replace("|", "\\|")
    cells = (f"[{rule.id}]({rule.id}.md)", rule.name, rule.severity.value, waiver, summary)
    return f"| {' | '.join(cells)} |\n"
