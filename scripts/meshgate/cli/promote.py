"""Propose the next release of an environment as a pull request.

Takes the newest release that the environments before let through, renders it from its
source commit, and pushes one commit: rendered/ENV, its state, one record of its ledger.
The pull request says what ports and calls become. Older open promotions of ENV are closed.

The same command twice changes nothing. A gate that still waits keeps nothing from being
opened; a guard that refuses does (8), and then nothing is pushed. Where there is nothing to
promote the end is 9. Without a forge the page is written to pr.md, and the branch is pushed
where there is a remote.

examples:
  meshgate promote staging
  meshgate promote prod --release 2026-08-22.3
  meshgate promote prod --refresh         make it anew from the state as it is now
  meshgate promote prod --again           although a person closed it
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshgate.cli.promotions import add_promotion_options, standing, tell_opened
from meshgate.promotion.flows.promoting import Wish, promote

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("environment", metavar="ENV")
    add_wish(parser)
    parser.add_argument(
        "--refresh",
        action="store_true",
        help="where its state or its effects have changed since, make the commit anew; "
        "approvals are then given anew, too",
    )
    parser.add_argument(
        "--again", action="store_true", help="open it although a person closed it unmerged"
    )
    add_promotion_options(parser)


def add_wish(parser: argparse.ArgumentParser) -> None:
    """What may be asked of a promotion."""
    parser.add_argument(
        "--release",
        metavar="RELEASE",
        default="",
        help="an id (r-...), an alias (2026-08-22.3) or a commit; default: the newest possible",
    )
    parser.add_argument("--reason", metavar="TEXT", default="", help="why; is recorded")
    parser.add_argument(
        "--resources",
        metavar="N",
        type=int,
        help="accept that exactly N resources are left, where more than 30 %% would go",
    )
    parser.add_argument(
        "--supersede-hotfix",
        metavar="REASON",
        default="",
        help="what an open hotfix set and this release lacks is over, for this reason",
    )


def wish(options: argparse.Namespace) -> Wish:
    """What was asked for."""
    return Wish(
        release=options.release,
        resources=options.resources,
        forgive=options.supersede_hotfix,
        reason=options.reason,
    )


def run(options: argparse.Namespace) -> int:
    """Open the pull request, or find it."""
    with standing(options) as ground:
        opened = promote(
            ground,
            options.environment,
            wish(options),
            refresh=options.refresh,
            again=options.again,
        )
        tell_opened(ground, opened, options)
    return 0
