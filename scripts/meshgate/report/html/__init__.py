"""One page that needs no network: posture, calls, findings and the effect of a change."""

from __future__ import annotations

import base64
import datetime
import hashlib
from collections import Counter
from collections.abc import Sequence
from importlib import resources
from typing import NamedTuple

import jinja2
from markupsafe import Markup
from msgspec import Struct, structs

from meshgate.effect import Effect
from meshgate.model import JSON, Environment, JSONObject, Report
from meshgate.report.escape.json_text import dump
from meshgate.report.escape.visible import visible, visible_lines
from meshgate.report.html.access import who_can_call
from meshgate.report.html.calls import calls
from meshgate.report.html.effect import effect, verbs
from meshgate.report.html.findings import finding
from meshgate.report.html.posture import posture
from meshgate.report.html.standing import (
    BurnDown,
    Event,
    Head,
    Standing,
    burn_down,
    exception,
    exceptions,
    facts,
    head,
    standing,
)
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
    "Event",
    "Head",
    "Page",
    "Portion",
    "Standing",
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
    standings: Sequence[Standing] = ()
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
    standings: list[JSON]
    baselines: list[JSON]
    steps: list[JSON]
    effects: list[JSON]


def render(page: Page, version: str) -> str:
    """The page as one file; see `render_portion`."""
    return render_portion(portion(page), page.report, version)


def render_portion(own: Portion, report: Report, version: str) -> str:
    """The page as one file: its script, its style and all data are in it.

    Data reaches the page as JSON, and its script writes text nodes only, so no manifest can
    become markup. The page's own policy (CSP) allows no other script and no request.
    """
    style = _read("page/style.css")
    library = _read(LIBRARY)
    script = "\n".join(_read(f"page/{name}") for name in SCRIPTS)
    script = f'"use strict";\n(() => {{\n{script}}})();\n'
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_read), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template("page/index.html.j2").render(
        title=own.title,
        version=version,
        sentence=visible(verdict(counts(report))),
        style=Markup(style),  # noqa: S704 - a file of this package
        library=Markup(library),  # noqa: S704 - likewise
        script=Markup(script),  # noqa: S704 - likewise
        # The policy names each by its digest, as the page holds it.
        style_hash=_digest(style),
        script_hashes=[_digest(library), _digest(script)],
        data=Markup(_embedded(_data(own, report, version))),  # noqa: S704 - escaped there
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
        standings=list(map(standing, page.standings)),
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
    return structs.replace(
        portions[0],
        environments=sorted(every, key=lambda each: place[each["name"]]),
        exceptions=sorted(exceptions_, key=lambda each: place[each[0]]),
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
        "standings": own.standings,
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


def _embedded(data: JSONObject) -> str:
    r"""JSON that no reader of HTML takes for markup: `<` becomes `\u003c`, `>` and `&` likewise."""
    text = dump(data)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _digest(text: str) -> str:
    """A hash source of a content security policy (https://www.w3.org/TR/CSP3/)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _read(name: str) -> str:
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8")
