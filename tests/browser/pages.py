"""Pages for a browser to open: this repository's, one of a large fleet, and one of an attacker."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path

from meshes import deployment, namespace, peer_authentication, service
from meshgate.effect import effect
from meshgate.mesh import Mesh
from meshgate.model import Environment, MeshFacts, Report, Resource, Waiver
from meshgate.pipeline import Objects, Settings, judge
from meshgate.pipeline.manifests import ManifestArguments, read_manifests
from meshgate.pipeline.reports import report_of, tally
from meshgate.report.html import BurnDown, Head, Page, PromotionTimeline, TimelineEvent, render
from meshgate.report.view import View
from report_samples import HOSTILE, hostile

# The benchmark's scripts stand alone: they are no package.
sys.path.append(str(Path(__file__).parents[1] / "bench"))

import fleet

DAY = datetime.date(2026, 8, 1)
NOON = datetime.datetime(2026, 8, 1, 12, tzinfo=datetime.UTC)
# Ten workloads and five Services each.
NAMESPACES = 500


def of_fleet(folder: Path) -> str:
    """A page of 5,000 workloads, judged as `meshgate report` judges."""
    fleet.write(folder, NAMESPACES)
    manifests = read_manifests(folder, ManifestArguments(["."]))
    files = Objects({"prod": manifests.build}, manifests.locate)
    (judged,) = judge([Environment(name="prod")], files, Settings(DAY, "jsonschema")).values()
    report = report_of(judged.findings, [tally(judged)], manifests.locate)
    view = View("prod", judged.mesh, manifests.locate)
    return render(Page("A fleet", report, [view], DAY), "0")


def hostile_mesh(mode: str) -> Mesh:
    """A mesh in which every name is one that wants to be markup."""
    objects = [
        each
        for number, text in enumerate(HOSTILE)
        for each in (
            namespace(text),
            deployment(text, text, labels={"app": f"a{number}"}),
            service(text, text, selector={"app": f"a{number}"}),
            peer_authentication(text, text, mode),
        )
    ]
    return Mesh([Resource.of(each) for each in objects], MeshFacts())


def of_attacker() -> str:
    """A page in which every name and every text is one that wants to be markup."""
    mesh = hostile_mesh("STRICT")
    changed = effect(hostile_mesh("DISABLE"), mesh)
    reports = [hostile(text) for text in HOSTILE]
    everything = Report(
        findings=tuple(each for report in reports for each in report.findings),
        tallies=tuple(each for report in reports for each in report.tallies),
        excerpts={key: text for report in reports for key, text in report.excerpts.items()},
        notes=tuple(each for report in reports for each in report.notes),
        failures=tuple(each for report in reports for each in report.failures),
    )
    view = View(HOSTILE[0], mesh, lambda _resource, _path: None)
    page = Page(
        HOSTILE[0],
        everything,
        [view],
        DAY,
        effects=[(text, changed) for text in HOSTILE],
        base=HOSTILE[0],
        head=Head(HOSTILE[0], HOSTILE[0], NOON),
        environments=[
            Environment(
                name=HOSTILE[0],
                waivers=tuple(
                    Waiver(
                        rule="PA001", resource=text, owner=text, reason=text, expires=DAY, path=text
                    )
                    for text in HOSTILE
                ),
            )
        ],
        timelines=[
            PromotionTimeline(
                HOSTILE[0],
                text,
                NOON,
                [text],
                [TimelineEvent(NOON, text, text, text, text, [text], 2, 1)],
            )
            for text in HOSTILE
        ],
        baselines=[BurnDown(text, [(DAY, 2, True), (DAY, 1, False)], text) for text in HOSTILE],
        steps=[(text, text) for text in HOSTILE],
    )
    return render(page, "0")


def with_baseline() -> str:
    """A page of two environments whose baselines shrank."""
    day = datetime.date(2026, 8, 1)
    later, last = datetime.date(2026, 10, 1), datetime.date(2026, 11, 29)
    page = Page(
        "Baselines",
        Report(()),
        [],
        last,
        baselines=[
            BurnDown(
                "staging", [(day, 40, False), (later, 20, True), (last, 10, False)], "staging: 40"
            ),
            BurnDown("prod", [(day, 1, False)], "prod: 1"),
        ],
    )
    return render(page, "0")
