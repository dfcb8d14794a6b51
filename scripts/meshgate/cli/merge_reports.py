"""Put the parts of a run together: the reports and the exit code of one run over all of it.

Each part is what `meshgate validate --shard K/N --part FILE` wrote, or `meshgate report` for
the page (`--format html`). Parts of different commits,
options or versions are refused, and so is a run that lacks one: what a missing shard was to judge
would pass in silence.

examples:
  meshgate merge-reports parts/*.json
  meshgate merge-reports parts/*.json --format sarif=out.sarif --format junit=out.xml
  meshgate merge-reports parts/*.json --times times.json   for the next run's --times
  meshgate merge-reports pages/*.json --format html=page.html
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import structs

from meshgate import __version__
from meshgate.cli.options import ANNOTATIONS, HTML, Output, add_follow_ups, add_narrowing
from meshgate.cli.output import publish_report, write, write_page
from meshgate.cli.request import print_failing, print_failures, print_refused
from meshgate.errors import UsageError
from meshgate.pipeline.outcome import ending
from meshgate.pipeline.reports import LEVELS, NEVER, exit_code, failing
from meshgate.pipeline.shard_part import MergedParts, merge
from meshgate.pipeline.shards import times_text

FORMATS = (HTML,)
REPORT = "report"


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
    """Merge the parts and write their reports, or their page."""
    merged = merge(options.files, options.fail_on)
    options.rule_link = merged.whole.rule_link
    if options.times:
        verdicts = merged.outcome.verdicts
        took = {name: verdicts[name].seconds for name in merged.outcome.wanted}
        write(options.times, times_text(took))
    pages = [output for output in options.outputs if output.format == HTML]
    others = [each for each in options.outputs if each.format not in {HTML, ANNOTATIONS}]
    is_page = merged.whole.command == REPORT
    if bool(pages) != is_page or (is_page and others):
        raise UsageError(
            f"these are parts of `meshgate {merged.whole.command}`",
            why="Those of `meshgate validate` are put together as reports, those of `meshgate "
            "report` as a page.",
            hint="--format html=page.html for parts of a page, another format for the others",
        )
    if pages:
        return write_whole_page(merged, options, pages)
    ended = ending(merged.outcome, merged.lines, options.select, options.ignore)
    publish_report(ended.report, options)
    print_failures(ended.failures)
    print_refused(merged.outcome)
    return ended.code


def write_whole_page(
    merged: MergedParts, options: argparse.Namespace, pages: Sequence[Output]
) -> int:
    """Write the page of all parts; the exit code is that of `meshgate report`."""
    from meshgate.report.html import Portion, joined, render_portion  # noqa: PLC0415 - for pages

    try:
        portions = [msgspec.convert(page["portion"], Portion) for page in merged.pages]
        without: list[str] = msgspec.convert(merged.pages[0]["without"], list[str])
    except (msgspec.ValidationError, KeyError, TypeError) as error:
        raise UsageError(f"a part has no page: {error}") from error
    fail_on = options.fail_on or NEVER
    ended = ending(structs.replace(merged.outcome, fail_on=NEVER), merged.lines)
    report = structs.replace(ended.report, notes=(*ended.report.notes, *without))
    whole = joined(portions, merged.outcome.wanted)
    for page in pages:
        write_page(page.file, render_portion(whole, report, __version__))
    print_failures(ended.failures)
    print_failing(failing(report.findings, fail_on))
    failures = [each.refused.error() for each in merged.outcome.verdicts.values() if each.refused]
    return exit_code(report.findings, failures, fail_on)
