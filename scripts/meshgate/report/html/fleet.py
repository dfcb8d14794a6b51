"""The page of many environments: the worst first, in groups, with the findings of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from meshgate.model import JSON, Finding, JSONObject, Severity, Tally
from meshgate.report.escape.visible import visible, visible_lines
from meshgate.report.html.assembly import assembled
from meshgate.report.place import about, place_text
from meshgate.wording import plural

VERSION = 1
SCRIPTS = ("dom.js", "fleet.js")


class FleetEnvironment(Struct, frozen=True):
    """One environment as the page shows it.

    labels   by which environments are put into groups
    refused  why it could not be judged; empty: it was
    page     the address of a page of its own; empty: there is none
    """

    name: str
    labels: Mapping[str, str]
    findings: Sequence[Finding]
    tally: Tally
    refused: str = ""
    page: str = ""


class Fleet(Struct, frozen=True):
    """All of the page."""

    title: str
    today: str
    environments: Sequence[FleetEnvironment]
    # Of no environment.
    findings: Sequence[Finding] = ()
    notes: Sequence[str] = ()


def render(fleet: Fleet, version: str) -> str:
    """The page as one file, as `assembled` says."""
    broken = sum(bool(each.refused) for each in fleet.environments)
    failing = sum(bool(_open(each.findings, Severity.ERROR)) for each in fleet.environments)
    sentence = (
        f"{plural(len(fleet.environments), 'environment')}: {failing} with errors, "
        f"{broken} not judged"
    )
    return assembled(
        "page/fleet.html.j2",
        data(fleet),
        SCRIPTS,
        "",
        title=visible(fleet.title),
        version=version,
        sentence=sentence,
    )


def data(fleet: Fleet) -> JSONObject:
    """`{"environments", "findings", "texts", …}`.

    An environment is `[name, labels, refused, page, errors, warnings, accepted, policies,
    inventory, findings]`; a finding `[rule, name, severity, accepted by, about, place, message,
    fix]`. Equal texts are there once, since environments mostly have the same findings: a text is
    its number in `texts`, a finding of an environment is its number in `findings`.
    """
    texts: dict[str, int] = {}
    findings: dict[tuple[int | str, ...], int] = {}

    def number(text: str) -> int:
        return texts.setdefault(visible(text), len(texts))

    def of(each: Finding) -> int:
        row = (
            each.rule,
            number(each.name),
            each.severity.value,
            number(each.waiver.owner if each.waiver else ""),
            number(", ".join(about(each))),
            number(place_text(each.source) if each.source else ""),
            number(each.message),
            number(each.fix),
        )
        return findings.setdefault(row, len(findings))

    rows: list[JSON] = [
        [
            visible(each.name),
            {visible(key): visible(value) for key, value in each.labels.items()},
            visible_lines(each.refused),
            visible(each.page),
            _open(each.findings, Severity.ERROR),
            _open(each.findings, Severity.WARNING),
            sum(own.waiver is not None for own in each.findings),
            each.tally.policies,
            each.tally.inventory,
            [of(own) for own in each.findings],
        ]
        for each in fleet.environments
    ]
    of_nobody = [of(each) for each in fleet.findings]
    return {
        "version": VERSION,
        "today": fleet.today,
        "groups": sorted({visible(key) for each in fleet.environments for key in each.labels}),
        "environments": rows,
        "nobody": of_nobody,
        "findings": list(findings),
        "texts": list(texts),
        "notes": list(map(visible, fleet.notes)),
    }


def _open(findings: Sequence[Finding], severity: Severity) -> int:
    return sum(each.severity is severity and each.waiver is None for each in findings)
