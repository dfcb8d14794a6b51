"""Freeze in tags what is known after a merge only: who merged, who approved which commit.

Every record on the base branch gets the annotated tag env/ENV/SEQ on the commit that brought
it, with the approvals as JSON; a release that left dev gets release/RELEASE on its source
commit, which keeps it alive. Tags that are there stay as they are: run it as often as you
like. They are signed where git's `tag.gpgSign` says so.

A tag that fails is reported and tried again by the next run; the merge is valid without it.

examples:
  meshgate record
  meshgate record prod
"""

from __future__ import annotations

import argparse
import sys

from meshgate.cli.output import publish
from meshgate.cli.promotions import add_promotion_options, session_of
from meshgate.promotion.record import record
from meshgate.promotion.report.merged import TAGS_FORMATS
from meshgate.report.escape.terminal import plain


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("environments", nargs="*", metavar="ENV", help="default: all of them")
    add_promotion_options(parser)


def run(options: argparse.Namespace) -> int:
    """Tag what has no tag yet."""
    with session_of(options) as session:
        for name in options.environments:
            session.policy.pinned(name)
        tags, degraded = record(session, options.environments)
    for reason in degraded:
        print(f"meshgate: degraded: {plain(reason)}", file=sys.stderr)
    publish(TAGS_FORMATS, tags, options)
    return 0
