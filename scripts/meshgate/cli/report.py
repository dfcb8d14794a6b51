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
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from meshgate import __version__, config
from meshgate.cli import judging
from meshgate.cli.diff import Change
from meshgate.cli.output import tell_failures, write
from meshgate.cli.revisions import Revisions
from meshgate.cli.seen import add_traffic
from meshgate.cli.validate import Validation, chosen
from meshgate.errors import UsageError
from meshgate.mesh import Mesh
from meshgate.report.html import Page, render
from meshgate.report.view import View

if TYPE_CHECKING:
    from meshgate.effect import Effect
    from meshgate.model import Finding

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


class Since(NamedTuple):
    """What changed since a base, and what the rules on changes say of it; empty: no base."""

    base: str = ""
    effects: tuple[tuple[str, Effect], ...] = ()
    findings: tuple[Finding, ...] = ()


def since(options: argparse.Namespace, names: list[str]) -> Since:
    """The effect on each of these environments. Raises UsageError, RepositoryError as `diff`."""
    if not options.base:
        if options.traffic:
            raise UsageError(
                "--traffic is tried on a change, and no base is given", hint="add --base REF"
            )
        return Since()
    asked = argparse.Namespace(**{**vars(options), "env": names})
    with tempfile.TemporaryDirectory(prefix="meshgate-") as folder:
        revisions = Revisions.of(options.directory, options.base, None, Path(folder))
        change = Change(asked, revisions)
        found = change.judge()
    told = tuple((each.environment, each.effect) for each in found)
    return Since(f"{options.base} ({revisions.base})", told, tuple(change.findings))


def run(options: argparse.Namespace) -> int:
    """Judge the chosen environments and write their page."""
    root: Path = options.directory
    outputs = [output for output in options.outputs if output.format == HTML]
    if len(outputs) != 1:
        raise UsageError(
            "`meshgate report` writes one page",
            hint="say where: meshgate report --format html=report.html",
        )
    configuration = config.load(root)
    wanted = chosen(configuration.environments, options.environments)
    judged = Validation(root, configuration.environments, options)
    judged.judge(wanted)
    change = since(options, [environment.name for environment in wanted])
    page = Page(
        title=options.title or f"Mesh policy of {root.resolve().name}",
        report=judging.report_of(
            [*judged.findings, *change.findings],
            [judging.tally(context) for context in judged.judged],
            judged.locate,
            judging.notes_on(judged.judged),
            judged.failures,
        ),
        views=[
            View(
                context.environment.name,
                context.mesh or Mesh(context.resources.all, context.environment.mesh),
                judged.locate,
            )
            for context in judged.judged
        ],
        today=options.today.isoformat(),
        effects=change.effects,
        base=change.base,
    )
    text = render(page, __version__)
    file = outputs[0].file
    if file is None:
        sys.stdout.write(text)
    else:
        write(file, text)
        print(f"meshgate: {file}: {len(text) / 1e6:.1f} MB, open it in a browser", file=sys.stderr)
    tell_failures(judged.failures)
    codes = {failure.exit_code for failure in judged.failures.values()}
    return next((code for code in judging.GRAVEST_FIRST if code in codes), 0)
