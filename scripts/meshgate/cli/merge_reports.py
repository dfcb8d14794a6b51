"""Put the parts of a run together: the reports and the exit code of one run over all of it.

Each part is what `meshgate validate --shard K/N --part FILE` wrote. Parts of different commits,
options or versions are refused, and so is a run that lacks one: what a missing shard was to judge
would pass in silence.

examples:
  meshgate merge-reports parts/*.json
  meshgate merge-reports parts/*.json --format sarif=out.sarif --format junit=out.xml
  meshgate merge-reports parts/*.json --times times.json   for the next run's --times
"""

from __future__ import annotations

import argparse
from pathlib import Path

from meshgate.cli.options import add_follow_ups, add_narrowing
from meshgate.cli.output import publish_report, write
from meshgate.cli.request import print_failures, print_refused
from meshgate.pipeline.outcome import ending
from meshgate.pipeline.part import merged
from meshgate.pipeline.reports import LEVELS
from meshgate.pipeline.shards import times_text


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument(
        "files", nargs="+", metavar="FILE", type=Path, help="the part of each shard"
    )
    parser.add_argument(
        "--fail-on",
        choices=LEVELS,
        help="the least finding that ends the run with 1 (default: as the shards were told, error "
        "or undecided where they were told never); an environment that cannot be judged always "
        "fails it",
    )
    add_narrowing(parser)
    add_follow_ups(parser)
    parser.add_argument(
        "--times",
        metavar="FILE",
        type=Path,
        help="write the seconds that each environment took, for `validate --shard --times`",
    )


def run(options: argparse.Namespace) -> int:
    """Merge the parts and write their reports."""
    whole, outcome, lines = merged(options.files, options.fail_on)
    options.rule_link = whole.rule_link
    ended = ending(outcome, lines, options.select, options.ignore)
    if options.times:
        took = {name: outcome.verdicts[name].seconds for name in outcome.wanted}
        write(options.times, times_text(took))
    publish_report(ended.report, options)
    print_failures(ended.failures)
    print_refused(outcome)
    return ended.code
