"""Merge a promotion's pull request: judge all of it once more, then exactly that commit.

Every guard and gate is asked again, with the base, the clock, the reviews and the evidence
of this moment. What is merged is the commit that was judged: a push in between ends with 8.
What is merged already is a success. `--ready` merges every open promotion that may be merged
into environments with `merge: tool`.

Ends with 8 where a guard refuses or the branch conflicts, 10 where something is waited for.

examples:
  meshgate merge 42
  meshgate merge 42 --method squash
  meshgate merge --ready                  for a job that runs every few minutes
"""

from __future__ import annotations

import argparse
import sys

from meshgate.cli.output import publish
from meshgate.cli.promotions import add_promotion_options, session_of
from meshgate.errors import UsageError
from meshgate.promotion.merge import METHODS, merge, ready
from meshgate.promotion.report.merged import MERGED_FORMATS as FORMATS
from meshgate.report.escape.terminal import plain


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("pull", metavar="PR", nargs="?", type=int, help="its number")
    parser.add_argument("--ready", action="store_true", help="all that may be merged by the tool")
    parser.add_argument(
        "--method", choices=METHODS, default=METHODS[0], help="all three give the same state"
    )
    add_promotion_options(parser)


def run(options: argparse.Namespace) -> int:
    """Merge one pull request, or those that are ready."""
    if (options.pull is None) == (not options.ready):
        raise UsageError("name one pull request, or give --ready")
    with session_of(options) as session:
        if options.ready:
            merged, left = ready(session, method=options.method)
        else:
            merged, left = [merge(session, options.pull, method=options.method)], []
    for reason in left:
        print(f"meshgate: {plain(reason)}", file=sys.stderr)
    publish(FORMATS, merged, options)
    return 0
