"""Propose the next release of an environment as a pull request.

Takes the newest release that the environments before let through, renders it from its
source commit, and pushes one commit: rendered/ENV, its state, one record of its ledger.
The pull request says what ports and calls become. Older open promotions of ENV are closed.

The same command twice changes nothing. A gate that still waits keeps nothing from being
opened; a guard that refuses does (8), and a hold (10): then nothing is pushed. Where there
is nothing to promote the end is 9. Without a forge the page is written to pr.md, and the
branch is pushed where there is a remote.

examples:
  meshgate promote staging
  meshgate promote prod --release 2026-08-22.3
  meshgate promote prod --refresh         make it anew from the state as it is now
  meshgate promote prod --again           although a person closed it
  meshgate promote --all --refresh        for a job that runs when main moves
"""

from __future__ import annotations

import argparse
import sys

from meshgate.cli.promotions import add_promotion_options, add_wish, standing, tell_opened, wish
from meshgate.cli.terminal import printable
from meshgate.errors import MeshgateError, NothingToPromoteError, UsageError, gravest
from meshgate.promotion.flows.choosing import MANUAL
from meshgate.promotion.flows.ground import Ground
from meshgate.promotion.flows.promoting import promote
from meshgate.promotion.flows.proposing import Opened


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("environment", metavar="ENV", nargs="?")
    parser.add_argument(
        "--all", action="store_true", help="every environment that takes the newest release itself"
    )
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


def run(options: argparse.Namespace) -> int:
    """Open the pull request, or find it; those of all environments with --all."""
    if (options.environment is None) != options.all:
        raise UsageError("name one environment, or give --all")
    with standing(options) as ground:
        if not options.all:
            tell_opened(ground, [one(ground, options.environment, options)], options)
            return 0
        opened: list[Opened] = []
        codes: set[int] = set()
        for name in automatic(ground):
            try:
                opened.append(one(ground, name, options))
            except MeshgateError as error:
                codes.add(error.exit_code)
                print(f"meshgate: {name}: {printable(str(error))}", file=sys.stderr)
        tell_opened(ground, opened, options)
    # Where one was proposed, another that has nothing new is no failure.
    nothing = NothingToPromoteError.exit_code
    return gravest(codes - {nothing}) or (0 if opened else nothing)


def one(ground: Ground, name: str, options: argparse.Namespace) -> Opened:
    """The pull request of one environment."""
    return promote(ground, name, wish(options), refresh=options.refresh, again=options.again)


def automatic(ground: Ground) -> list[str]:
    """The environments that were adopted and take releases without being told which."""
    return [
        policy.name
        for policy in ground.policy.environments
        if policy.pinned and policy.select != MANUAL and ground.state(policy.name) is not None
    ]
