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

from meshgate.cli.promotions import (
    add_promote_options,
    add_promotion_options,
    print_proposals,
    promote_options,
    session_of,
)
from meshgate.cli.terminal import printable
from meshgate.errors import MeshgateError, NothingToPromoteError, UsageError, gravest
from meshgate.promotion.promote import MANUAL, promote
from meshgate.promotion.pull_request import PullRequestResult
from meshgate.promotion.session import Session


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("environment", metavar="ENV", nargs="?")
    parser.add_argument(
        "--all", action="store_true", help="every environment that takes the newest release itself"
    )
    add_promote_options(parser)
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
    with session_of(options) as session:
        if not options.all:
            print_proposals(session, [promote_one(session, options.environment, options)], options)
            return 0
        opened: list[PullRequestResult] = []
        codes: set[int] = set()
        for name in automatic(session):
            try:
                opened.append(promote_one(session, name, options))
            except MeshgateError as error:
                codes.add(error.exit_code)
                print(f"meshgate: {name}: {printable(str(error))}", file=sys.stderr)
        print_proposals(session, opened, options)
    # Where one was proposed, another that has nothing new is no failure.
    nothing = NothingToPromoteError.exit_code
    return gravest(codes - {nothing}) or (0 if opened else nothing)


def promote_one(session: Session, name: str, options: argparse.Namespace) -> PullRequestResult:
    """The pull request of one environment."""
    return promote(
        session, name, promote_options(options), refresh=options.refresh, again=options.again
    )


def automatic(session: Session) -> list[str]:
    """The environments that were adopted and take releases without being told which."""
    return [
        policy.name
        for policy in session.policy.environments
        if policy.pinned and policy.select != MANUAL and session.state(policy.name) is not None
    ]
