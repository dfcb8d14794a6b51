"""Pages for a browser to open: this repository's, one of a large fleet, and one of an attacker."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path

from meshes import deployment, namespace, peer_authentication, service
from meshgate import source
from meshgate.cli import judging
from meshgate.cli.lint import read_all
from meshgate.effect import effect
from meshgate.mesh import Mesh
from meshgate.model import BuildRecord, Environment, MeshFacts, Report, Resource
from meshgate.report.html import Page, render
from meshgate.report.view import View
from report_samples import HOSTILE, hostile

# The benchmark's scripts stand alone: they are no package.
sys.path.append(str(Path(__file__).parents[1] / "bench"))

import fleet

DAY = datetime.date(2026, 8, 1)
# Ten workloads and five Services each.
NAMESPACES = 500


def of_fleet(folder: Path) -> str:
    """A page of 5,000 workloads, judged as `meshgate report` judges."""
    fleet.write(folder, NAMESPACES)
    loaded = list(read_all(folder, ["."], {}))
    resources = [resource for part in loaded for resource in part.resources]
    build = source.Build(resources, BuildRecord())
    context = judging.context_of(Environment(name="prod"), build, (), DAY, engine="jsonschema")
    locate = source.Locator(folder)
    assert context.mesh is not None
    findings = judging.judge_context(context, locate)
    report = judging.report_of(findings, [judging.tally(context)], locate)
    return render(
        Page("A fleet", report, [View("prod", context.mesh, locate)], DAY.isoformat()), "0"
    )


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
        HOSTILE[0],
        effects=[(text, changed) for text in HOSTILE],
        base=HOSTILE[0],
    )
    return render(page, "0")
