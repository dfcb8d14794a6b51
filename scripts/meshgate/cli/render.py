"""Print what is judged: each environment as kustomize renders it, one YAML stream.

examples:
  meshgate render prod
  meshgate render prod --format json
"""

from __future__ import annotations

import argparse
import sys

from meshgate import source
from meshgate.cli.options import add_judging
from meshgate.cli.request import end, environments_of, judge_wanted
from meshgate.pipeline.reports import NEVER


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("environments", nargs="*", metavar="ENV", help="default: all of them")
    add_judging(parser, fail_on=NEVER)


def run(options: argparse.Namespace) -> int:
    """Print the rendered environments."""
    wanted = environments_of(options, options.environments)
    judged = judge_wanted(options, wanted)
    names = [environment.name for environment in wanted]
    for name in names:
        build = judged[name].build
        if build is not None and build.resources:
            sys.stdout.write(source.dump(build.resources, comment=name))
    return end(options, judged, names)
