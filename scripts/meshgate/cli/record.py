"""Freeze in tags what is known after a merge only: who merged, who approved which commit.

Every record on the base branch gets the annotated tag env/ENV/SEQ on the commit that brought
it, with the approvals as JSON; a release that left dev gets release/RELEASE on its source
commit, which keeps it alive. Tags that are there stay as they are: run it as often as you
like. They are signed where git's `tag.gpgSign` says so.

A tag that fails is told and tried again by the next run; the merge is valid without it.

examples:
  meshgate record
  meshgate record prod
"""

from __future__ import annotations

import argparse
import sys

from meshgate.cli.output import publish
from meshgate.cli.promotions import add_promotion_options, standing
from meshgate.promotion.flows.recording import record
from meshgate.promotion.report.tagged import FORMATS
from meshgate.report.escape.terminal import plain


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("environments", nargs="*", metavar="ENV", help="default: all of them")
    add_promotion_options(parser)


def run(options: argparse.Namespace) -> int:
    """Tag what has no tag yet."""
    with standing(options) as ground:
        for name in options.environments:
            ground.policy.pinned(name)
        tags, degraded = record(ground, options.environments)
    for reason in degraded:
        print(f"meshgate: degraded: {plain(reason)}", file=sys.stderr)
    publish(FORMATS, tags, options)
    return 0
