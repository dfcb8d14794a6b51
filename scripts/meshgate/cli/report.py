"""Write the page that people look at: one file that needs no network.

A matrix of namespaces and environments with the policies that decide, the calls as a graph,
and every finding with its source line. The exit code is that of the page being written:
findings do not fail it, an environment that cannot be judged does.

examples:
  meshgate report --format html=report.html           every environment
  meshgate report staging prod --format html=page.html
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from meshgate import __version__, config
from meshgate.cli import judging
from meshgate.cli.output import tell_failures, write
from meshgate.cli.validate import Validation, chosen
from meshgate.errors import UsageError
from meshgate.mesh import Mesh
from meshgate.report.html import Page, render
from meshgate.report.view import View

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

HTML = "html"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("environments", nargs="*", metavar="ENV", help="default: all of them")
    parser.add_argument(
        "--title", metavar="TEXT", help="the heading (default: the name of the folder)"
    )
    # What decides the findings is not for the page to choose.
    parser.set_defaults(engine="auto")


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
    page = Page(
        title=options.title or f"Mesh policy of {root.resolve().name}",
        report=judging.report_of(
            judged.findings,
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
