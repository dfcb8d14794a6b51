"""Write the page that people look at: one file that needs no network.

A matrix of namespaces and environments with the policies that decide, the calls as a graph,
every finding with its source line; with --base, what the change does. The exit code is that of
the page being written: findings do not fail it, an environment that cannot be judged does.

examples:
  meshgate report --format html=report.html           every environment
  meshgate report staging prod --format html=page.html
  meshgate report --base main --format html=page.html  and what this branch changes
  meshgate report --fleet --format html=fleet.html     hundreds of environments
"""

from __future__ import annotations

import argparse
import functools
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from meshgate import __version__, config
from meshgate.cli.meshes import view_of
from meshgate.cli.options import add_jobs, add_judging, add_traffic
from meshgate.cli.output import write, write_page
from meshgate.cli.page_history import floating, head_of, timelines
from meshgate.cli.request import code_of, folder, load, print_failures, settings
from meshgate.cli.sharding import Sharded, add_shards, sharded
from meshgate.effect import Effect
from meshgate.errors import MeshgateError, UsageError
from meshgate.model import Finding
from meshgate.pipeline import Judged, judge
from meshgate.pipeline.change import Comparison, ProposedChange
from meshgate.pipeline.outcome import RunOutcome
from meshgate.pipeline.planning import safe_steps
from meshgate.pipeline.reports import (
    NEVER,
    baseline_note,
    beyond_findings,
    failures_of,
    notes_on,
    report_of,
    tally,
)
from meshgate.pipeline.revisions import GitRevisions
from meshgate.pipeline.shard_part import part_text
from meshgate.pipeline.targets import select
from meshgate.pipeline.verdict import EnvironmentVerdict
from meshgate.pipeline.verdicts import VerdictQuestion, verdicts_of
from meshgate.report import Options
from meshgate.report.html import BurnDown, Page, portion, render
from meshgate.report.steps.describe import EnvironmentSteps, Steps
from meshgate.report.steps.text import render as print_steps
from meshgate.source import Locator

HTML = "html"
FORMATS = (HTML,)
STEPS_WIDTH = 100


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("environments", nargs="*", metavar="ENV", help="default: all of them")
    parser.add_argument(
        "--title", metavar="TEXT", help="the heading (default: the name of the folder)"
    )
    parser.add_argument(
        "--base",
        metavar="REF",
        help="show what changes since the merge base with this git reference, too",
    )
    add_traffic(parser)
    parser.add_argument(
        "--fleet",
        action="store_true",
        help="the page of many environments: the worst first, in groups, with their findings",
    )
    parser.add_argument(
        "--pages",
        metavar="ADDRESS",
        help="with --fleet: where pages of single environments are, `{env}` for the name",
    )
    add_jobs(parser)
    # So that a word that changes nothing is told from none.
    parser.set_defaults(jobs=None)
    add_shards(parser)
    add_judging(parser, fail_on=NEVER)


class Content(NamedTuple):
    """What the page shows: the environments that were asked for; with a base, what changed."""

    judged: Sequence[Judged]
    locate: Locator
    failures: dict[str, MeshgateError]
    base: str = ""
    effects: tuple[tuple[str, Effect], ...] = ()
    on_change: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    steps: tuple[tuple[str, str], ...] = ()
    # The verdicts of a shard, for its part.
    sharded: Sharded | None = None
    verdicts: Mapping[str, EnvironmentVerdict] = {}


def content(options: argparse.Namespace) -> Content:
    """Judge the chosen environments. Raises UsageError, and RepositoryError as `diff` does."""
    if options.base:
        if options.shard or options.part:
            raise UsageError(
                "a page that is made in shards shows no change",
                hint="leave out --base, or make the page of the change in one run",
            )
        return content_since(options)
    if options.traffic:
        raise UsageError(
            "--traffic is tried on a change, and no base is given", hint="add --base REF"
        )
    configuration = load(options.directory)
    wanted = select(configuration.environments, options.environments)
    share = sharded(options, configuration, wanted)
    files, how = folder(options), settings(options)
    question = VerdictQuestion(
        options.directory, configuration.environments, share.own, how, beside=share.beside
    )
    judged = judge(question.run, files, how)
    return Content(
        [judged[each.name] for each in share.own],
        files.locate,
        failures_of(judged),
        sharded=share,
        verdicts=verdicts_of(question, judged) if options.part else {},
    )


def content_since(options: argparse.Namespace) -> Content:
    """The same, compared with the base; each side is built once."""
    with tempfile.TemporaryDirectory(prefix="meshgate-") as temporary:
        revisions = GitRevisions.of(options.directory, options.base, None, Path(temporary))
        change = ProposedChange(
            revisions,
            options.environments,
            functools.partial(folder, options),
            settings(options),
            options.traffic,
            load=load,
        )
        comparisons = change.comparisons()
        effects = tuple((each.environment.name, each.effect) for each in comparisons)
        on_change = tuple(finding for each in comparisons for finding in each.findings)
        unsafe = [each for each in comparisons if each.effect.unsafe]
        steps = tuple((each.environment.name, safe_steps_text(each, revisions)) for each in unsafe)
    return Content(
        [change.after[environment.name] for environment in change.wanted],
        change.after_files.locate,
        change.failures,
        options.base if options.base == revisions.base else f"{options.base} ({revisions.base})",
        effects,
        on_change,
        tuple(change.notes),
        steps,
    )


def safe_steps_text(comparison: Comparison, revisions: GitRevisions) -> str:
    """The safe steps to an unsafe change, as `meshgate steps` prints them."""
    name = comparison.environment.name
    try:
        planned = EnvironmentSteps(name, safe_steps(comparison))
    except MeshgateError as error:
        return str(error)
    steps = Steps(revisions.base, revisions.head, [planned])
    return print_steps(steps, Options(color=False, width=STEPS_WIDTH, version=__version__))


def of_baseline(root: Path, judged: Sequence[Judged]) -> tuple[list[str], list[BurnDown]]:
    """How many findings the baseline has left, and how it shrank."""
    if not (root / config.BASELINE).exists():
        return [], []
    from meshgate.promotion.burn_down import burn_down, sentences  # noqa: PLC0415 - slow to import

    notes = baseline_note(finding for each in judged for finding in each.findings)
    points = burn_down(root, [each.name for each in judged])
    described = zip(points.items(), sentences(points), strict=True)
    return notes, [BurnDown(name, own, sentence) for (name, own), sentence in described]


def write_part(
    options: argparse.Namespace, shown: Content, page: Page, without: Sequence[str]
) -> None:
    """Write what `meshgate merge-reports` makes the whole page of."""
    assert shown.sharded is not None
    outcome = RunOutcome(shown.verdicts, [each.name for each in shown.sharded.own], NEVER)
    beside = {"portion": msgspec.to_builtins(portion(page)), "without": list(without)}
    whole = shown.sharded.whole
    write(options.part, part_text(shown.sharded.shard, whole, outcome, shown.locate, beside))


def run(options: argparse.Namespace) -> int:
    """Judge the chosen environments and write their page."""
    root: Path = options.directory
    outputs = [output for output in options.outputs if output.format == HTML]
    if len(outputs) != 1 and (outputs or options.fleet or not options.part):
        raise UsageError(
            "`meshgate report` writes one page",
            hint="say where: meshgate report --format html=report.html",
        )
    if options.fleet:
        from meshgate.cli.fleet_page import fleet_page  # noqa: PLC0415 - only for this page

        return fleet_page(options, outputs[0].file)
    if options.jobs or options.scheduler:
        raise UsageError(
            f"{'--jobs' if options.jobs else '--scheduler'} counts with --fleet only",
            why="A page with calls is made of the meshes themselves, in this process.",
            hint="make a page of many environments on many machines with --shard",
        )
    shown = content(options)
    built = [each for each in shown.judged if each.context is not None]
    findings = [*(f for each in shown.judged for f in each.findings), *shown.on_change]
    lines, without = timelines(options)
    promoted = {each.environment for each in lines}
    lines += floating(options, [each.name for each in built if each.name not in promoted])
    order = {name: place for place, name in enumerate(each.name for each in shown.judged)}
    lines.sort(key=lambda each: order.get(each.environment, len(order)))
    of_findings, burning = of_baseline(root, built)
    unreported = beyond_findings(shown.failures, [each.name for each in shown.judged])
    page = Page(
        title=options.title or f"Mesh policy of {root.resolve().name}",
        report=report_of(
            findings,
            [tally(each) for each in built],
            shown.locate,
            [*shown.notes, *of_findings, *notes_on(built), *without],
            unreported,
        ),
        views=[view_of(each)._replace(locate=shown.locate) for each in built],
        today=options.today,
        effects=shown.effects,
        base=shown.base,
        head=head_of(root),
        environments=[each.environment for each in built],
        timelines=lines,
        baselines=burning,
        steps=shown.steps,
    )
    if options.part:
        write_part(options, shown, page, without)
    for output in outputs:
        write_page(output.file, render(page, __version__))
    print_failures(shown.failures)
    return code_of(options.fail_on, findings, shown.failures.values(), shown.judged)
