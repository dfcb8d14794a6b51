"""`meshgate report --fleet`: the page of many environments, made of verdicts alone."""

from __future__ import annotations

import argparse
from pathlib import Path

from meshgate import __version__
from meshgate.cli.output import write_page
from meshgate.cli.request import (
    folder,
    judging,
    load,
    print_failing,
    print_failures,
    print_undecided,
    settings,
)
from meshgate.errors import UsageError
from meshgate.model import Environment
from meshgate.pipeline.outcome import RunOutcome, ending
from meshgate.pipeline.reports import UNDECIDED, failing
from meshgate.pipeline.targets import select
from meshgate.pipeline.verdict import EnvironmentVerdict
from meshgate.pipeline.verdicts import VerdictQuestion, verdicts
from meshgate.pipeline.whole_repository import of_nobody
from meshgate.report.html.fleet import Fleet, FleetEnvironment, render

NAME = "{env}"
DRILL_DOWN = (
    "posture and calls of an environment are on a page of its own: `meshgate report ENV --format "
    f"html=pages/ENV.html`; this page links to it with `--pages 'pages/{NAME}.html'`"
)
# What a page of verdicts has not.
ELSEWHERE = ("base", "traffic", "shard", "times", "part")


def fleet_page(options: argparse.Namespace, file: Path | None) -> int:
    """Judge the chosen environments and write the page. Raises UsageError."""
    if wrong := next((name for name in ELSEWHERE if vars(options)[name]), None):
        raise UsageError(f"--fleet shows verdicts, and takes no --{wrong}", hint="leave out one")
    if options.pages and NAME not in options.pages:
        raise UsageError(
            f"--pages {options.pages} does not say which environment",
            hint=f"write `{NAME}` where its name stands: --pages 'pages/{NAME}.html'",
        )
    root: Path = options.directory
    configuration = load(root)
    wanted = select(configuration.environments, options.environments)
    files, how = folder(options), settings(options)
    question = VerdictQuestion(
        root,
        configuration.environments,
        wanted,
        how,
        files.cache,
        undecided=options.fail_on == UNDECIDED,
    )
    found = verdicts(question, **judging(options)._asdict())
    everything = wanted == list(configuration.environments)
    left = of_nobody(root, configuration, files, how) if everything else ()
    outcome = RunOutcome(found, [each.name for each in wanted], options.fail_on, left)
    ended = ending(outcome, files.locate)
    page = Fleet(
        title=options.title or f"Mesh policy of {root.resolve().name}",
        today=options.today.isoformat(),
        environments=[
            fleet_environment(each, found[each.name], options.pages or "") for each in wanted
        ],
        findings=left,
        notes=(*ended.report.notes, *(() if options.pages else (DRILL_DOWN,))),
    )
    write_page(file, render(page, __version__))
    print_failures(ended.failures)
    print_failing(failing(ended.report.findings, options.fail_on))
    print_undecided(ended.undecided)
    return ended.code


def fleet_environment(
    environment: Environment, verdict: EnvironmentVerdict, pages: str
) -> FleetEnvironment:
    """One environment as the page shows it."""
    clusters = environment.clusters
    labels = {"mode": environment.mode, **(clusters.selector if clusters else {})}
    if environment.ring is not None:
        labels["ring"] = str(environment.ring)
    return FleetEnvironment(
        environment.name,
        labels,
        verdict.findings,
        verdict.tally,
        str(verdict.refused.error()) if verdict.refused else "",
        pages.replace(NAME, environment.name),
    )
