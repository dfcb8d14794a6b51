"""One page that needs no network: posture, calls, findings and the effect of a change."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct, structs

from meshgate.effect import Effect
from meshgate.model import JSON, Environment, JSONObject, Report
from meshgate.report.escape.visible import visible, visible_lines
from meshgate.report.html.access import who_can_call
from meshgate.report.html.assembly import assembled, read
from meshgate.report.html.background import (
    BurnDown,
    Head,
    PromotionTimeline,
    TimelineEvent,
    burn_down,
    exception,
    exceptions,
    facts,
    head,
    timeline,
)
from meshgate.report.html.calls import calls
from meshgate.report.html.effect import effect, verbs
from meshgate.report.html.findings import finding
from meshgate.report.html.posture import posture
from meshgate.report.summary import counts, verdict
from meshgate.report.view import View
from meshgate.rules import RULES
from meshgate.rules.pages import page as page_of
from meshgate.rules.rule import Rule

VERSION = 1
# In the order they run in: what a later one calls, an earlier one defines.
SCRIPTS = (
    *("dom.js", "posture.js", "graph.js", "calls.js", "findings.js"),
    *("effect.js", "access.js", "standing.js", "views.js", "main.js"),
)
__all__ = [
    "BurnDown",
    "Head",
    "Page",
    "Portion",
    "PromotionTimeline",
    "TimelineEvent",
    "joined",
    "portion",
    "render",
    "render_portion",
]

LIBRARY = "vendor/cytoscape.min.js"


class Page(NamedTuple):
    """What a page shows; `effects` has one entry for each environment that a change reaches."""

    title: str
    report: Report
    views: Sequence[View]
    # The day by which expiry dates were judged.
    today: datetime.date
    effects: Sequence[tuple[str, Effect]] = ()
    # What the change is compared with; empty: there is no change to show.
    base: str = ""
    # The commit that was judged; None: nothing of git is known.
    head: Head | None = None
    environments: Sequence[Environment] = ()
    # Of environments that promotion knows.
    timelines: Sequence[PromotionTimeline] = ()
    # Of environments that have, or had, findings in the baseline.
    baselines: Sequence[BurnDown] = ()
    # The way to an unsafe change, as `meshgate steps` prints it: environment and text.
    steps: Sequence[tuple[str, str]] = ()


class Portion(Struct, frozen=True):
    """What a page has beside its report, of all or some of its environments, as it is shown."""

    title: str
    today: str
    base: str
    environments: list[JSON]
    head: JSON
    exceptions: list[JSON]
    timelines: list[JSON]
    baselines: list[JSON]
    steps: list[JSON]
    effects: list[JSON]


def render(page: Page, version: str) -> str:
    """The page as one file; see `render_portion`."""
    return render_portion(portion(page), page.report, version)


def render_portion(own: Portion, report: Report, version: str) -> str:
    """The page as one file."""
    return assembled(
        "page/index.html.j2",
        _data(own, report, version),
        SCRIPTS,
        read(LIBRARY),
        title=own.title,
        version=version,
        sentence=visible(verdict(counts(report))),
    )


def portion(page: Page) -> Portion:
    """What a page has beside its report."""
    tallies = {each.environment: each for each in page.report.tallies}
    covered = Counter(each.waiver for each in page.report.findings if each.waiver is not None)
    own = {each.name: each for each in page.environments}
    return Portion(
        title=visible(page.title),
        today=page.today.isoformat(),
        base=visible(page.base),
        environments=[
            {
                "name": visible(view.environment or "manifests"),
                "posture": posture(view),
                "calls": calls(view),
                "access": who_can_call(view),
                "facts": facts(own[name], tallies[name])
                if (name := view.environment) in own and name in tallies
                else [],
            }
            for view in page.views
        ],
        head=head(page.head),
        exceptions=[
            [visible(environment.name), *exception(each, page.today)]
            for environment in page.environments
            for each in exceptions(environment, covered)
        ],
        timelines=list(map(timeline, page.timelines)),
        baselines=list(map(burn_down, page.baselines)),
        steps=[[visible(name), visible_lines(text)] for name, text in page.steps],
        effects=[effect(name, change) for name, change in page.effects],
    )


def joined(portions: Sequence[Portion], names: Sequence[str]) -> Portion:
    """The portion of the whole, its environments in the order of their names."""
    place = {visible(name): number for number, name in enumerate(names)}
    every = [each for own in portions for each in own.environments]
    exceptions_ = [each for own in portions for each in own.exceptions]
    baselines = [each for own in portions for each in own.baselines]
    # Each shard tells how pinned ones stand, and only its own of those that float.
    timelines = {each["environment"]: each for own in portions for each in own.timelines}
    return structs.replace(
        portions[0],
        environments=sorted(every, key=lambda each: place[each["name"]]),
        exceptions=sorted(exceptions_, key=lambda each: place[each[0]]),
        timelines=sorted(
            timelines.values(), key=lambda each: place.get(each["environment"], len(place))
        ),
        baselines=sorted(baselines, key=lambda each: place[each["environment"]]),
    )


def _data(own: Portion, report: Report, version: str) -> JSONObject:
    rules = {each.rule for each in report.findings}
    return {
        "version": VERSION,
        "tool": {"name": "meshgate", "version": version},
        "title": own.title,
        "today": own.today,
        "base": own.base,
        "environments": own.environments,
        "head": own.head,
        "exceptions": own.exceptions,
        "timelines": own.timelines,
        "baselines": own.baselines,
        "steps": own.steps,
        "rules": {rule.id: _rule(rule) for rule in RULES if rule.id in rules},
        "failures": [
            {"environment": visible(each.environment), "message": visible_lines(each.message)}
            for each in report.failures
        ],
        "notes": list(map(visible, report.notes)),
        "findings": [finding(each, report) for each in report.findings],
        "verbs": verbs(),
        "effects": own.effects,
    }


def _rule(rule: Rule) -> str:
    """A rule's page, without the line on where its cases are: nobody has them who has the page."""
    return page_of(rule).rpartition("\n\nExamples, ")[0].partition("\n\n")[2]
