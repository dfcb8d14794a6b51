"""Refuse a release, in an environment and in everything after it.

A small pull request that writes ENV's state; the open promotions of the release are closed by
the next `meshgate promote`. Where ENV has the release now it keeps it: `meshgate rollback`
takes it away, and rejects it as well.

examples:
  meshgate reject r-0a1b2c3d4e5f --reason "drops the policy of payments"
  meshgate reject 2026-08-22.3 --env prod --reason "waits for the new client"
"""

from __future__ import annotations

import argparse

from meshgate.cli.promotions import (
    add_direct,
    add_promotion_options,
    add_reason,
    print_proposals,
    session_of,
)
from meshgate.promotion.line import reject, write


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("release", metavar="RELEASE", help="an id, an alias or a commit")
    parser.add_argument(
        "--env", metavar="ENV", default="", help="default: the first pinned environment"
    )
    add_reason(parser, "it may not pass")
    add_direct(parser)
    add_promotion_options(parser)


def run(options: argparse.Namespace) -> int:
    """Open the pull request, or find it."""
    with session_of(options) as session:
        prepared = reject(session, options.release, reason=options.reason, name=options.env)
        print_proposals(session, [write(session, prepared, direct=options.direct)], options)
    return 0
