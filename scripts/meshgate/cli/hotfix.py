"""Propose a repair that skips environments, and note what main still lacks.

REF is a branch with the smallest edit of what ENV is built from, made on the commit that ENV
has now (`meshgate status` tells it). A pull request must bring the same to main: the open one
of that branch, or the one that --main-pr names. The environments that are skipped are written
down as passed over, and every value that the repair sets is noted: the next promotion to ENV
must have it, or say that it is over (`promote --supersede-hotfix`).

examples:
  git switch -c hotfix/prod/checkout 1a2b3c4d5e6f      prod's source commit
  meshgate hotfix prod --from hotfix/prod/checkout --reason "503 in checkout" --ticket INC-12
"""

from __future__ import annotations

import argparse
import datetime

from meshgate.cli.options import today
from meshgate.cli.promotions import add_promotion_options, add_reason, print_proposals, session_of
from meshgate.promotion.hotfix import HotfixOptions, hotfix

# How long main may take to get what a hotfix repaired.
DAYS = 14


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("environment", metavar="ENV")
    parser.add_argument(
        "--from", required=True, dest="start", metavar="REF", help="the branch with the repair"
    )
    add_reason(parser, "it cannot wait")
    parser.add_argument("--ticket", required=True, metavar="ID", help="of the incident")
    parser.add_argument(
        "--main-pr",
        metavar="NUMBER",
        default="",
        help="the pull request that brings the repair to main, where it is of another branch; "
        "without a forge, its address",
    )
    parser.add_argument(
        "--due", metavar="DATE", help=f"when main must have it; default: in {DAYS} days"
    )
    parser.add_argument(
        "--refresh", action="store_true", help="make it anew where the state has changed since"
    )
    add_promotion_options(parser)


def run(options: argparse.Namespace) -> int:
    """Open the pull request, or find it."""
    due = today(options.due) if options.due else options.today + datetime.timedelta(days=DAYS)
    hotfix_options = HotfixOptions(
        start=options.start,
        reason=options.reason,
        ticket=options.ticket,
        due=due,
        linked=options.main_pr,
    )
    with session_of(options) as session:
        result = hotfix(session, options.environment, hotfix_options, refresh=options.refresh)
        print_proposals(session, [result], options)
    return 0
