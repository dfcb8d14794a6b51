"""Write the page that people look at: one file that needs no network.

A matrix of namespaces and environments with the policies that decide, the calls as a graph,
every finding with its source line; with --base, what the change does. The exit code is that of
the page being written: findings do not fail it, an environment that cannot be judged does.

examples:
  meshgate report --format html=report.html           every environment
  meshgate report staging prod --format html=page.html
  meshgate report --base main --format html=page.html  and what this branch changes
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from meshgate import __version__, config
from meshgate.cli import judging
from meshgate.cli.diff import Change, mesh_of
from meshgate.cli.output import tell_failures, write
from meshgate.cli.revisions import Revisions
from meshgate.cli.seen import add_traffic
from meshgate.cli.validate import Validation, chosen
from meshgate.effect import Effect
from meshgate.errors import MeshgateError, UsageError
from meshgate.model import Finding
from meshgate.report.html import Page, render
from meshgate.report.view import View

HTML = "html"


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
    # What decides the findings is not for the page to choose.
    parser.set_defaults(engine="auto")


class Judged(NamedTuple):
    """The working tree, judged; with a base, what changed since and what cannot be told of it."""

    validation: Validation
    base: str = ""
    effects: tuple[tuple[str, Effect], ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    # Environments that could not be judged, on either side.
    failures: Mapping[str, MeshgateError] = {}


def judge(options: argparse.Namespace) -> Judged:
    """Judge the chosen environments. Raises UsageError, and RepositoryError as `diff` does."""
    root: Path = options.directory
    if options.base:
        return judge_since(options)
    if options.traffic:
        raise UsageError(
            "--traffic is tried on a change, and no base is given", hint="add --base REF"
        )
    environments = config.load(root).environments
    validation = Validation(root, environments, options)
    validation.judge(chosen(environments, options.environments))
    return Judged(validation, failures=validation.failures)


def judge_since(options: argparse.Namespace) -> Judged:
    """The same, compared with the base; each side is built once."""
    asked = argparse.Namespace(**{**vars(options), "env": options.environments})
    with tempfile.TemporaryDirectory(prefix="meshgate-") as folder:
        revisions = Revisions.of(options.directory, options.base, None, Path(folder))
        change = Change(asked, revisions)
        effects = tuple((each.environment, each.effect) for each in change.judge())
    change.after.judge_built(change.wanted)
    return Judged(
        change.after,
        f"{options.base} ({revisions.base})",
        effects,
        tuple(change.findings),
        tuple(change.notes()),
        {**change.before_failures(), **change.after.failures},
    )


def run(options: argparse.Namespace) -> int:
    """Judge the chosen environments and write their page."""
    root: Path = options.directory
    outputs = [output for output in options.outputs if output.format == HTML]
    if len(outputs) != 1:
        raise UsageError(
            "`meshgate report` writes one page",
            hint="say where: meshgate report --format html=report.html",
        )
    found = judge(options)
    judged = found.validation
    page = Page(
        title=options.title or f"Mesh policy of {root.resolve().name}",
        report=judging.report_of(
            [*judged.findings, *found.findings],
            [judging.tally(context) for context in judged.judged],
            judged.locate,
            [*found.notes, *judging.notes_on(judged.judged)],
            found.failures,
        ),
        views=[
            View(context.environment.name, mesh_of(context), judged.locate)
            for context in judged.judged
        ],
        today=options.today.isoformat(),
        effects=found.effects,
        base=found.base,
    )
    text = render(page, __version__)
    file = outputs[0].file
    if file is None:
        sys.stdout.write(text)
    else:
        write(file, text)
        print(f"meshgate: {file}: {len(text) / 1e6:.1f} MB, open it in a browser", file=sys.stderr)
    tell_failures(found.failures)
    codes = {failure.exit_code for failure in found.failures.values()}
    return next((code for code in judging.GRAVEST_FIRST if code in codes), 0)
